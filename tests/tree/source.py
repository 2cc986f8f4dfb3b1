"""Reading C well enough for the rules: what is code, what is a comment, where functions are.

Not a parser: it relies on the form that clang-format gives our files (a function's braces stand
alone in the first column).
"""
import os
import re

# Comments and literals. A literal keeps its quotes, all else of it becomes blanks.
_TOKENS = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
_DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', re.M)
_BLANKED = re.compile(r'[^\n]')


def _blank(match):
    text = match.group(0)
    if text[0] in '"\'':
        return text[0] + _BLANKED.sub(' ', text[1:-1]) + text[-1]
    return _BLANKED.sub(' ', text)


class Function:
    def __init__(self, name, line, size, body):
        self.name = name
        self.line = line  # of its opening brace
        self.size = size  # lines between the braces, both included
        self.body = body  # code, without comments


class Source:
    """A file. `code` is its text with comments and literals blanked, line for line."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split('\n')
        self._code = None
        self._bare = None

    @property
    def code(self):
        if self._code is None:
            self._code = _TOKENS.sub(_blank, self.text)
        return self._code

    @property
    def bare(self):
        """The code without preprocessor lines."""
        if self._bare is None:
            self._bare = _DIRECTIVE.sub(lambda m: _BLANKED.sub(' ', m.group(0)), self.code)
        return self._bare

    @property
    def layer(self):
        """'task' for src/task/...; None outside src."""
        parts = self.path.split('/')
        return parts[1] if parts[0] == 'src' and len(parts) > 2 else None

    def line_of(self, offset):
        return self.text.count('\n', 0, offset) + 1

    def at(self, offset):
        return '%s:%d' % (self.path, self.line_of(offset))

    def functions(self):
        lines = self.bare.split('\n')
        start = None
        for i, line in enumerate(lines):
            if line.rstrip() == '{':
                start = i
            elif line.rstrip() == '}' and start is not None:
                head = ' '.join(lines[max(0, start - 8):start])
                head = re.split(r'[;}]', head)[-1]
                names = re.findall(r'(\w+)\s*\(', head)
                name = next((n for n in names if not n.startswith('__')), '?')
                yield Function(name, start + 1, i - start + 1, '\n'.join(lines[start:i + 1]))
                start = None


class Tree:
    """The files of the project that the rules look at."""

    FOLDERS = ('src', 'include', 'tests', 'examples', 'tools', 'scripts', 'bench/coil')
    KINDS = ('.c', '.h', '.S', '.py', '.sh', '.build')

    def __init__(self, root):
        self.root = root
        self.sources = []
        for folder in self.FOLDERS:
            for where, folders, names in os.walk(os.path.join(root, folder)):
                folders[:] = sorted(f for f in folders if f != '__pycache__')
                for name in sorted(names):
                    if name.endswith(self.KINDS):
                        self._read(os.path.join(where, name))

    def _read(self, path):
        with open(path, encoding='utf-8', newline='') as file:
            self.sources.append(Source(os.path.relpath(path, self.root), file.read()))

    def read(self, path):
        """The text of another file of the project; '' if it is not there."""
        try:
            with open(os.path.join(self.root, path), encoding='utf-8') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def under(self, *folders, kinds=('.c', '.h')):
        return [s for s in self.sources
                if s.path.startswith(tuple(f + '/' for f in folders)) and s.path.endswith(kinds)]

    def headers(self):
        found = self.under('include', kinds=('.h',))
        return found
