#!/usr/bin/env python3
"""Runs the commands for gdb on a program that hangs: alive, and as a core file.

    test_gdb.py ROOT BUILD_FOLDER [TEST...]
"""
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'examples'))
from runner import (Skipped, check, check_equal, environment, run_all, tests_of,  # noqa: E402
                    wait_until)

ROOT, BUILD = sys.argv[1], os.path.abspath(sys.argv[2])
HANG = os.path.join(BUILD, 'examples', 'gotcha_hang')
COIL = os.path.join(BUILD, 'tools', 'coil', 'coil')
SCRIPT = os.path.join(ROOT, 'tools', 'gdb', 'libcoil-gdb.py')
LIMIT = 120
LOOK = ['coil tasks', 'coil bt billing', 'coil bt 2', 'coil switch billing', 'up', 'bt',
        'coil back', 'coil bt nobody']


def gdb(args, commands, script=SCRIPT):
    if not shutil.which('gdb'):
        raise Skipped('gdb is missing')
    words = ['gdb', '-q', '-nx', '-batch', '-iex', 'set debuginfod enabled off'] + args
    words += ['-ex', 'source ' + script] if script else []
    for command in commands:
        words += ['-ex', 'echo == %s\\n' % command, '-ex', command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False,
                          stdin=subprocess.DEVNULL)
    text = done.stdout + done.stderr
    if 'ptrace: Operation not permitted' in text:
        raise Skipped('this process may not trace another one')
    if 'Python scripting is not supported' in text:
        raise Skipped('this gdb has no Python')
    parts = re.split(r'^== (.*)\n', done.stdout, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2])), text


def allow_core():
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


class Hang:
    def __init__(self, **options):
        self.options = options

    def __enter__(self):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([HANG], env=environment('epoll'), stdout=subprocess.PIPE,
                                        text=True, **self.options)
        self.process.stdout.readline()
        wait_until(lambda: subprocess.run([COIL, 'ps', str(self.process.pid)], check=False,
                                          capture_output=True, text=True,
                                          timeout=LIMIT).stdout.count('waiting') == 3, 'all wait')
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def check_look(parts, text):
    tasks = parts['coil tasks'].splitlines()
    check_equal([re.sub(r':\d+', ':N', task) for task in tasks], [
        'main (1) waits: gather',
        'report (2) waits: recv; created at hang.c:N in amain',
        'billing (3) waits: lock, held by report (2); created at hang.c:N in amain',
        '3 tasks'])
    if 'it has no stack to show' in parts['coil bt billing']:
        raise Skipped('the portable context switch')
    check(re.search(r'#\d+ +billing at ', parts['coil bt billing']), text)
    check(re.search(r'#\d+ +report at .*hang\.c:\d+', parts['coil bt 2']), text)
    check('on the stack of billing (3), which waits: lock' in parts['coil switch billing'], text)
    check(re.search(r'#\d+ .*\bbilling \(arg=', parts['coil switch billing']), text)
    check(re.search(r'#\d+ .*task_main', parts['up']), text)
    check(re.search(r' billing \(arg=', parts['bt']), text)
    check('task_main' in parts['bt'], text)
    check('#0' in parts['coil back'], text)
    check('no task has the id or name nobody' in text, text)
    check('Traceback' not in text, text)


def test_live_process():
    with Hang() as process:
        parts, text = gdb(['-p', str(process.pid)], LOOK)
        check_look(parts, text)
        check_equal(process.poll(), None, 'it goes on')


def test_core_file():
    """The kernel's; gcore leaves out mappings that it cannot read as a whole."""
    with open('/proc/sys/kernel/core_pattern', encoding='utf-8') as file:
        if file.read().strip() not in ('core', 'core.%p'):
            raise Skipped('core files go elsewhere')
    with tempfile.TemporaryDirectory() as folder:
        with Hang(cwd=folder, preexec_fn=allow_core) as process:
            process.send_signal(signal.SIGABRT)
            process.wait()
        found = glob.glob(folder + '/core*')
        if not found:
            raise Skipped('no core file was written')
        parts, text = gdb([HANG, found[0]], LOOK)
        check_look(parts, text)


def test_continue_ends_a_switch():
    with Hang() as process:
        parts, text = gdb(['-p', str(process.pid)], ['coil switch 2', 'stepi', 'bt'])
        if 'it has no suspended stack' in text:
            raise Skipped('the portable context switch')
        check('report' in parts['coil switch 2'], text)
        check('main' in parts['bt'] and 'coil_recv' not in parts['bt'], text)


def test_loaded_by_itself():
    """Where meson puts it, below the folder of gdb's own, it is found by the library's name."""
    with Hang() as process, tempfile.TemporaryDirectory() as folder:
        place = folder + os.path.realpath(BUILD)
        os.makedirs(place)
        shutil.copy(SCRIPT, place + '/libcoil.so.0-gdb.py')
        parts, text = gdb(['-iex', 'set auto-load scripts-directory ' + folder,
                           '-iex', 'set auto-load safe-path ' + folder, '-p', str(process.pid)],
                          ['coil tasks'], script=None)
        check('billing (3) waits' in parts['coil tasks'], text)


def test_no_libcoil():
    parts, text = gdb(['/bin/true'], ['coil tasks'])
    check('there is no libcoil in this program' in text, text)
    check_equal(parts['coil tasks'], '')


def test_not_running():
    _, text = gdb([HANG], ['coil tasks'])
    check(re.search('there is no libcoil in this program|not running', text), text)


def test_names_are_those_of_the_header():
    """The script has a list of its own."""
    with open(os.path.join(ROOT, 'src', 'task', 'layout.h'), encoding='utf-8') as file:
        header = file.read()
    with open(SCRIPT, encoding='utf-8') as file:
        script = file.read()
    fields = re.findall(r'^    uint32_t (\w+);', header.split('struct coil__context_layout')[1],
                        re.M)
    check_equal(re.search(r"^NAMES = '''(.*?)'''", script, re.M | re.S).group(1).split(), fields)


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[3:])))
