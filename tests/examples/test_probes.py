#!/usr/bin/env python3
"""The probes that tracers find in the library: that they are there, with their arguments.

    test_probes.py LIBCOIL.SO PROGRAM HAS_PROBES(0|1) [TEST...]

PROGRAM is scrape.c's: two loops, with eleven tasks each.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import Skipped, check, check_equal, environment, run_all, tests_of  # noqa: E402

LIBRARY = sys.argv[1]
PROGRAM = sys.argv[2]
HAS_PROBES = sys.argv[3] == '1'

# How many arguments each has.
PROBES = {'task_create': 3, 'task_name': 2, 'task_switch': 2, 'task_end': 3, 'op_submit': 3,
          'op_complete': 4}


def notes():
    """(name, arguments) of each place with a probe."""
    if not HAS_PROBES:
        raise Skipped('built without sys/sdt.h (systemtap-sdt-dev)')
    if not shutil.which('readelf'):
        raise Skipped('readelf is not installed (binutils)')
    done = subprocess.run(['readelf', '--notes', '--wide', LIBRARY], capture_output=True,
                          text=True, check=True)
    found = re.findall(r'Provider: (\S+)\n\s+Name: (\S+)\n.*\n\s+Arguments: ?(.*)', done.stdout)
    return [(name, arguments.split(' ')) for provider, name, arguments in found
            if provider == 'coil']


def test_each_probe_is_there():
    check_equal({name for name, _ in notes()}, set(PROBES))


def test_arguments():
    """Each with its size and where it is: a register, memory or a constant."""
    for name, arguments in notes():
        check_equal(len(arguments), PROBES[name], name, arguments)
        for argument in arguments:
            check(re.match(r'-?[1248]@\S+$', argument), name, argument)


GDB = '''
set confirm off
set debuginfod enabled off
break main
run
delete
break -probe-stap coil:task_create
commands
silent
printf "create %ld ", (long)$_probe_arg0
info symbol $_probe_arg1
cont
end
break -probe-stap coil:task_end
commands
silent
printf "end %ld %d ", (long)$_probe_arg0, (int)$_probe_arg1
info symbol $_probe_arg2
cont
end
cont
'''


def test_tracing():
    """gdb stops at probes, and finds ids, functions and results in their arguments."""
    notes()
    if not shutil.which('gdb'):
        raise Skipped('gdb is not installed')
    with tempfile.NamedTemporaryFile('w', suffix='.gdb') as script:
        script.write(GDB)
        script.flush()
        done = subprocess.run(['gdb', '-nx', '-batch', '-x', script.name, PROGRAM],
                              env=environment(None), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
    if 'Breakpoint 1, ' not in done.stdout:
        raise Skipped('gdb cannot run a program here')
    created = re.findall(r'^create (\d+) (\w+)', done.stdout, re.M)
    ended = re.findall(r'^end (\d+) (-?\d+) (\w+)', done.stdout, re.M)
    expected = [('1', 'measure')] + [(str(i), 'nap') for i in range(2, 12)]
    check_equal(created, expected * 2, done.stdout, done.stderr)
    check_equal(sorted((number, name) for number, _, name in ended), sorted(expected * 2))
    check_equal({result for _, result, _ in ended}, {'0'})


def test_documented():
    """docs/debugging.md has a row for each."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
    with open(os.path.join(root, 'docs', 'debugging.md'), encoding='utf-8') as file:
        page = file.read()
    for name, count in PROBES.items():
        row = re.search(r'^\| `%s` \| (.*?) \|' % name, page, re.M)
        check(row, name, 'is not documented')
        check_equal(row.group(1).count('`'), 2 * count, name)


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[4:])))
