#!/usr/bin/env python3
"""Runs examples/http_hello between clients of other makers: curl, Python's http.client, and nginx
as a proxy in front of it.

    test_http_hello.py BUILD_FOLDER [TEST...]
"""
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from listener import LIMIT, Listener  # noqa: E402
from runner import Skipped, check, check_equal, run_all, tests_of, wait_until  # noqa: E402

BUILD = sys.argv[1]
BACKENDS = [None, 'epoll']  # None: io_uring, where it is allowed


def tool(name):
    found = shutil.which(name) or shutil.which(name, path='/usr/sbin:/usr/bin')
    if not found:
        raise Skipped(name + ' is not installed')
    return found


class Server(Listener):
    def __init__(self, backend):
        super().__init__(backend, os.path.join(BUILD, 'examples', 'http_hello'), '0')


def curl(*arguments, data=None, status=0):
    done = subprocess.run([tool('curl'), '-sS', '--max-time', str(LIMIT), *arguments],
                          input=data, capture_output=True, check=False)
    check(status is None or done.returncode == status, arguments, done.returncode, done.stderr)
    return done.stdout


def on_each(test):
    for backend in BACKENDS:
        with Server(backend) as server:
            test(server)
            server.end()


def test_curl_gets():
    def go(server):
        check_equal(curl(server.url + '/'), b'Hello, World!\n')
        check_equal(curl(server.url + '/hello?Ann'), b'Hello, Ann!\n')
        check_equal(curl('-o', '/dev/null', '-w', '%{http_code}', server.url + '/no'), b'404')
        head = curl('-I', server.url + '/').decode()
        check(head.startswith('HTTP/1.1 200 OK\r\nDate: '), head)
        check('Content-Length: 14\r\n' in head and 'Server: coil\r\n' in head, head)
        check_equal(curl('--http1.0', server.url + '/'), b'Hello, World!\n')
        # One connection for three.
        check_equal(curl('-w', '%{num_connects}', server.url, server.url, server.url),
                    b'Hello, World!\n1' + b'Hello, World!\n0' * 2)
    on_each(go)


def test_curl_posts():
    data = os.urandom(900 * 1024)

    def go(server):
        url = server.url + '/echo'
        for fields in (['-H', 'Expect:'], ['-H', 'Expect: 100-continue'],
                       ['-H', 'Transfer-Encoding: chunked'],
                       ['-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue']):
            check(curl('--data-binary', '@-', *fields, url, data=data) == data, fields)
        check_equal(curl('--data-binary', '@-', '-w', '%{http_code}', server.url + '/',
                         data=data[:60000]), b'Hello, World!\n200')
        # Too large: the answer arrives, though more was sent than anybody reads.
        check_equal(curl('--data-binary', '@-', '-w', '%{http_code}', '-o', '/dev/null', url,
                         data=data * 2, status=None)[-3:], b'413')
        # In chunks that shows when the answer has begun: it is cut off, and curl sees that.
        done = subprocess.run(
            [tool('curl'), '-s', '--data-binary', '@-', '-H', 'Transfer-Encoding: chunked', url],
            input=data * 2, capture_output=True, check=False, timeout=LIMIT)
        # Which of receiving and sending it learns it from is chance (18, 56; 55).
        check(done.returncode in (18, 55, 56), done.returncode)
    on_each(go)


def test_curl_sees_pieces_as_they_come():
    def go(server):
        process = subprocess.Popen([tool('curl'), '-sN', server.url + '/count'],
                                   stdout=subprocess.PIPE)
        check_equal(process.stdout.readline(), b'1\n')
        first = time.monotonic()
        check_equal(process.stdout.read(), b'2\n3\n4\n5\n')
        check(time.monotonic() - first > 0.2, 'all came at once')
        check_equal(process.wait(timeout=LIMIT), 0)
        process.stdout.close()
    on_each(go)


def test_python_keeps_a_connection():
    def go(server):
        client = http.client.HTTPConnection('127.0.0.1', server.port, timeout=LIMIT)
        for i in range(50):
            client.request('POST', '/echo', body=b'x' * i * 100)
            response = client.getresponse()
            check_equal((response.status, response.read()), (200, b'x' * i * 100))
        client.close()
    on_each(go)


def test_many_at_once():
    def go(server):
        failures = []

        def ask():
            try:
                client = http.client.HTTPConnection('127.0.0.1', server.port, timeout=LIMIT)
                for _ in range(20):
                    client.request('GET', '/hello?x')
                    if client.getresponse().read() != b'Hello, x!\n':
                        failures.append('a wrong answer')
                client.close()
            except OSError as error:
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        check_equal(failures, [])
    on_each(go)


def test_requests_finish_when_it_is_closed():
    def go(server):
        with socket.create_connection(('127.0.0.1', server.port), timeout=LIMIT) as idle, \
                socket.create_connection(('127.0.0.1', server.port), timeout=LIMIT) as busy:
            busy.sendall(b'GET /count HTTP/1.1\r\nHost: x\r\n\r\n')
            file = busy.makefile('rb')
            check_equal(file.readline(), b'HTTP/1.1 200 OK\r\n')
            server.interrupt()
            check_equal(idle.recv(1), b'')
            check(file.read().endswith(b'5\n\r\n0\r\n\r\n'))
            file.close()
    on_each(go)


NGINX = '''daemon off; master_process off; pid %(folder)s/pid; error_log stderr;
events {}
http {
    access_log off; client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b;
    fastcgi_temp_path %(folder)s/c; uwsgi_temp_path %(folder)s/d; scgi_temp_path %(folder)s/e;
    upstream hello { server 127.0.0.1:%(to)d; keepalive 4; }
    server {
        listen 127.0.0.1:%(port)d;
        location / { proxy_pass http://hello; proxy_http_version 1.1;
                     proxy_set_header Connection ""; proxy_request_buffering off; }
    }
}
'''


def can_connect(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=LIMIT).close()
        return True
    except OSError:
        return False


def test_behind_nginx():
    nginx = tool('nginx')
    with tempfile.TemporaryDirectory() as folder, Server(None) as server:
        with socket.create_server(('127.0.0.1', 0)) as listener:
            port = listener.getsockname()[1]
        config = os.path.join(folder, 'nginx.conf')
        with open(config, 'w', encoding='ascii') as file:
            file.write(NGINX % {'folder': folder, 'port': port, 'to': server.port})
        with subprocess.Popen([nginx, '-p', folder, '-c', config],
                              stderr=subprocess.DEVNULL) as proxy:
            try:
                wait_until(lambda: can_connect(port), 'nginx')
                url = 'http://127.0.0.1:%d' % port
                data = os.urandom(200 * 1024)
                for _ in range(5):
                    check_equal(curl(url + '/hello?nginx'), b'Hello, nginx!\n')
                    check(curl('--data-binary', '@-', url + '/echo', data=data) == data)
                check_equal(curl(url + '/count'), b'1\n2\n3\n4\n5\n')
            finally:
                proxy.kill()


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
