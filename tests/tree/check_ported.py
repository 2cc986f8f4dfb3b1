#!/usr/bin/env python3
"""Checks docs/ported: what CPython's tests check of asyncio, with the name of our test for each.

    check_ported.py ROOT

Each row must name a test of ours, or say why there is none; each test that is named must stand in
tests/<layer>/test_<module>.c; and each of CPython's tests (tests/tree/cpython_tests.txt: file,
class and method) must have its row where its class stands, and no other.
"""
import os
import re
import sys

FEWEST_ROWS = 400
SHORTEST_REASON = 8  # characters of "as above"

_TEST = re.compile(r'^[A-Z_]*TEST[A-Z_]*\((\w+)', re.M)
_NAMED = re.compile(r'`(\w+/\w+): (\w+)`')
_HEADING = re.compile(r'^#+ test_(\w+)\.py: (\w+)$')


def tests_of(root):
    """{'task/gather': {'gather_of_nothing', ...}, ...}"""
    found = {}
    top = os.path.join(root, 'tests')
    for layer in sorted(os.listdir(top)):
        folder = os.path.join(top, layer)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            match = re.fullmatch(r'test_(\w+)\.c', name)
            if match:
                with open(os.path.join(folder, name), encoding='utf-8') as file:
                    found['%s/%s' % (layer, match.group(1))] = set(_TEST.findall(file.read()))
    return found


def rows_of(text):
    """(line number, 'tasks BaseTaskTests' or '', cells) of each row of the tables."""
    heading = ''
    for number, line in enumerate(text.split('\n'), 1):
        if line.startswith('#'):
            match = _HEADING.match(line)
            heading = ' '.join(match.groups()) if match else ''
        elif line.startswith('| ') and '| behaviour |' not in line:
            yield number, heading, [cell.strip() for cell in line.strip('|').split(' | ')]


def check_answer(where, answer, tests):
    named = _NAMED.findall(answer)
    if not named and len(answer) < SHORTEST_REASON:
        yield '%s: neither a test nor a reason' % where
    for module, name in named:
        if name not in tests.get(module, ()):
            yield '%s: no test is called %s: %s' % (where, module, name)


def check(pages, expected, tests):
    """pages: {name: text}; expected: 'file Class method' strings; tests: as of tests_of."""
    findings = []
    seen = set()
    count = 0
    for page, text in sorted(pages.items()):
        for number, heading, cells in rows_of(text):
            where = '%s:%d' % (page, number)
            if len(cells) != 3 or not all(cells[1:]):
                findings.append('%s: not three cells' % where)
                continue
            count += 1
            findings += check_answer(where, cells[2], tests)
            if heading:
                seen.add('%s %s' % (heading, cells[0].strip('`')))
    findings += ['no row: %s' % name for name in sorted(set(expected) - seen)]
    findings += ['not one of CPython\'s tests: %s' % name for name in sorted(seen - set(expected))]
    if count < FEWEST_ROWS:
        findings.append('%d rows, fewer than %d' % (count, FEWEST_ROWS))
    return findings, count


def main():
    root = sys.argv[1]
    folder = os.path.join(root, 'docs', 'ported')
    pages = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith('.md') and name != 'README.md':
            with open(os.path.join(folder, name), encoding='utf-8') as file:
                pages['docs/ported/' + name] = file.read()
    with open(os.path.join(root, 'tests', 'tree', 'cpython_tests.txt'), encoding='utf-8') as file:
        expected = [line.strip() for line in file if line.strip() and not line.startswith('#')]
    findings, count = check(pages, expected, tests_of(root))
    print('%s ported: %d rows, %d findings' % ('not ok' if findings else 'ok', count,
                                               len(findings)))
    for finding in findings:
        print('  ' + finding)
    print('%d passed, %d failed, 0 skipped' % (not findings, bool(findings)))
    return bool(findings)


if __name__ == '__main__':
    sys.exit(main())
