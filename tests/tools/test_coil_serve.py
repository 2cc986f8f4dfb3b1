#!/usr/bin/env python3
"""Runs `coil serve`, asks it with curl, and compares a table of answers with nginx's.

    test_coil_serve.py BUILD_FOLDER [TEST...]
"""
import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'examples'))
from runner import (Skipped, check, check_equal, environment, run_all, tests_of,  # noqa: E402
                    wait_until)

BUILD = os.path.abspath(sys.argv[1])
COIL = os.path.join(BUILD, 'tools', 'coil', 'coil')
LIMIT = 60
CHANGED = 784111777
CHANGED_TEXT = 'Sun, 06 Nov 1994 08:49:37 GMT'

NGINX = '''
daemon off; master_process off; pid %(folder)s/pid; error_log %(folder)s/errors;
events { worker_connections 64; }
http {
    access_log off; default_type application/octet-stream; gzip_static on; gzip_vary on;
    types { text/plain txt; text/html html; }
    client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p;
    fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
    server { listen 127.0.0.1:%(port)d; root %(root)s; }
}
'''


def tool(name):
    found = shutil.which(name) or shutil.which(name, path='/usr/sbin:/usr/bin')
    if not found:
        raise Skipped(name + ' is not installed')
    return found


def put(root, name, data):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(data)
    os.utime(path, (CHANGED, CHANGED))


class Site:
    """A folder with files, served until the block is left."""

    def __init__(self, *options, backend=None):
        self.options = options
        self.backend = backend
        self.data = os.urandom(1024 * 1024 + 17)

    def __enter__(self):
        self.temp = tempfile.mkdtemp(prefix='coil-test-')
        self.root = os.path.join(self.temp, 'root')
        put(self.root, 'large.bin', self.data)
        put(self.root, 'small.txt', b'Hello, World!\n')
        put(self.root, 'both.txt', b'text' * 1000)
        put(self.root, 'both.txt.gz', gzip.compress(b'text' * 1000))
        put(self.root, 'empty.txt', b'')
        put(self.root, 'sub/index.html', b'<p>sub\n')
        put(self.root, 'bare/a&b <c>.txt', b'x')
        put(self.temp, 'secret', b'secret')
        put(self.root, '.hidden', b'secret')
        self.errors = open(os.path.join(self.temp, 'stderr'), 'w+', encoding='utf-8')
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            [COIL, 'serve', '--port', '0', *self.options, self.root], text=True,
            env=environment(self.backend), stdout=subprocess.PIPE, stderr=self.errors)
        line = self.process.stdout.readline()
        self.port = int(re.search(r':(\d+)/', line).group(1))
        self.url = 'http://127.0.0.1:%d' % self.port
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()
        shutil.rmtree(self.temp)

    def lines(self):
        self.errors.flush()
        with open(self.errors.name, encoding='utf-8') as file:
            return [re.sub(r'^127\.0\.0\.1 ', '', line.rstrip('\n')) for line in file]


def curl(*arguments, status=0):
    done = subprocess.run([tool('curl'), '-sS', '--max-time', str(LIMIT), *arguments],
                          capture_output=True, check=False)
    check(status is None or done.returncode == status, arguments, done.returncode, done.stderr)
    return done.stdout


def test_curl_gets_files():
    for backend in (None, 'epoll'):
        with Site(backend=backend) as site:
            check(curl(site.url + '/large.bin') == site.data, 'large.bin')
            check_equal(curl(site.url + '/small.txt'), b'Hello, World!\n')
            check_equal(curl('-r', '7-11', site.url + '/small.txt'), b'World')
            check_equal(curl('-r', '-7', site.url + '/small.txt'), b'World!\n')
            check_equal(curl('--compressed', site.url + '/both.txt'), b'text' * 1000)
            check_equal(curl('-L', site.url + '/sub'), b'<p>sub\n')
            check_equal(curl('-o', '/dev/null', '-w', '%{http_code}', '-z', CHANGED_TEXT,
                             site.url + '/small.txt'), b'304')
            # A download that was cut off goes on.
            part = os.path.join(site.temp, 'part')
            put(site.temp, 'part', site.data[:500000])
            curl('-C', '-', '-o', part, site.url + '/large.bin')
            with open(part, 'rb') as file:
                check(file.read() == site.data, 'the rest')
            # One connection for many.
            check_equal(curl(*[site.url + '/empty.txt'] * 20, '-w', '%{num_connects}'),
                        b'1' + b'0' * 19)


def test_nothing_outside():
    with Site() as site:
        for path in ('/../secret', '/%2e%2e/secret', '/sub/../../secret', '/..%2fsecret',
                     '/.hidden', '/sub/%2e%2e/%2e%2e/secret', '/%c0%ae%c0%ae/secret', '/%00',
                     '//../secret', '/..;/secret', '/.%00./secret'):
            answer = curl('--path-as-is', '-w', '%{http_code}', site.url + path)
            check(b'secret' not in answer and answer[-3:] in (b'400', b'404'), path, answer)


def test_lists():
    with Site() as site:
        page = curl(site.url + '/').decode()
        check('<a href="sub/">sub/</a>' in page and '.hidden' not in page, page)
        page = curl(site.url + '/bare/').decode()
        check('<a href="a%26b%20%3Cc%3E.txt">a&#38;b &#60;c&#62;.txt</a>' in page, page)
        found = json.loads(curl('-H', 'Accept: application/json', site.url + '/bare/'))
        check_equal(found, [{'name': 'a&b <c>.txt', 'type': 'file', 'size': 1,
                             'modified': '1994-11-06T08:49:37Z'}])
    with Site('--no-list', '--hidden', '--max-age=60', '--quiet') as site:
        check_equal(curl('-w', '%{http_code}', '-o', '/dev/null', site.url + '/'), b'404')
        check_equal(curl(site.url + '/.hidden'), b'secret')
        check(b'Cache-Control: max-age=60\r\n' in curl('-I', site.url + '/small.txt'))
        check_equal(site.lines(), [])


def test_lines_and_the_end():
    with Site() as site:
        curl(site.url + '/small.txt')
        curl('-I', site.url + '/small.txt?a=b')
        curl('-o', '/dev/null', site.url + '/nothing%0a%1b')
        for ending in (signal.SIGINT,):
            site.process.send_signal(ending)
        check_equal(site.process.wait(timeout=LIMIT), 0)
        check_equal(site.lines(), ['GET /small.txt 200 14', 'HEAD /small.txt?a=b 200 0',
                                   'GET /nothing%0a%1b 404 10'])
        check_equal(site.process.stdout.read(), 'Ctrl-C ends it.\n')


def test_log():
    with tempfile.TemporaryDirectory(prefix='coil-test-') as folder:
        log = os.path.join(folder, 'log')
        with Site('--log', log, '--quiet') as site:
            curl('-A', 'me "1"', site.url + '/small.txt?a=b')
            os.rename(log, log + '.1')
            site.process.send_signal(signal.SIGHUP)
            wait_until(lambda: os.path.exists(log), 'the log, opened anew')
            curl('-A', 'me', site.url + '/nothing')
            site.process.send_signal(signal.SIGINT)
            check_equal(site.process.wait(timeout=LIMIT), 0)
            check_equal(site.lines(), [])
        lines = []
        for name in (log + '.1', log):
            with open(name, encoding='ascii') as file:
                lines += [re.sub(r'\[.*\]', '[]', line) for line in file]
        check_equal(lines, [
            '127.0.0.1 - - [] "GET /small.txt?a=b HTTP/1.1" 200 14 "-" "me \\x221\\x22"\n',
            '127.0.0.1 - - [] "GET /nothing HTTP/1.1" 404 10 "-" "me"\n'])


def test_ctrl_c_lets_downloads_end():
    with Site() as site:
        with socket.create_connection(('127.0.0.1', site.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b'GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n')
            data = client.recv(100)
            site.process.send_signal(signal.SIGTERM)
            while True:
                more = client.recv(65536)
                if not more:
                    break
                data += more
        check(data.endswith(site.data), len(data))
        check_equal(site.process.wait(timeout=LIMIT), 0)


def test_bad_words():
    with Site() as site:
        for words, status, sentence in (
                (['nowhere'], 6, "there is no folder 'nowhere'"),
                ([COIL], 6, "'%s' is no folder" % COIL),
                (['--port', str(site.port), site.root], 6,
                 'port %d is in use; another one is given by --port' % site.port),
                (['--host', '192.0.2.1', site.root], 6,
                 "this computer has no address '192.0.2.1'"),
                (['--port', '80x'], 2, "--port takes a number up to 65535, and '80x' is none"),
                (['--port=65536'], 2, "--port takes a number up to 65535, and '65536' is none"),
                (['--port'], 2, 'the value of --port is missing'),
                (['--host='], 2, '--host takes an address'),
                (['--log='], 2, '--log takes a file'),
                (['--log', '/nowhere/x'], 6, "the log '/nowhere/x' cannot be opened: "),
                (['--nope'], 2, "there is no option '--nope'"),
                (['--portal=1'], 2, "there is no option '--portal=1'"),
                (['a', 'b'], 2, "'b' is one folder too many")):
            done = subprocess.run([COIL, 'serve', *words], capture_output=True, text=True,
                                  timeout=LIMIT, check=False, cwd=site.temp)
            check_equal(done.returncode, status, words)
            check(done.stderr.startswith('coil: ' + sentence), done.stderr)
            check_equal(done.stdout, '')
    done = subprocess.run([COIL, 'serve', '--help'], capture_output=True, text=True,
                          timeout=LIMIT, check=False)
    check(done.returncode == 0 and 'usage: coil serve [OPTION...] [FOLDER]' in done.stdout)


class Nginx:
    def __init__(self, site):
        self.site = site

    def __enter__(self):
        folder = os.path.join(self.site.temp, 'nginx')
        os.mkdir(folder)
        os.chmod(self.site.temp, 0o755)
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        path = os.path.join(folder, 'conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('user root;' if os.getuid() == 0 else '')
            file.write(NGINX % {'folder': folder, 'port': self.port, 'root': self.site.root})
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([tool('nginx'), '-c', path], stderr=subprocess.DEVNULL)
        self.url = 'http://127.0.0.1:%d' % self.port
        wait_until(self.answers, 'nginx answers')
        return self

    def answers(self):
        try:
            socket.create_connection(('127.0.0.1', self.port)).close()
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# What both are asked for. '=': the same answer; else what coil's is, and why nginx's is not.
REQUESTS = (
    (['/small.txt'], '='),
    (['-I', '/small.txt'], '='),
    (['-I', '/large.bin'], '='),
    (['/empty.txt'], '='),
    (['/sub/'], '='),
    (['/small.txt?query'], '='),
    (['/nothing'], '='),
    (['/small.txt/'], '='),
    (['/small.txt/x'], '='),
    (['/%73mall.txt'], '='),
    (['/%2573mall.txt'], '='),
    (['/../secret'], '='),
    (['/%2e%2e/secret'], '='),
    (['/sub/../small.txt'], '='),
    (['//small.txt'], '='),
    (['/small.txt%00'], '='),
    (['/%zz'], '='),
    (['-X', 'POST', '/small.txt'], '='),
    (['-X', 'DELETE', '/small.txt'], '='),
    (['-r', '0-4', '/small.txt'], '='),
    (['-r', '7-', '/small.txt'], '='),
    (['-r', '-7', '/small.txt'], '='),
    (['-r', '-700', '/small.txt'], '='),
    (['-r', '14-', '/small.txt'], '='),
    (['-r', '100-200', '/small.txt'], '='),
    (['-H', 'Range: bytes=5-4', '/small.txt'], '200'),     # nginx: 416; RFC 9110, 14.2: ignored
    (['-H', 'Range: lines=0-4', '/small.txt'], '200'),     # nginx: 416; RFC 9110, 14.2: ignored
    (['-z', CHANGED_TEXT, '/small.txt'], '='),
    (['-z', 'Sun, 06 Nov 1994 08:49:36 GMT', '/small.txt'], '='),
    (['-H', 'If-None-Match: "x"', '/small.txt'], '='),
    (['-H', 'If-None-Match: *', '/small.txt'], '='),
    (['-H', 'If-Match: "x"', '/small.txt'], '='),
    (['-H', 'If-Match: *', '/small.txt'], '='),
    (['-H', 'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT', '/small.txt'], '='),
    (['-H', 'If-Range: ' + CHANGED_TEXT, '-r', '0-4', '/small.txt'], '='),
    (['-H', 'If-Range: "x"', '-r', '0-4', '/small.txt'], '='),
    (['-H', 'Accept-Encoding: gzip', '/both.txt'], '='),
    (['-H', 'Accept-Encoding: gzip;q=0', '/both.txt'], '='),
    (['-H', 'Accept-Encoding: gzip', '-r', '0-9', '/both.txt'], '206'),  # nginx: 200; of the gzip
    (['/..%2fsecret'], '404'),                             # nginx: 400; no name has a slash
    (['/.hidden'], '404'),                                 # nginx: 200
    (['/bare/'], '404'),                                   # nginx: 403; tells less
)
COMPARED = ('content-type', 'content-length', 'content-range', 'last-modified',
            'content-encoding', 'vary')


def answer_of(url, words):
    text = curl('-i', '--path-as-is', *words[:-1], url + words[-1])
    head, _, body = text.partition(b'\r\n\r\n')
    lines = head.decode().split('\r\n')
    fields = dict(line.lower().split(': ', 1) for line in lines[1:] if ': ' in line)
    status = lines[0].split()[1]
    if status not in ('200', '206'):
        return status, {}, b''
    return status, {name: fields.get(name) for name in COMPARED}, body


def plain_type(answer):
    """nginx names no charset unless it is told."""
    status, fields, body = answer
    fields = dict(fields)
    fields['content-type'] = (fields.get('content-type') or '').split(';')[0]
    fields.pop('vary', None)  # which nginx sends only where there is something beside a file
    return status, fields, body


def test_as_nginx():
    with Site('--no-list') as site, Nginx(site) as nginx:
        for words, expected in REQUESTS:
            ours, theirs = answer_of(site.url, words), answer_of(nginx.url, words)
            if expected == '=':
                check_equal(plain_type(ours), plain_type(theirs), words)
            else:
                check_equal(ours[0], expected, words)
        # What one has said, the other one's client can go on with.
        tag = re.search(rb'ETag: (\S+)', curl('-I', site.url + '/small.txt')).group(1).decode()
        check_equal(answer_of(site.url, ['-H', 'If-None-Match: ' + tag, '/small.txt'])[0], '304')
        check_equal(answer_of(site.url, ['-H', 'If-Range: ' + tag, '-r', '0-1', '/small.txt'])[0],
                    '206')


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
