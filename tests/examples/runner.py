"""runner.py - what the tests in this folder share: verdicts, and the programs' surroundings.

A test is a function whose name begins with test_; run_all runs those of a module, prints one line
for each and the summary that all our tests end with.
"""
import os
import re
import signal
import sys
import time
import traceback


class Failed(Exception):
    """A check that did not hold; its text says what was found."""


class Skipped(Exception):
    """Something that the test needs is not there."""


def check(condition, *what):
    if not condition:
        raise Failed(' '.join(str(part) for part in what))


def check_equal(found, expected, *what):
    check(found == expected, *what, '\n  found:    %r\n  expected: %r' % (found, expected))


def wait_until(condition, what, limit=20):
    """Calls condition() again and again until it is true; fails after limit seconds."""
    end = time.monotonic() + limit
    while not condition():
        check(time.monotonic() < end, 'in vain:', what)
        time.sleep(0.005)


def run_all(tests):
    """tests: (name, function) pairs. Returns the exit status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has background jobs
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)             # ignore them
    sums = {'passed': 0, 'failed': 0, 'skipped': 0}
    for name, function in tests:
        try:
            function()
            verdict, text, kind = 'ok', '', 'passed'
        except Skipped as skipped:
            verdict, text, kind = 'skip', ': %s' % skipped, 'skipped'
        except Failed as failed:
            verdict, text, kind = 'not ok', ': %s' % failed, 'failed'
        except Exception:  # pylint: disable=broad-except
            verdict, text, kind = 'not ok', ':\n' + traceback.format_exc(), 'failed'
        sums[kind] += 1
        print('%s %s%s' % (verdict, name, text), flush=True)
    print('%(passed)d passed, %(failed)d failed, %(skipped)d skipped' % sums, flush=True)
    return sums['failed'] > 0


def without_stalls(text):
    """Reports without the watchdog's: on a busy machine any step may take long."""
    return re.sub(r'^coil: stall: .*\n(?: +.*\n)*', '', text, flags=re.M)


def tests_of(module_globals, names):
    found = [(name[5:].replace('_', ' '), function)
             for name, function in module_globals.items() if name.startswith('test_')]
    return [pair for pair in found if not names or pair[0] in names]


def environment(backend):
    env = dict(os.environ)
    env.pop('COIL_BACKEND', None)
    env.pop('COIL_SEED', None)  # without one, the simulated order is the real one
    if backend:
        env['COIL_BACKEND'] = backend
    return env


sys.dont_write_bytecode = True
