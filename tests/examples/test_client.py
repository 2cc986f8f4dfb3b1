#!/usr/bin/env python3
"""Runs `coil get`, and so the client of coil-http, against servers of other makers: nginx, Python's
http.server, and openssl s_server.

    test_client.py BUILD_FOLDER [TEST...]
"""
import gzip
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import (Skipped, check, check_equal, environment, run_all, tests_of,  # noqa: E402
                    wait_until)

BUILD = os.path.abspath(sys.argv[1])
COIL = os.path.join(BUILD, 'tools', 'coil', 'coil')
BACKENDS = [None, 'epoll']  # None: io_uring, where it is allowed
LIMIT = 60
LARGE = bytes(i * i % 251 for i in range(3000000))


def get(*args, backend=None, **changes):
    env = environment(backend)
    for name in ('http_proxy', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'):
        env.pop(name, None)
    env.update(changes)
    return subprocess.run([COIL, 'get'] + list(args), capture_output=True, timeout=LIMIT,
                          check=False, env=env)


def good(*args, **options):
    done = get(*args, **options)
    check_equal((done.returncode, done.stderr.decode() if done.returncode else ''), (0, ''))
    return done.stdout


def bad(sentence, *args, status=6, **options):
    done = get(*args, **options)
    check_equal(done.returncode, status)
    check(sentence in done.stderr.decode(), done.stderr.decode())


def tool(name):
    found = shutil.which(name) or shutil.which(name, path='/usr/sbin:/usr/bin')
    if not found:
        raise Skipped(name + ' is not installed')
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


# --- Python's server ---

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self, status, body, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def respond(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        if self.path == '/echo':
            self.answer(200, ('%s %s %s|' % (self.command, self.headers.get('X-A'),
                                             self.headers.get('Content-Type'))).encode() + body)
        elif self.path == '/away':
            self.answer(302, b'', Location='/echo', Set_Cookie='a=b')
        elif self.path == '/round':
            self.answer(302, b'', Location='/round')
        elif self.path == '/gzip':
            self.answer(200, gzip.compress(LARGE), Content_Encoding='gzip')
        elif self.path == '/old':  # until the end
            self.wfile.write(b'HTTP/1.0 200 OK\r\n\r\nolder')
            self.close_connection = True
        elif self.path == '/short':
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort')
            self.close_connection = True
        elif self.path.startswith('http://'):  # as a proxy
            self.answer(200, b'by proxy ' + self.path.encode())
        else:
            self.answer(404, b'nothing')

    do_GET = do_POST = do_HEAD = do_PUT = respond

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class PythonServer:
    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = 'http://127.0.0.1:%d' % self.server.server_address[1]
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_python_answers():
    with PythonServer() as server:
        for backend in BACKENDS:
            check_equal(good(server.url + '/echo', backend=backend), b'GET None None|')
            check_equal(good(server.url + '/echo', '-H', 'X-A: 1', '-d', 'x=y', backend=backend),
                        b'POST 1 application/x-www-form-urlencoded|x=y')
            check_equal(good(server.url + '/away', backend=backend), b'GET None None|')
            check(good(server.url + '/gzip', backend=backend) == LARGE, 'it is decoded')
            check_equal(good(server.url + '/old', backend=backend), b'older')


def test_python_and_failures():
    with PythonServer() as server:
        bad('404 ', server.url + '/nothing')
        bad('more than 10 redirects', server.url + '/round')
        bad('more than 2 redirects', server.url + '/round', '--max-redirects', '2')
        bad('has ended before the body', server.url + '/short')
        bad('neither http nor https', 'example.org')
        bad('there is no URL', status=2)
        bad('no option', '--what', status=2)
        bad('more -o than URLs', server.url, '-o', 'a', '-o', 'b', status=2)
        bad('No such file', server.url + '/echo', '-o', '/nowhere/at/all')
        bad('No such file', server.url + '/echo', '-d', '@/nowhere/at/all')
        bad('Connection refused', 'http://127.0.0.1:%d/' % free_port())
        check_equal(get(server.url + '/away', '--no-redirects', '-s').returncode, 0)
        check_equal(get(server.url + '/nothing', '-s').stderr, b'')


def test_python_heads():
    with PythonServer() as server:
        head = good('-I', server.url + '/echo').decode()
        check(head.startswith('HTTP/1.1 200 OK\r\n') and head.endswith('\r\n\r\n'), head)
        both = good('-i', server.url + '/echo').decode()
        check(both.endswith('\r\n\r\nGET None None|'), both)


def test_python_as_a_proxy():
    with PythonServer() as server:
        check_equal(good('http://example.org/a', http_proxy=server.url),
                    b'by proxy http://example.org/a')
        check_equal(good(server.url + '/echo', http_proxy='127.0.0.1:1', no_proxy='127.0.0.1'),
                    b'GET None None|')


def test_time_is_over():
    with socket.create_server(('127.0.0.1', 0)) as silent:
        bad('within the whole time', 'http://127.0.0.1:%d/' % silent.getsockname()[1],
            '--timeout', '0.1')


# --- nginx ---

NGINX = """daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{ listen 127.0.0.1:{port}; root {folder}/www; gzip on; gzip_types text/plain; }}
    server {{
        listen 127.0.0.1:{secure} ssl; root {folder}/www;
        ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    }}
}}
"""


def make_certificate(folder):
    subprocess.run([tool('openssl'), 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
                    '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
                    '-keyout', folder + '/key.pem', '-out', folder + '/cert.pem'],
                   check=True, capture_output=True)


class Folder:
    def __enter__(self):
        # pylint: disable-next=consider-using-with
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = self.temporary.name
        os.mkdir(self.folder + '/www')
        with open(self.folder + '/www/large.txt', 'wb') as file:
            file.write(LARGE)
        for i in range(20):
            with open(self.folder + '/www/%d' % i, 'wb') as file:
                file.write(b'%d\n' % i * 1000)
        make_certificate(self.folder)
        return self

    def __exit__(self, *_):
        self.temporary.cleanup()


class Nginx(Folder):
    def __enter__(self):
        program = tool('nginx')
        super().__enter__()
        os.chmod(self.folder, 0o755)
        self.port, self.secure = free_port(), free_port()
        with open(self.folder + '/conf', 'w', encoding='ascii') as file:
            file.write(NGINX.format(folder=self.folder, port=self.port, secure=self.secure))
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([program, '-p', self.folder, '-c', self.folder + '/conf'],
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: is_open(self.port) and is_open(self.secure), 'nginx listens')
        self.url = 'http://127.0.0.1:%d' % self.port
        self.secure_url = 'https://127.0.0.1:%d' % self.secure
        return self

    def __exit__(self, *rest):
        self.process.terminate()
        self.process.wait()
        super().__exit__(*rest)


def test_nginx_many_at_once():
    with Nginx() as nginx:
        urls = [nginx.url + '/%d' % i for i in range(20)]
        expected = b''.join(b'%d\n' % i * 1000 for i in range(20))
        for backend in BACKENDS:
            for parallel in ('1', '3', '50'):
                check(good(*urls, '--parallel', parallel, backend=backend) == expected,
                      'in the order of the command line')


def test_nginx_files():
    with Nginx() as nginx:
        names = [nginx.folder + '/a', nginx.folder + '/b']
        good(nginx.url + '/large.txt', nginx.url + '/7', '-o', names[0], '-o', names[1])
        with open(names[0], 'rb') as file:
            check(file.read() == LARGE, 'it is whole')
        with open(names[1], 'rb') as file:
            check_equal(file.read(), b'7\n' * 1000)


def test_nginx_and_tls():
    with Nginx() as nginx:
        url = nginx.secure_url + '/large.txt'
        for backend in BACKENDS:
            bad('certificate', url, backend=backend)
            check(good(url, '--insecure', backend=backend) == LARGE, 'insecure')
            check(good(url, backend=backend, SSL_CERT_FILE=nginx.folder + '/cert.pem') == LARGE,
                  'by an authority of our own')


def test_openssl_s_server():
    with Folder() as folder:
        port = free_port()
        with subprocess.Popen([tool('openssl'), 's_server', '-WWW', '-accept', str(port), '-cert',
                               folder.folder + '/cert.pem', '-key', folder.folder + '/key.pem',
                               '-quiet'], cwd=folder.folder + '/www',
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                wait_until(lambda: is_open(port), 's_server listens')
                body = good('https://localhost:%d/large.txt' % port,
                            SSL_CERT_FILE=folder.folder + '/cert.pem')
                check(body == LARGE, 'it is whole')
            finally:
                server.terminate()


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
