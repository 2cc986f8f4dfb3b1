#!/usr/bin/env python3
"""Each public header compiles alone, as pedantic C11 and as C++17, without a warning.

    check_headers.py ROOT
"""
import concurrent.futures
import os
import shutil
import subprocess
import sys

STRICT = ['-pedantic', '-Wall', '-Wextra', '-Werror', '-Wundef', '-Wshadow', '-fsyntax-only']
COMPILERS = [
    ('gcc', ['-std=c11', '-Wstrict-prototypes'], 'c'),
    ('g++', ['-std=c++17'], 'c++'),
    ('clang', ['-std=c11', '-Wstrict-prototypes'], 'c'),
    ('clang++', ['-std=c++17'], 'c++'),
]


def headers(root):
    found = ['coil.h']
    for where, _, names in os.walk(os.path.join(root, 'include/coil')):
        found += [os.path.relpath(os.path.join(where, name), os.path.join(root, 'include'))
                  for name in names if name.endswith('.h')]
    return sorted(found)


def compile_alone(root, header, compiler, options, language):
    # Twice, for its guard.
    text = '#include <%s>\n#include <%s>\n' % (header, header)
    command = [compiler, *options, *STRICT, '-I', os.path.join(root, 'include'), '-x', language,
               '-']
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr


def main():
    root = sys.argv[1]
    sums = {'passed': 0, 'failed': 0, 'skipped': 0}
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    jobs = []
    for compiler, options, language in COMPILERS:
        if not shutil.which(compiler):
            sums['skipped'] += 1
            print('skip %s: it is not installed' % compiler)
            continue
        for header in headers(root):
            job = pool.submit(compile_alone, root, header, compiler, options, language)
            jobs.append(('%s by %s %s' % (header, compiler, options[0]), job))
    for name, job in jobs:
        good, trouble = job.result()
        sums['passed' if good else 'failed'] += 1
        print('%s %s' % ('ok' if good else 'not ok', name))
        if not good:
            print(trouble)
    print('%(passed)d passed, %(failed)d failed, %(skipped)d skipped' % sums)
    return sums['failed'] > 0


if __name__ == '__main__':
    sys.exit(main())
