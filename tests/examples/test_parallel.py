#!/usr/bin/env python3
"""Runs examples/parallel with commands that are quick, slow, wrong, loud and stubborn.

    test_parallel.py BUILD_FOLDER [TEST...]
"""
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import (check, check_equal, environment, run_all, tests_of, wait_until,  # noqa: E402
                    without_stalls)

PARALLEL = os.path.join(sys.argv[1], 'examples', 'parallel')
BACKENDS = [None, 'epoll']  # None: io_uring, where it is allowed
LIMIT = 60


def parallel(*arguments, backend=None, stdin=''):
    return subprocess.run([PARALLEL] + list(arguments), env=environment(backend), input=stdin,
                          capture_output=True, text=True, timeout=LIMIT, check=False)


def rows(text):
    """The table: command -> status."""
    return {m.group(2): m.group(1)
            for m in re.finditer(r'^ *(\S+|not run|too long) +[\d.]+  (.*)$', text, re.M)}


def exists(pid):
    """It runs; a zombie, which nobody in a container may reap, does not."""
    try:
        with open('/proc/%d/stat' % pid, encoding='ascii') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def test_output_in_order():
    commands = ['sleep 0.2; echo one', 'echo two; echo two >&2', 'sleep 0.1; echo three']
    for backend in BACKENDS:
        for options in ([], ['-j', '1'], ['-j3']):
            done = parallel(*options, *commands, backend=backend)
            check_equal(done.stdout, 'one\ntwo\ntwo\nthree\n')
            check_equal(done.returncode, 0)
            check_equal(rows(done.stderr), {command: '0' for command in commands})
            check('3 commands, 0 failed' in done.stderr, done.stderr)


def test_statuses():
    for backend in BACKENDS:
        done = parallel('true', 'exit 3', 'kill -TERM $$', 'no-such-program', backend=backend)
        check_equal(done.returncode, 1)
        check_equal(rows(done.stderr), {'true': '0', 'exit 3': '3', 'kill -TERM $$': 'SIGTERM',
                                        'no-such-program': '127'})
        check('4 commands, 3 failed' in done.stderr, done.stderr)


def test_commands_from_standard_input():
    for backend in BACKENDS:
        done = parallel('-j', '2', backend=backend, stdin='echo a\n\necho b\ncat; echo c')
        check_equal(done.stdout, 'a\nb\nc\n')  # their own standard input is empty
        check_equal(done.returncode, 0)
    check_equal(parallel().returncode, 0)


def test_much_output():
    commands = ['head -c 3000000 /dev/zero', 'head -c 20000000 /dev/zero']
    done = parallel(*commands)
    check_equal(len(done.stdout), 3000000 + (16 << 20))
    check_equal(list(rows(done.stderr).values()), ['0', 'too long'])
    check('parallel: it says more than 16 MiB (see -m) and was ended: ' + commands[1] + '\n'
          in done.stderr, done.stderr)
    done = parallel('-m', '20', *commands)
    check_equal(len(done.stdout), 23000000)
    check_equal(list(rows(done.stderr).values()), ['0', '0'])


def test_no_more_than_that_at_once():
    with tempfile.TemporaryDirectory() as folder:
        command = 'touch %s/$$; ls %s | wc -l; sleep 0.02; rm %s/$$' % (folder, folder, folder)
        done = parallel('-j', '3', *[command] * 12)
        check_equal(len(done.stdout.split()), 12)
        check(max(int(n) for n in done.stdout.split()) <= 3, done.stdout)


def test_interrupt_ends_all():
    for backend, number in zip(BACKENDS * 2, [signal.SIGINT] * 2 + [signal.SIGTERM] * 2):
        with tempfile.TemporaryDirectory() as folder:
            stubborn = 'trap "" TERM; echo $$ > %s/1; sleep 300 & echo $! > %s/2; wait; wait'
            commands = ['echo done', stubborn % (folder, folder),
                        'exec 2>/dev/null; trap "echo after; exit" TERM; echo before; '
                        'echo $$ > %s/3; '
                        'while :; do sleep 300 & wait; done' % folder, 'never']
            process = subprocess.Popen([PARALLEL, '-j', '2'] + commands, text=True,
                                       env=environment(backend), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            files = [os.path.join(folder, name) for name in '123']
            wait_until(lambda: all(os.path.exists(f) and os.path.getsize(f) for f in files),
                       'that they run')
            process.send_signal(number)
            out, err = process.communicate(timeout=LIMIT)
            for file in files:
                with open(file, encoding='ascii') as opened:
                    pid = int(opened.read())
                wait_until(lambda: not exists(pid), 'the end of %d' % pid)
        check_equal(out, 'done\nbefore\nafter\n')
        check_equal(process.returncode, 1)
        check_equal(list(rows(err).values()), ['0', 'ended', 'ended', 'not run'], err)


def read_all(leader):
    """What was written to a terminal whose other side is closed; its end may be an error."""
    text = b''
    try:
        while part := os.read(leader, 65536):
            text += part
    except OSError:
        pass
    return text.decode()


def test_progress_on_a_terminal():
    leader, follower = pty.openpty()
    done = subprocess.run([PARALLEL, 'echo a', 'echo b'], env=environment(None), text=True,
                          stdout=subprocess.PIPE, stderr=follower, timeout=LIMIT, check=False)
    os.close(follower)
    text = read_all(leader)
    os.close(leader)
    check_equal(done.stdout, 'a\nb\n')
    check('0 of 2 done, 1 running' in text, text)
    check('2 commands, 0 failed' in text, text)


def test_usage():
    usage = 'usage: parallel [-j N] [-m MIB] [COMMAND...]\n'
    for arguments in (['-j', '0'], ['-j', 'x'], ['-j'], ['-x'], ['-j', '1001'], ['-m', '0'],
                      ['-j', '1x', 'true'], ['--halp'], ['-m', '-1']):
        done = parallel(*arguments)
        check_equal(done.returncode, 2)
        check_equal(done.stdout, '')
        check(usage in done.stderr, done.stderr)
    for option in ('--help', '-h'):
        done = parallel(option)
        check_equal(done.returncode, 0)
        check(done.stdout.startswith(usage), done.stdout)
        check_equal(without_stalls(done.stderr), '')


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
