#!/usr/bin/env python3
"""Runs `coil ps` and `coil pstree` on programs of ours.

    test_coil_ps.py ROOT BUILD_FOLDER [TEST...]
"""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'examples'))
from runner import (Skipped, check, check_equal, environment, run_all, tests_of,  # noqa: E402
                    wait_until)

ROOT, BUILD = sys.argv[1], os.path.abspath(sys.argv[2])
COIL = os.path.join(BUILD, 'tools', 'coil', 'coil')
CROWD = os.path.join(BUILD, 'tests', 'tools', 'crowd')
HANG = os.path.join(BUILD, 'examples', 'gotcha_hang')
LIMIT = 60
BACKENDS = ['epoll', 'sim', None]  # None: io_uring, where it is allowed


def coil(*args, **options):
    return subprocess.run([COIL] + [str(arg) for arg in args], capture_output=True, text=True,
                          timeout=LIMIT, check=False, **options)


class Running:
    """A program that runs until the block is left."""

    def __init__(self, command, backend=None, **changes):
        self.env = environment(backend)
        self.env.update(changes)
        self.command = [str(word) for word in command]

    def __enter__(self):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(self.command, env=self.env, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def pid(self):
        return self.process.pid

    def line(self):
        return self.process.stdout.readline()


def settled_hang(backend=None, **changes):
    """gotcha_hang, as soon as both of its tasks wait."""
    running = Running([HANG], backend, **changes)

    class Context:
        def __enter__(self):
            running.__enter__()
            check_equal(running.line(), 'coil pstree %d\n' % running.pid)
            wait_until(lambda: coil('ps', running.pid).stdout.count('waiting') == 3,
                       'all tasks wait')
            return running

        def __exit__(self, *args):
            running.__exit__(*args)
    return Context()


def has_stacks():
    with settled_hang() as hang:
        return 'without libdw' not in coil('ps', hang.pid).stderr


def page():
    with open(os.path.join(ROOT, 'docs', 'debugging.md'), encoding='utf-8') as file:
        return file.read()


def normal(text, pid):
    text = text.replace('(%d)' % pid, '(4711)')
    text = re.sub(r'descriptor \d\b', 'descriptor 4', text)
    return re.sub(r', on \w+', ', on uring', text)


def test_pstree_shows_a_hang():
    for backend in BACKENDS:
        with settled_hang(backend) as hang:
            done = coil('pstree', hang.pid)
            check_equal(done.returncode, 0, done.stderr)
            told = [line for line in done.stdout.splitlines() if ' at ' not in line[:12]]
            told = [re.sub(r':\d+', ':N', re.sub(r'descriptor \d+', 'descriptor N', line))
                    for line in told]
            check_equal(told, [
                'gotcha_hang (%d), on %s: 3 tasks' % (hang.pid, told[0].split()[3][:-1]),
                '- main (1) waits: gather',
                '  - report (2) waits: recv, descriptor N; created at hang.c:N in amain',
                '  - billing (3) waits: lock, held by report (2); created at hang.c:N in amain'])
            if has_stacks():
                places = re.findall(r'at (\w+), hang\.c:\d+', done.stdout)
                check(places in (['amain', 'ask', 'report', 'billing'],
                                 ['amain', 'report', 'billing']), done.stdout)
                check('at coil_recv\n' in done.stdout, done.stdout)


def test_page_shows_this():
    """What docs/debugging.md says is what is printed; of a build with lines, by gcc."""
    with settled_hang() as hang:
        tree, table = coil('pstree', hang.pid), coil('ps', hang.pid)
        if 'at ask, hang.c' not in tree.stdout:
            raise Skipped('no lines, or another compiler than gcc')
        for done in (tree, table):
            shown = normal(done.stdout, hang.pid)
            check(shown in page(), 'docs/debugging.md shows something else than\n' + shown)


def test_ps_is_a_table():
    with settled_hang(COIL_DEBUG='1') as hang:
        done = coil('ps', hang.pid)
        check_equal(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        check_equal(re.split('  +', lines[1]), ['ID', 'NAME', 'STATE', 'FOR', 'WAITS FOR',
                                                'AWAITED BY', 'AT', 'CREATED AT'])
        billing = re.split('  +', lines[4])
        check_equal(billing[:3], ['3', 'billing', 'waiting'])
        check(re.match(r'\d+(\.\d+)? \w+$', billing[3]), 'how long it waits:', billing)
        check_equal(billing[4:6], ['lock, held by report (2)', 'main (1)'])
        check(re.match(r'amain, hang.c:\d+$', billing[7]), billing)


def test_json():
    for backend in BACKENDS:
        with settled_hang(backend) as hang:
            found = json.loads(coil('ps', '--json', hang.pid).stdout)
            check_equal(found, json.loads(coil('pstree', hang.pid, '--json').stdout))
            check_equal((found['pid'], found['program']), (hang.pid, 'gotcha_hang'))
            check_equal(len(found['loops']), 1)
            main, report, billing = found['loops'][0]['tasks']
            check_equal([task['name'] for task in (main, report, billing)],
                        ['main', 'report', 'billing'])
            check_equal((main['awaits'], main['awaited_by']), ([2, 3], []))
            check_equal(report['awaited_by'], [1])
            check_equal((report['state'], report['waits_for']), ('waiting', 'recv'))
            check(report['descriptor'] >= 0)
            check_equal((billing['waits_for'], billing['lock_holder']), ('lock', 2))
            check_equal(billing['descriptor'], None)
            check_equal(billing['created']['function'], 'amain')
            check_equal(billing['cancel'], None)
            if has_stacks():
                check('report' in [frame['function'] for frame in report['stack']], report)


def test_watch():
    with settled_hang() as hang:
        with Running([COIL, 'ps', '--watch', '0.1', hang.pid]) as watch:
            lines = [watch.line() for _ in range(14)]
            check_equal(sum('3 tasks' in line for line in lines), 3, lines)
            hang.process.kill()
            hang.process.wait()
            watch.process.stdout.read()
            check_equal(watch.process.wait(LIMIT), 1)


def test_help_and_usage():
    check('coil ps' in coil('--help').stdout)
    check('--watch' in coil('ps', '--help').stdout)
    check('--watch' in coil('help', 'pstree').stdout)
    check_equal(coil('--version').stdout.split()[0], 'coil')
    for args in ([], ['pps'], ['ps'], ['ps', 'x'], ['ps', '-1'], ['ps', '1', '2'],
                 ['ps', '1', '--wat'], ['ps', '1', '--watch', '0'], ['ps', '1', '2', '3'],
                 ['ps', '--watch=x', '1'], ['ps', ''], ['ps', '99999999999'], ['help', 'x']):
        done = coil(*args)
        check_equal((done.returncode, done.stdout), (2, ''), args)
        check(done.stderr, args)


def test_no_such_process():
    done = coil('ps', 2 ** 31 - 1)
    check_equal((done.returncode, done.stderr), (1, 'coil: there is no process 2147483647\n'))


def test_zombie():
    with Running(['/bin/true']) as process:
        wait_until(lambda: 'Z' in open('/proc/%d/stat' % process.pid,  # noqa: SIM115
                                       encoding='utf-8').read().split()[2], 'it has ended')
        done = coil('ps', process.pid)
        check_equal((done.returncode, done.stderr),
                    (1, 'coil: true (%d) has ended\n' % process.pid))


def test_no_libcoil():
    with Running(['/bin/sleep', '60']) as process:
        wait_until(lambda: os.readlink('/proc/%d/exe' % process.pid) != sys.executable and
                   'sleep' in os.readlink('/proc/%d/exe' % process.pid), 'it runs')
        done = coil('ps', process.pid)
        check_equal(done.returncode, 4, done.stderr)
        check('there is no libcoil in sleep' in done.stderr, done.stderr)


def test_kernel_thread():
    try:
        with open('/proc/2/comm', encoding='utf-8') as file:
            if file.read() != 'kthreadd\n':
                raise Skipped('the process 2 is none of the kernel\'s')
    except FileNotFoundError:
        raise Skipped('a container') from None
    check(coil('ps', 2).returncode in (3, 4))


def test_no_permission():
    if os.geteuid() != 0:
        done = coil('ps', 1)
        check_equal(done.returncode, 3, done.stderr)
        return
    if not shutil.which('setpriv'):
        raise Skipped('setpriv is missing')
    with settled_hang() as hang, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copy(COIL, folder)
        done = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
                               os.path.join(folder, 'coil'), 'ps', str(hang.pid)],
                              capture_output=True, text=True, timeout=LIMIT, check=False)
        check_equal(done.returncode, 3, done.stderr)
        check('belongs to another user (0)' in done.stderr and 'sudo' in done.stderr, done.stderr)


def patched(folder, word, value):
    """A copy of the library whose note says another version."""
    path = os.path.join(folder, 'libcoil.so.0')
    with open(os.path.join(BUILD, 'libcoil.so.0'), 'rb') as file:
        text = file.read()
    at = text.index(b'\x05\0\0\0\x08\0\0\0\x01\0\0\0coil\0\0\0\0') + 20 + 4 * word
    with open(path, 'wb') as file:
        file.write(text[:at] + value.to_bytes(4, 'little') + text[at + 4:])
    return {'LD_LIBRARY_PATH': folder}


def test_another_version():
    for word, value in ((0, 99), (1, 64)):  # the version; a distance that leads nowhere
        with tempfile.TemporaryDirectory() as folder:
            with Running([HANG], **patched(folder, word, value)) as hang:
                hang.line()
                done = coil('ps', hang.pid)
                check_equal(done.returncode, 5, done.stderr)
                check('another version of libcoil' in done.stderr, done.stderr)


def test_stripped():
    if not shutil.which('strip'):
        raise Skipped('strip is missing')
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(BUILD, 'libcoil.so.0'), folder)
        shutil.copy(HANG, os.path.join(folder, 'bare'))
        subprocess.run(['strip', folder + '/bare', folder + '/libcoil.so.0'], check=True)
        with Running([folder + '/bare'], LD_LIBRARY_PATH=folder) as hang:
            hang.line()
            wait_until(lambda: coil('ps', hang.pid).stdout.count('waiting') == 3, 'all wait')
            done = coil('pstree', hang.pid)
            check_equal(done.returncode, 0, done.stderr)
            check('billing (3) waits: lock, held by report (2); created at hang.c' in done.stdout,
                  done.stdout)
            if has_stacks():
                check('it is stripped' in done.stderr, done.stderr)
                check(re.search(r'at bare\+0x[0-9a-f]+', done.stdout), done.stdout)


def test_static_program():
    with Running([CROWD + '_static', 3]) as crowd:
        check_equal(crowd.line(), 'ready\n')
        found = json.loads(coil('ps', '--json', crowd.pid).stdout)
        check_equal(len(found['loops'][0]['tasks']), 6)


def test_several_loops():
    with Running([CROWD, 5, 4], 'epoll') as crowd:
        check_equal(crowd.line(), 'ready\n')
        found = json.loads(coil('ps', '--json', crowd.pid).stdout)
        check_equal(sorted(len(loop['tasks']) for loop in found['loops']), [6, 6, 6, 8])
        text = coil('pstree', crowd.pid).stdout
        check_equal(len(re.findall(r'loop \d of 4, on epoll: \d tasks', text)), 4, text)


def test_busy_process():
    """Its tasks change all the time: each look says something, and says so."""
    with Running([CROWD, 200, 1, 'busy']) as crowd:
        check_equal(crowd.line(), 'ready\n')
        for _ in range(20):
            done = coil('ps', '--json', crowd.pid)
            check_equal(done.returncode, 0, done.stderr)
            loop = json.loads(done.stdout)['loops'][0]
            check(loop['changing'] == 0 or 'changed while being read' in done.stderr, done.stderr)
            check(150 < len(loop['tasks']) < 210, len(loop['tasks']))


def test_blocked_loop():
    """The task that blocks it runs, and its stack is that of its thread."""
    for program in (CROWD, CROWD + '_static'):
        with Running([program, 3, 1, 'block']) as crowd:
            check_equal(crowd.line(), 'ready\n')
            wait_until(lambda pid=crowd.pid: 'pause' in coil('pstree', pid).stdout
                       or not has_stacks(), 'it blocks')
            text = coil('pstree', crowd.pid).stdout
            check(re.search(r'task-\d+ runs; created at crowd.c:\d+ in amain\n', text), text)
            if has_stacks():
                check(re.search(r'runs.*\n +at \w*pause\b.*\n +at wait_for_ever, crowd\.c:\d+',
                                text), text)


def test_process_that_ends():
    """It is killed at any moment of the look."""
    for i in range(40):
        with Running([CROWD, 2000]) as crowd:
            check_equal(crowd.line(), 'ready\n')
            # pylint: disable-next=consider-using-with
            look = subprocess.Popen([COIL, 'ps', str(crowd.pid)], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True)
            time.sleep(i * 0.001)
            crowd.process.kill()
            text = look.communicate(timeout=LIMIT)[1]
            check(look.returncode in (0, 1), look.returncode, text)


def test_stopped_process():
    with settled_hang() as hang:
        hang.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: 'is stopped' in coil('ps', hang.pid).stderr, 'it stops')
        check('billing' in coil('ps', hang.pid).stdout)


def test_traced_process():
    if not shutil.which('gdb'):
        raise Skipped('gdb is missing')
    with settled_hang() as hang:
        with Running(['gdb', '-q', '-nx', '-p', hang.pid, '-ex', 'shell echo here; sleep 60']):
            wait_until(lambda: 'is being traced by process' in coil('ps', hang.pid).stderr,
                       'gdb has it', 60)
            done = coil('ps', hang.pid)
            check('billing' in done.stdout, done.stdout, done.stderr)


def processor_time():
    """Of all processes that we have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_crowd_is_quick():
    """100,000 tasks in under 2 s, and a timer of the process is not 10 ms later for it. On a loaded
    machine all is late: so it is the time of the processor, and the best of some tries, that
    count; and where a timer is late without a look, one with it proves nothing."""
    with Running([CROWD, 100000]) as crowd:
        check_equal(crowd.line(), 'ready\n')
        times = []
        for _ in range(5):
            begin = processor_time()
            done = coil('ps', crowd.pid)
            times.append(processor_time() - begin)
            check_equal(done.stdout.count('\n'), 100005, done.stderr)
            if times[-1] < 2:
                break
        check(min(times) < 2, 'seconds:', times)
        late = {False: [], True: []}
        for _ in range(10):
            for look in late:
                if look:
                    coil('ps', crowd.pid)
                else:
                    time.sleep(1)
                crowd.process.send_signal(signal.SIGUSR1)
                late[look].append(int(crowd.line()))
            if min(late[True]) < 10000:
                break
        is_loaded = sorted(late[False])[len(late[False]) // 2] > 5000
        print('  %.2f s, late by %d us%s' % (min(times), min(late[True]),
                                             ', on a machine that is busy' if is_loaded else ''))
        check(is_loaded or min(late[True]) < 10000, 'late by so many us:', late)


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[3:])))
