#!/usr/bin/env python3
"""Checks docs/asyncio.md and the pages below it: no name of asyncio's is missing, and nothing
stands there that is not in the headers, or that no program shows.

    test_asyncio_names.py ROOT [TEST...]

A row says `asyncio's` | `ours` | remarks. Ours is code that the headers have, or "none" with a
reason. A row that is marked *to come* may name what is not there yet.
"""
import asyncio
import asyncio.subprocess
import glob
import inspect
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import asyncio_names  # noqa: E402
from runner import Skipped, check, run_all, tests_of  # noqa: E402

ROOT = sys.argv[1]
TO_COME = '*to come*'
OURS = re.compile(r'\b(?:coil|COIL)_\w+')
MIN_REASON = 10


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


class Row:
    def __init__(self, path, line, cells):
        self.place = '%s:%d' % (path, line)
        self.names = [re.sub(r'\(.*\)$', '', code) for code in re.findall(r'`([^`]+)`', cells[0])]
        self.ours = cells[1]
        self.remarks = cells[2]
        self.is_to_come = TO_COME in cells[1] + cells[2]


def prose(text):
    """The text without its fenced blocks, line for line."""
    return re.sub(r'^```.*?^```$', lambda m: '\n' * m.group(0).count('\n'), text,
                  flags=re.M | re.S)


def rows_of(path):
    is_ours = False
    for number, line in enumerate(prose(read(path)).split('\n'), 1):
        cells = [cell.strip() for cell in line.split('|')[1:-1]]
        if not line.startswith('|'):
            is_ours = False
        elif cells[0] == 'asyncio':
            is_ours = True
        elif is_ours and not cells[0].startswith('---'):
            check(len(cells) == 3, '%s:%d has %d cells' % (path, number, len(cells)))
            yield Row(path, number, cells)


PAGES = ['docs/asyncio.md'] + sorted(
    os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, 'docs/asyncio/*.md')))
ROWS = [row for path in PAGES for row in rows_of(path)]
NAMES = {name for row in ROWS for name in row.names}
HEADERS = re.sub(r'/\*.*?\*/', '', '\n'.join(
    read(os.path.relpath(path, ROOT))
    for path in glob.glob(os.path.join(ROOT, 'include/coil/*.h'))), flags=re.S)
OF_HEADERS = set(OURS.findall(HEADERS)) | {'COIL_DEBUG', 'COIL_BACKEND'}  # and the environment
FUNCTIONS = set(re.findall(r'\b(coil_\w+)\(', HEADERS)) | set(  # what a program can show
    re.findall(r'#define (coil_\w+)', HEADERS))


def check_none_missing(names, what):
    missing = sorted(name for name in names if name not in NAMES)
    check(not missing, what, 'has', ', '.join(missing))


def test_names_of_3_11():
    check_none_missing(asyncio_names.names_of('3.11'), '3.11')


def test_names_of_3_12():
    check_none_missing(asyncio_names.names_of('3.12'), '3.12')


def test_names_of_3_13():
    check_none_missing(asyncio_names.names_of('3.13'), '3.13')


def test_names_of_3_14():
    check_none_missing(asyncio_names.names_of('3.14'), '3.14')


def is_of_asyncio(owner, name):
    return owner.__module__.split('.')[0] in ('asyncio', '_asyncio') and name in vars(owner)


def test_names_of_this_python():
    """What this interpreter says itself, which may be newer than the lists."""
    check_none_missing(asyncio.__all__, sys.version.split()[0])
    missing = []
    for name in sorted(asyncio.__all__) + ['Process']:
        kind = getattr(asyncio, name, None) or getattr(asyncio.subprocess, name, None)
        if not inspect.isclass(kind):
            continue
        for method in dir(kind):
            owners = [owner for owner in kind.__mro__ if owner.__module__ != 'builtins']
            if method.startswith('_') or not any(is_of_asyncio(o, method) for o in owners):
                continue
            known = {'%s.%s' % (owner.__name__.replace('AbstractEventLoop', 'loop')
                                if owner is asyncio.AbstractEventLoop else owner.__name__, method)
                     for owner in owners}
            if not known & NAMES:
                missing.append('%s.%s' % (name, method))
    check(not missing, 'this Python has', ', '.join(missing))


def test_lists_agree_with_this_python():
    version = '%d.%d' % sys.version_info[:2]
    if version not in asyncio_names.VERSIONS:
        raise Skipped('there is no list for %s' % version)
    expected = asyncio_names.names_of(version)
    missing = sorted(set(asyncio.__all__) - expected)
    check(not missing, 'not in the list of', version, missing)
    listed = {name for name in expected if '.' not in name} - set(asyncio_names.WINDOWS.split())
    more = sorted(name for name in listed if not hasattr(asyncio, name))
    check(not more, 'not in Python', version, more)


def test_rows_say_something():
    """Each has a counterpart, or a reason why there is none."""
    for row in ROWS:
        if OURS.search(row.ours) or re.match(r'`(-E[A-Z]+|coil [a-z]+)', row.ours):
            continue
        check(row.ours == 'none' or row.names == ['await f'], row.place, 'has no counterpart')
        check(row.ours != 'none' or row.is_to_come or len(row.remarks) >= MIN_REASON,
              row.place, 'gives no reason')


def test_our_names_are_in_the_headers():
    to_come = {name for row in ROWS if row.is_to_come
               for name in OURS.findall(row.ours + row.remarks)}
    for path in PAGES:
        for number, line in enumerate(prose(read(path)).split('\n'), 1):
            for name in OURS.findall(line):
                is_there = name in OF_HEADERS or name in to_come or name.endswith('_')
                check(is_there, '%s:%d: there is no %s' % (path, number, name))


def test_counterparts_are_shown():
    """Each function that a row names is in a program of these pages or of the guide, which
    test_documents compiles and runs."""
    programs = ''.join(block for path in PAGES + ['docs/guide.md', 'docs/debugging.md']
                       for block in re.findall(r'^```c[^\n]*\n(.*?)^```$', read(path), re.M | re.S))
    shown = set(OURS.findall(programs))
    for row in ROWS:
        for name in set(OURS.findall(row.ours)) & FUNCTIONS - shown:
            check(row.is_to_come, row.place, 'names', name, 'which no program shows')


def test_pages_are_linked():
    index = read('docs/asyncio.md')
    for path in PAGES[1:]:
        target = os.path.relpath(path, 'docs')
        check('(%s)' % target in index, 'docs/asyncio.md has no link to', target)
        check("'%s'" % os.path.basename(path)[:-3] in read('tests/examples/meson.build'),
              path, 'is not in tests/examples/meson.build')


def test_what_is_to_come():
    """A reminder, not an error: rows whose time has come."""
    come = sorted({name for row in ROWS if row.is_to_come
                   for name in OURS.findall(row.ours) if name in OF_HEADERS})
    if come:
        raise Skipped('marked as to come, and there: ' + ', '.join(come))


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
