#!/usr/bin/env python3
"""Makes C of files: an array of each one's bytes, and a struct coil__file_text that refers to it.

    embed.py OUTPUT HEADER FILE...      console.html becomes coil__console_html

HEADER: what declares that.
"""
import os
import re
import sys


def array_of(data):
    lines = []
    for start in range(0, len(data), 24):
        lines.append('    ' + ' '.join('%d,' % byte for byte in data[start:start + 24]))
    return '\n'.join(lines)


def main():
    output, header, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    parts = ['/* Made by scripts/embed.py: do not edit. */', '#include "%s"' % header, '']
    for path in paths:
        name = 'coil__' + re.sub(r'\W', '_', os.path.basename(path))
        with open(path, 'rb') as file:
            data = file.read()
        parts += ['static const unsigned char bytes_of_%s[] = {' % name, array_of(data), '};', '',
                  'const struct coil__file_text %s = {bytes_of_%s, %d};' % (name, name, len(data)),
                  '']
    with open(output, 'w', encoding='utf-8') as file:
        file.write('\n'.join(parts))


main()
