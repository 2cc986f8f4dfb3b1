#!/usr/bin/env python3
"""Runs examples/race: it finds the planted bug, replays it to the letter, and passes without it.

    test_race.py BUILD_FOLDER [TEST...]
"""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import check, check_equal, environment, run_all, tests_of  # noqa: E402

RACE = os.path.join(sys.argv[1], 'examples', 'race')
LIMIT = 120
FAILURE = re.compile(r'^coil: no_seat_is_sold_twice fails with seed (\d+): Too many users '
                     r'\(-EUSERS\), after \d+\.\d{6} s of virtual time\n'
                     r'coil: to replay it: (COIL_SEED=\d+) (\S+)\n$')


def race(*arguments, seed=None):
    env = environment(None)
    if seed:
        env['COIL_SEED'] = seed
    return subprocess.run([RACE] + list(arguments), env=env, capture_output=True, text=True,
                          timeout=LIMIT, check=False)


def find():
    """The search, and the seed that it has found."""
    done = race()
    found = FAILURE.match(done.stderr)
    check(found, 'it says', done.stderr)
    return done, found.group(1)


def test_finds_it_within_a_thousand_seeds():
    done, seed = find()
    check_equal(done.returncode, 1)
    check(1 <= int(seed) <= 1000, seed)
    check_equal(find()[0].stderr, done.stderr)


def test_replays_it_exactly():
    done, seed = find()
    check_equal(FAILURE.match(done.stderr).groups()[1:], ('COIL_SEED=' + seed, RACE))
    first = race(seed=seed)
    check_equal(first.returncode, 1)
    check_equal(first.stderr, done.stderr)
    check_equal(re.findall(r'ms  (.*)', first.stdout), [
        'buyer 1: there is a seat, asks the bank', 'buyer 2: there is a seat, asks the bank',
        'buyer 2: sold, 0 left', 'buyer 1: sold, -1 left'])
    for _ in range(3):
        check_equal(race(seed=seed).stdout, first.stdout)


def test_others_pass():
    done = race(seed='1')
    check_equal(done.returncode, 0)
    check_equal(done.stderr, 'coil: no_seat_is_sold_twice passes with seed 1, the only one that '
                             'COIL_SEED asks for\n')


def test_fixed_passes_with_all():
    done = race('fixed')
    check_equal((done.returncode, done.stdout, done.stderr), (0, '', ''))


def test_no_seed():
    done = race(seed='12x')
    check_equal(done.returncode, 1)
    check_equal(done.stderr, 'coil: COIL_SEED=12x is no seed: it must be a number from 1 to '
                             '18446744073709551615\nrace: Invalid argument\n')


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
