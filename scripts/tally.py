#!/usr/bin/env python3
"""Sums up a run of `meson test`: reads its log, shows what failed or was skipped, writes the sums.

    tally.py STAGE MESON_LOGS_FOLDER MESON_OUTPUT SUM_FILE

Each test program ends its output with "N passed, N failed, N skipped"; one that does not, or that
failed without saying so, counts as one failure.
"""
import glob
import json
import re
import sys

SHOWN = 8  # names of skipped tests per reason
SKIP = re.compile(r'^skip ([^:]+): (.*)$', re.M)
SUMMARY = re.compile(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$', re.M)


def read_log(folder):
    tests = []
    for path in glob.glob(folder + '/testlog*.json'):
        with open(path, encoding='utf-8', errors='replace') as file:
            tests += [json.loads(line) for line in file if line.strip()]
    return tests


def failed_part(output):
    """The lines of what failed: from each "not ok" to the next verdict."""
    lines, shown = [], False
    for line in output.splitlines():
        if re.match(r'(ok|skip) ', line) or SUMMARY.match(line):
            shown = False
        elif line.startswith('not ok ') or line.startswith('  fault '):
            shown = True
        if shown:
            lines.append(line)
    return '\n'.join(lines)


def skipped_by_reason(tests):
    """One line per reason, with the names of the first that it kept from running."""
    names = {}
    for test in tests:
        for name, reason in SKIP.findall(test.get('stdout', '')):
            known = names.setdefault(reason, [])
            if name not in known:
                known.append(name)
    lines = []
    for reason, known in names.items():
        more = ' and %d more' % (len(known) - SHOWN) if len(known) > SHOWN else ''
        lines.append('skip %s%s: %s' % (', '.join(known[:SHOWN]), more, reason))
    return lines


def count(test):
    """(passed, failed, skipped, what to show) of one program's run."""
    output = test.get('stdout', '')
    trouble = test.get('stderr', '')
    found = SUMMARY.findall(output)
    if not found:
        return 0, 1, 0, output[-4000:] + trouble[-4000:] + '\nit ended without its summary'
    passed, failed, skipped = (int(number or 0) for number in found[-1])
    ended_well = test['returncode'] == 0 and test['result'] == 'OK'
    if failed == 0 and not ended_well:
        return passed, 1, skipped, trouble[-8000:] + '\nit ended with code %s (%s)' % (
            test['returncode'], test['result'])
    return passed, failed, skipped, failed_part(output) + '\n' + trouble[-4000:] if failed else ''


def main():
    stage, folder, output, sums = sys.argv[1:]
    total = [0, 0, 0]
    tests = read_log(folder)
    for test in tests:
        passed, failed, skipped, shown = count(test)
        total = [total[0] + passed, total[1] + failed, total[2] + skipped]
        if shown:
            print('-- %s: %s' % (stage, test['name']))
            print(shown.rstrip())
    for line in skipped_by_reason(tests):
        print(line)
    if not tests:
        with open(output, encoding='utf-8', errors='replace') as file:
            print(file.read()[-4000:])
        print('not ok %s: no test ran' % stage)
        total[1] += 1
    text = '%d passed, %d failed, %d skipped' % tuple(total)
    print('%s: %s, in %d programs' % (stage, text, len(tests)), flush=True)
    with open(sums, 'w', encoding='utf-8') as file:
        file.write(text + '\n')


main()
