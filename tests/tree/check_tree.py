#!/usr/bin/env python3
"""Checks the tree itself against the rules of the house: layers, sizes, conditionals, calls that
have their place, state, exported symbols and their comments and tests, form.

    check_tree.py ROOT BUILD_FOLDER [RULE...]

One line per rule, its findings below it, and the summary that all our tests end with.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules_symbols  # noqa: E402
import rules_text  # noqa: E402
import source  # noqa: E402

SHOWN = 40


def check(rules, tree):
    sums = {'passed': 0, 'failed': 0, 'skipped': 0}
    for name, rule in rules.items():
        findings = rule(tree)
        if findings is None:
            sums['skipped'] += 1
            print('skip %s: its tool is not installed' % name)
        elif findings:
            sums['failed'] += 1
            print('not ok %s: %d findings' % (name, len(findings)))
            for finding in findings[:SHOWN]:
                print('  ' + finding)
            if len(findings) > SHOWN:
                print('  ...')
        else:
            sums['passed'] += 1
            print('ok %s' % name)
    print('%(passed)d passed, %(failed)d failed, %(skipped)d skipped' % sums)
    return sums['failed'] > 0


def main():
    root, build, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    tree = source.Tree(root)
    rules = dict(rules_text.RULES)
    rules.update(rules_symbols.Symbols(tree, build).rules())
    for name in names:
        if name not in rules:
            sys.exit('no rule is called %s' % name)
    return check({n: r for n, r in rules.items() if not names or n in names}, tree)


if __name__ == '__main__':
    sys.exit(main())
