#!/usr/bin/env python3
"""Test of check_ported.py: pages with a mistake each, and one without."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_ported  # noqa: E402

TESTS = {'task/gather': {'gather_of_nothing'}}
EXPECTED = ['tasks Class test_a']
HEAD = """# Title

## test_tasks.py: Class

| CPython's test | behaviour | ours |
|---|---|---|
"""
GOOD = '| `test_a` | does it | `task/gather: gather_of_nothing` |\n'

# (the rows of a page, a piece of the finding; None: there must be none)
PAGES = [
    (GOOD, None),
    (GOOD + '| `test_a` | does more | Python only |\n', None),
    (GOOD + '| `test_a` | does more | |\n', 'not three cells'),
    (GOOD + '| `test_a` | does more | no |\n', 'neither a test nor a reason'),
    (GOOD + '| `test_a` | does more | `task/gather: gone` |\n', 'no test is called'),
    (GOOD + '| `test_a` | does more | `task/gone: gather_of_nothing` |\n', 'no test is called'),
    (GOOD + '| `test_b` | does it | Python only |\n', 'not one of CPython\'s tests'),
    ('| `test_a` | does it |\n', 'not three cells'),
    ('', 'no row: tasks Class test_a'),
]


def main():
    failed = 0
    filler = {'filler.md': '| a | does it | some reason |\n' * check_ported.FEWEST_ROWS}
    for rows, piece in PAGES:
        findings, _ = check_ported.check({'a.md': HEAD + rows, **filler}, EXPECTED, TESTS)
        is_right = any(piece in f for f in findings) if piece else not findings
        if not is_right:
            failed += 1
            print('not ok %r: %r' % (rows, findings))
    findings, count = check_ported.check({'a.md': HEAD + GOOD}, EXPECTED, TESTS)
    if count != 1 or not findings or 'fewer than' not in findings[-1]:
        failed += 1
        print('not ok: one row is enough')
    print('%d passed, %d failed, 0 skipped' % (len(PAGES) + 1 - failed, failed))
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
