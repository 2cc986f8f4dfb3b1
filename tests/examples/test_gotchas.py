#!/usr/bin/env python3
"""Runs examples/gotchas, whose point is what is reported.

    test_gotchas.py BUILD_FOLDER [TEST...]
"""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import check, check_equal, environment, run_all, tests_of  # noqa: E402

EXAMPLES = os.path.join(sys.argv[1], 'examples')
BACKENDS = ['epoll', 'sim', None]  # None: io_uring, where it is allowed
LIMIT = 60


def gotcha(name, backend):
    return subprocess.run([os.path.join(EXAMPLES, 'gotcha_' + name)], env=environment(backend),
                          capture_output=True, text=True, timeout=LIMIT, check=False)


def page():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
    with open(os.path.join(root, 'docs', 'debugging.md'), encoding='utf-8') as file:
        return file.read()


def test_deadlock():
    """Both tasks, the locks, the cycle; and, where symbols are to be had, the lines."""
    for backend in BACKENDS:
        done = gotcha('deadlock', backend)
        check_equal(done.stdout, '-EDEADLK\n')
        check_equal(done.returncode, 1)
        lines = done.stderr.splitlines()
        check_equal(lines[:2], [
            'coil: deadlock: every task waits, and nothing can wake any of them: '
            'Resource deadlock avoided (-EDEADLK)',
            '  the cycle: transfer (2) -> audit (3) -> transfer (2)'])
        told = '\n'.join(re.sub(r':\d+', ':N', line) for line in lines if line[2] != ' ')
        check('  main (1) waits: gather' in told, done.stderr)
        check('  transfer (2) waits: lock, held by audit (3); created at deadlock.c:N in amain'
              in told, done.stderr)
        check('  audit (3) waits: lock, held by transfer (2); created at deadlock.c:N in amain'
              in told, done.stderr)
        if re.search(r'transfer, deadlock\.c', done.stderr):
            places = re.findall(r'called by (\w+), deadlock\.c:\d+', done.stderr)
            check_equal(places, ['amain', 'transfer', 'audit'])
            check(done.stderr in page(), 'docs/debugging.md shows something else than', done.stderr)


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
