#!/usr/bin/env python3
"""Compiles and runs the C in the documents, and compares what it prints with what they say.

    test_documents.py ROOT BUILD_FOLDER COMPILER [DOCUMENT...]

    ```c            a whole program
    ```c fragment   the inside of a first task; errno.h, stdio.h and string.h are included
    ```c real       a whole program that asks the system for more than the simulated backend has
    ```c lines      a whole program that prints its stacks, with lines of program.c; left out where
                    the library has no way to find those
    ```c told       a whole program of which something is told in debug mode; of all others nothing
    ```c tls        a whole program that needs coil-tls, and finds a certificate for localhost in
                    localhost.pem and localhost-key.pem
    ```c http       a whole program that needs coil-http
    ```text         directly below one of these (only prose between): its output, to the letter
    ```python       must be Python
    ```python same  a whole program that prints what the C program below it does

Each C program runs on every backend that is to be had, in a folder of the test's.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import (Failed, Skipped, check, check_equal, environment, run_all,  # noqa: E402
                    without_stalls)

DOCUMENTS = ['README.md', 'docs/guide.md', 'docs/debugging.md',
             'docs/embedding.md', 'docs/http.md', 'docs/json.md', 'docs/http_client.md',
             'docs/app.md', 'docs/websocket.md', 'docs/files.md']
BACKENDS = ['uring', 'epoll', 'sim']
TIME_LIMIT = 60
FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter']
FRAGMENT = '''#include <coil.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
static int amain(void *arg)
{
%s
return 0;
}
int main(void) { return coil_run(amain, NULL) < 0; }
'''


class Block:
    """A fenced block of a document: its language, first line and text."""

    def __init__(self, info, line, text):
        self.info = info
        self.line = line
        self.text = text
        self.output = None


def blocks_of(text):
    """The blocks, those of output attached to the program above them."""
    blocks = []
    same = []  # programs in Python whose output is still to come
    for match in re.finditer(r'^```([^\n]*)\n(.*?)^```$', text, re.M | re.S):
        block = Block(match.group(1).strip(), text.count('\n', 0, match.start()) + 1,
                      match.group(2))
        if block.info == 'text' and blocks and blocks[-1].info.split(' ')[0] == 'c':
            for program in same + [blocks[-1]]:
                program.output = block.text
            same = []
        if block.info == 'python same':
            same.append(block)
        blocks.append(block)
    return blocks


class Documents:
    def __init__(self, root, build, compiler, folder):
        self.root = root
        self.build = build
        self.compiler = compiler
        self.folder = folder
        self.count = 0

    def compile(self, text, libraries=()):
        self.count += 1
        folder = os.path.join(self.folder, str(self.count))
        os.mkdir(folder)
        source = os.path.join(folder, 'program.c')
        program = source[:-2]
        with open(source, 'w', encoding='utf-8') as file:
            file.write(text)
        done = subprocess.run(
            self.compiler + FLAGS + ['-D_GNU_SOURCE', '-I' + os.path.join(self.root, 'include'),
                                     source, '-o', program, '-L' + self.build, *libraries, '-lcoil',
                                     '-Wl,-rpath,' + self.build, '-pthread'],
            capture_output=True, text=True, check=False)
        check(done.returncode == 0, 'it does not compile:\n' + done.stderr)
        return program

    def run(self, program, backend, debug=False):
        """Its output; in debug mode what is reported."""
        env = dict(environment(backend), COIL_DEBUG='1' if debug else '0')
        done = subprocess.run([program], env=env, capture_output=True, text=True,
                              timeout=TIME_LIMIT, stdin=subprocess.DEVNULL, check=False,
                              cwd=self.folder)
        check(done.returncode == 0, 'on %s it ended with %d:\n%s%s' % (
            backend, done.returncode, done.stdout, done.stderr))
        return done.stderr if debug else done.stdout

    def make_certificate(self):
        """For localhost, signed by itself, in the folder where the programs run."""
        if not os.path.exists(os.path.join(self.build, 'libcoil-tls.so')):
            raise Skipped('coil-tls is not built')
        if not os.path.exists(os.path.join(self.folder, 'localhost.pem')):
            subprocess.run(
                ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                 '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext',
                 'subjectAltName=DNS:localhost', '-keyout', 'localhost-key.pem', '-out',
                 'localhost.pem'], cwd=self.folder, capture_output=True, check=True)

    def check_program(self, block):
        libraries = []
        if 'tls' in block.info.split(' '):
            self.make_certificate()
            libraries = ['-lcoil-tls']
        if 'http' in block.info.split(' '):
            if not os.path.exists(os.path.join(self.build, 'libcoil-http.so')):
                raise Skipped('coil-http is not built')
            libraries = ['-lcoil-http']
        if 'lines' in block.info.split(' '):
            libraries = ['-g']
        program = self.compile(FRAGMENT % block.text if 'fragment' in block.info else block.text,
                               libraries)
        for backend in self.backends():
            if backend == 'sim' and 'real' in block.info:
                continue
            output = self.run(program, backend)
            if 'lines' in block.info and not re.search(r'^ +at \w+, program\.c:', output, re.M):
                raise Skipped('there are no lines to be had')
            if block.output is not None:
                check_equal(output, block.output, 'on', backend)
        if 'told' not in block.info.split(' '):
            told = self.run(program, 'epoll', debug=True)
            check_equal(without_stalls(told), '', 'in debug mode')

    def check_python(self, block, path):
        compile(block.text, path, 'exec', flags=0x2000)  # await outside of functions
        if block.info == 'python':
            return
        check_equal(block.info, 'python same')
        check(block.output is not None, 'there is no output below it')
        if sys.version_info < (3, 11):
            raise Skipped('asyncio is too old here')
        done = subprocess.run([sys.executable, '-c', block.text], capture_output=True, text=True,
                              timeout=TIME_LIMIT, stdin=subprocess.DEVNULL, check=False,
                              cwd=self.folder)
        check(done.returncode == 0, 'it ended with', done.returncode, done.stdout, done.stderr)
        check_equal(done.stdout, block.output)

    def backends(self):
        """Those that open here: io_uring may be forbidden."""
        if not hasattr(self, 'found'):
            program = self.compile(FRAGMENT % '')
            self.found = [name for name in BACKENDS if subprocess.run(
                [program], env=environment(name), check=False).returncode == 0]
            check('epoll' in self.found and 'sim' in self.found, 'only', self.found)
        return self.found

    def tests(self, path):
        with open(os.path.join(self.root, path), encoding='utf-8') as file:
            text = file.read()
        for block in blocks_of(text):
            name = '%s:%d' % (path, block.line)
            kind = block.info.split(' ')[0]
            if kind == 'c':
                yield name, lambda block=block: self.check_program(block)
            elif kind == 'python':
                yield name, lambda block=block: self.check_python(block, path)
            elif kind not in ('text', 'sh', 'console', ''):
                yield name, lambda block=block: check(False, 'what is', block.info)
        yield path + ': links', lambda: self.check_links(path, text)

    def check_links(self, path, text):
        """Links to files of the tree lead somewhere."""
        for target in re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', text):
            found = os.path.join(self.root, os.path.dirname(path), target)
            check(os.path.exists(found), path, 'has a link to', target, 'which does not exist')

    def test_readme_first(self):
        """README begins with a heading, a sentence, and the program of examples/gather.c."""
        with open(os.path.join(self.root, 'README.md'), encoding='utf-8') as file:
            text = file.read()
        with open(os.path.join(self.root, 'examples/gather.c'), encoding='utf-8') as file:
            example = file.read()
        block = blocks_of(text)[0]
        check_equal(block.info, 'c', 'the first block of README.md')
        check(block.line < 12, 'it begins in line', block.line)
        check(example.endswith('*/\n' + block.text), 'it is not examples/gather.c')

    def test_readme_program(self):
        """A hundred results, in one second."""
        program = self.compile(blocks_of(open(os.path.join(self.root, 'README.md'),
                                              encoding='utf-8').read())[0].text)
        sites = ['site%d.com' % i for i in range(100)]
        expected = ['Fetching ' + s for s in sites] + ['Done with ' + s for s in sites]
        for backend in self.backends():
            start = os.times().elapsed
            output = self.run(program, backend)
            took = os.times().elapsed - start
            check_equal(output.splitlines(), expected + ['Got 100 results'], 'on', backend)
            if backend == 'sim':
                check(took < 10, 'simulated time took', took, 's')
            else:
                check(1 <= took + 0.02 and took < 10, 'on', backend, 'it took', took, 's')


def main():
    root, build, compiler = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        documents = Documents(root, build, compiler.split(), folder)
        tests = []
        if not sys.argv[4:]:
            tests = [('README: first on the page', documents.test_readme_first),
                     ('README: a hundred in one second', documents.test_readme_program)]
        for path in sys.argv[4:] or DOCUMENTS:
            if not os.path.exists(os.path.join(root, path)):
                raise Failed(path + ' does not exist')
            tests += documents.tests(path)
        return run_all(tests)


if __name__ == '__main__':
    sys.exit(main())
