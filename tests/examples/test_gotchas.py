#!/usr/bin/env python3
"""Runs examples/gotchas, whose point is what is reported.

    test_gotchas.py BUILD_FOLDER [TEST...]
"""
import json
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import check, check_equal, environment, run_all, tests_of  # noqa: E402

EXAMPLES = os.path.join(sys.argv[1], 'examples')
BACKENDS = ['epoll', 'sim', None]  # None: io_uring, where it is allowed
LIMIT = 60


def gotcha(name, backend, debug=False):
    env = dict(environment(backend), COIL_DEBUG='1' if debug else '0')
    return subprocess.run([os.path.join(EXAMPLES, 'gotcha_' + name)], env=env,
                          capture_output=True, text=True, timeout=LIMIT, check=False)


def without_numbers(text):
    return re.sub(r'\bthread \d+', 'thread N', text)


def check_debug_mode(name, sentences, status=0):
    """Silent without debug mode, but for what is always told; with it these sentences, and where
    lines are to be had, what the page shows."""
    for backend in BACKENDS:
        done = gotcha(name, backend, debug=True)
        check_equal(done.returncode, status, done.stderr)
        found = [line for line in done.stderr.splitlines() if line[0] != ' ']
        check_equal(len(found), len(sentences), done.stderr)
        for line, sentence in zip(found, sentences):
            check(line.startswith('coil: ' + sentence), line)
        if name + '.c:' in done.stderr and 'called by' in done.stderr:
            check(without_numbers(done.stderr) in without_numbers(page()),
                  'docs/debugging.md shows something else than', done.stderr)


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


def normalised(text):
    """Without what differs from run to run, and from one C library to the next."""
    text = re.sub(r'\d+ ms( to \d+ ms)?', 'N ms', text)
    text = re.sub(r'and \d+ more', 'and N more', text)
    return re.sub(r'\+0x[0-9a-f]+', '+0xN', text)


def reports(text):
    """Each line that begins with coil: and the lines that belong to it."""
    return re.findall(r'^coil: .*\n(?: .*\n)*', text, re.M)


def check_stall(done, name, sentence, functions):
    """The first report, as many as there was time for while it goes on, and the total."""
    found = reports(done.stderr)
    site = r'; created at %s\.c:\d+ in amain\n' % name
    check(len(found) >= 2, 'too few reports:', done.stderr)
    first = re.match(r'coil: stall: %s, for (\d+) ms so far(, in a system call)?%s' % (
        sentence % 'holds up the loop', site), found[0])
    check(first, done.stderr)
    check(100 <= int(first.group(1)), 'before the limit:', done.stderr)
    for still in found[1:-1]:
        check(re.match(r'coil: stall: %s, for \d+ ms so far' % (
            sentence % 'still holds up the loop'), still), done.stderr)
    check(re.match(r'coil: stall: %s N ms, until now%s' % (
        sentence % 'has held up the loop for', site), normalised(found[-1])), done.stderr)
    if not has_lines(done.stderr, name):
        return
    for function in functions:
        check(re.search(r'at %s, %s\.c:\d+' % (function, name), found[0]), function, done.stderr)
    if not is_instrumented():
        for report in found:
            check(without_innermost(report, name) in without_innermost(page(), name),
                  'docs/debugging.md shows something else than', done.stderr)


def has_lines(text, name):
    return re.search(r' at \w+, %s\.c:\d+' % name, text)


def is_instrumented():
    """Built with a sanitizer: then there are frames of its own."""
    with open(os.path.join(sys.argv[1], 'meson-info', 'intro-buildoptions.json'),
              encoding='utf-8') as file:
        options = json.load(file)
    return any(o['name'] == 'b_sanitize' and o['value'] != 'none' for o in options)


def without_innermost(text, name):
    """Where exactly in a loop it computes differs from run to run, and the C library's functions
    have lines only where its debug information is installed."""
    lines = [line for line in normalised(text).splitlines(True)
             if not line.startswith('    at ') or name + '.c' in line]
    return re.sub(r'%s\.c:\d+' % name, name + '.c:N', ''.join(lines))


def test_stall():
    """A blocking call: who, where, while it blocks; and it is not cut short."""
    for backend in BACKENDS:
        done = gotcha('stall', backend)
        check_equal(done.stdout, 'printed\n')
        check_equal(done.returncode, 0)
        check_stall(done, 'stall', r'task page \(2\) %s', ['wait_for_printer', 'print_page'])


def test_spin():
    """A computation: who, and where."""
    for backend in BACKENDS:
        done = gotcha('spin', backend)
        check_equal(done.stdout, '2262 primes\n')
        check_equal(done.returncode, 0)
        check_stall(done, 'spin', r'task task-2 %s', ['search'])


def test_overflow():
    """Which task, how large its stack is, how to give it more; and the process dies of it."""
    for backend in BACKENDS:
        done = gotcha('overflow', backend)
        check_equal(done.stdout, '')
        check(done.stderr.startswith('coil: stack overflow in task find (2): its stack has 65536 '
                                     'bytes; created at overflow.c:'), done.stderr)
        check('\n  more: stack_size in struct coil_task_options, or in struct coil_loop_options '
              'for all tasks\n' in done.stderr, done.stderr)
        if is_instrumented():
            continue
        check_equal(done.returncode, -signal.SIGSEGV)
        if has_lines(done.stderr, 'overflow'):
            check(re.search(r'at list, overflow\.c:\d+ \(and \d+ more times\)\n'
                            r'    at find, overflow\.c:\d+\n$', done.stderr), done.stderr)
            check(normalised(done.stderr) in normalised(page()),
                  'docs/debugging.md shows something else than', done.stderr)
def test_never_awaited():
    check_debug_mode('never_awaited', ['a task was never awaited, '])
    check_equal(gotcha('never_awaited', None).stderr, '')


def test_lost_error():
    check_debug_mode('lost_error', ['error of a task that nobody awaits in task save: ',
                                    'error of a future that nobody has read: '])
    check_equal(gotcha('lost_error', None).stderr.count('\n'), 1)


def test_open_at_exit():
    check_debug_mode('open_at_exit', ['a callback is still to be called when its loop ends: ',
                                      'a server is still open when its loop ends: ',
                                      'a child process is still open when its loop ends: '])
    check_equal(gotcha('open_at_exit', None).stderr, '')


def test_wrong_thread():
    check_debug_mode('wrong_thread', ['an event that belongs to another thread\'s loop, ',
                                      'loop 1 of thread '])
    check_equal(gotcha('wrong_thread', None).stderr, '')


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
