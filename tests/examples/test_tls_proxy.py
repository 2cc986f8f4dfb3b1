#!/usr/bin/env python3
"""Runs examples/tls_proxy between clients of other makers (curl, openssl, Python, sslscan) and
servers that know no TLS.

    test_tls_proxy.py BUILD_FOLDER [TEST...]
"""
import http.server
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import (Skipped, check, check_equal, environment, run_all, tests_of,  # noqa: E402
                    wait_until)

BUILD = sys.argv[1]
BACKENDS = [None, 'epoll']  # None: io_uring, where it is allowed
LIMIT = 60
WORK = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with


def path(name):
    return os.path.join(WORK.name, name)


def run(*command, text=None, status=0):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=LIMIT,
                          check=False)
    check(status is None or done.returncode == status, command, 'ended with', done.returncode,
          done.stdout, done.stderr)
    return done.stdout + done.stderr


def tool(name):
    found = shutil.which(name) or shutil.which(name, path='/usr/sbin:/usr/bin')
    if not found:
        raise Skipped(name + ' is not installed')
    return found


def make_certificate(name, subject):
    """NAME.pem and NAME-key.pem: for localhost, signed by itself."""
    run(tool('openssl'), 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
        '-nodes', '-days', '30', '-subj', '/CN=' + subject,
        '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
        '-keyout', path(name + '-key.pem'), '-out', path(name + '.pem'))


class Echo:
    """A server without TLS: sends back what it gets, and its end when the client's has come."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def serve(connection):
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
            connection.sendall(b'[end]')
            connection.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for connection in self.connections:
            connection.close()


class Proxy:
    """The example, in front of a port. Its lines of output stand in `lines`."""

    def __init__(self, backend, port, *options):
        self.command = [os.path.join(BUILD, 'examples', 'tls_proxy'), '--listen', '127.0.0.1:0',
                        '--cert', path('now.pem'), '--key', path('now-key.pem'), '--backend',
                        '127.0.0.1:%d' % port, '--log', *options]
        self.backend = backend
        self.lines = []

    def __enter__(self):
        make_certificate('now', 'first')
        self.process = subprocess.Popen(self.command, text=True, env=environment(self.backend),
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.reader.start()
        wait_until(lambda: self.has('listening'), 'the proxy')
        self.port = int(re.search(r'port (\d+)', self.lines[0]).group(1))
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def collect(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip('\n'))

    def has(self, text):
        return any(text in line for line in self.lines)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(timeout=LIMIT)
        self.reader.join(LIMIT)
        return status

    def client(self, version=None):
        context = ssl.create_default_context(cafile=path('now.pem'))
        if version:
            context.maximum_version = version
        plain = socket.create_connection(('127.0.0.1', self.port), timeout=LIMIT)
        return context.wrap_socket(plain, server_hostname='localhost')


def on_each_backend(function, *options):
    for backend in BACKENDS:
        with Echo() as echo, Proxy(backend, echo.port, *options) as proxy:
            function(proxy)


def talk(client, text):
    client.sendall(text)
    got = b''
    while len(got) < len(text):
        piece = client.recv(65536)
        check(piece, 'it has hung up')
        got += piece
    check_equal(got, text)


# --- clients of other makers ---


def test_python():
    def run_it(proxy):
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            with proxy.client(version) as client:
                talk(client, b'hello')
                talk(client, b'x' * 100000)
        wait_until(lambda: proxy.has('TLSv1.2') and proxy.has('TLSv1.3'), 'the log')
        check(proxy.has('name=localhost') and proxy.has('up=100005'), proxy.lines)
    on_each_backend(run_it)


class Page(http.server.BaseHTTPRequestHandler):
    """A page of a megabyte, and the end of the connection behind it."""

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'page ' * 200000)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def test_curl():
    curl = tool('curl')
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for backend in BACKENDS:
        with Proxy(backend, server.server_address[1], '--alpn', 'http/1.1') as proxy:
            for version in '--tls-max', '--tlsv1.3':
                options = [version] + (['1.2'] if version == '--tls-max' else [])
                page = run(curl, '-sS', '--noproxy', '*', '--cacert', path('now.pem'), *options,
                           'https://localhost:%d/' % proxy.port, '--resolve',
                           'localhost:%d:127.0.0.1' % proxy.port)
                check_equal(page, 'page ' * 200000)
            wait_until(lambda p=proxy: p.has('alpn=http/1.1'), 'the log')
    server.shutdown()


def converse(command, line):
    """Says a line to s_client, waits for its echo, and quits: by then a session has come."""
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        process.stdin.write(line + '\n')
        process.stdin.flush()
        output = ''
        for text in process.stdout:
            output += text
            if text.strip() == line:
                process.stdin.write('Q\n')
                process.stdin.close()
        check_equal(process.wait(LIMIT), 0, output)
        return output


def test_openssl_client():
    openssl = tool('openssl')

    def run_it(proxy):
        for version in '-tls1_2', '-tls1_3':
            session = path('session' + version)
            common = [openssl, 's_client', '-connect', '127.0.0.1:%d' % proxy.port, version,
                      '-servername', 'localhost', '-CAfile', path('now.pem'),
                      '-verify_return_error', '-verify_hostname', 'localhost']
            output = converse([*common, '-sess_out', session], 'hello')
            check('Verify return code: 0 (ok)' in output, output)
            output = converse([*common, '-sess_in', session], 'hello again')
            check('Reused, TLS' in output, output)
    on_each_backend(run_it)


def test_openssl_renegotiation():
    def run_it(proxy):
        output = run(tool('openssl'), 's_client', '-connect', '127.0.0.1:%d' % proxy.port,
                     '-tls1_2', '-CAfile', path('now.pem'), text='R\nhello\n', status=None)
        check('no renegotiation' in output, output)
        with proxy.client() as client:
            talk(client, b'still here')
    on_each_backend(run_it)


def test_sslscan():
    """Nothing old, nothing weak."""
    scan = tool('sslscan')

    def run_it(proxy):
        output = run(scan, '--no-colour', '127.0.0.1:%d' % proxy.port)
        for what in 'SSLv2', 'SSLv3', 'TLSv1.0', 'TLSv1.1':
            check(re.search(what + r'\s+disabled', output), output)
        for what in 'TLSv1.2', 'TLSv1.3':
            check(re.search(what + r'\s+enabled', output), output)
        check('Session renegotiation not supported' in output, output)
        check(len(re.findall('not vulnerable to heartbleed', output)) >= 1, output)
    on_each_backend(run_it)


# --- ends ---


def test_half_close():
    """The client sends all it has and says so; the answer comes behind that."""
    def run_it(proxy):
        client = proxy.client()
        plain = ssl.MemoryBIO(), ssl.MemoryBIO()
        client.close()
        context = ssl.create_default_context(cafile=path('now.pem'))
        tls = context.wrap_bio(plain[0], plain[1], server_hostname='localhost')
        connection = socket.create_connection(('127.0.0.1', proxy.port), timeout=LIMIT)

        def step(call, *args):
            while True:
                try:
                    result = call(*args)
                    connection.sendall(plain[1].read())
                    return result
                except ssl.SSLWantReadError:
                    connection.sendall(plain[1].read())
                    data = connection.recv(65536)
                    check(data, 'it has hung up')
                    plain[0].write(data)

        step(tls.do_handshake)
        step(tls.write, b'question')
        check_equal(step(tls.read, 100), b'question')
        try:
            tls.unwrap()  # sends close_notify, and wants the peer's
        except ssl.SSLWantReadError:
            pass
        connection.sendall(plain[1].read())
        rest = b''
        while data := connection.recv(65536):
            rest += data
        check(len(rest) > 20, 'no answer came after the end')
        connection.close()
        wait_until(lambda: proxy.has('up=8 down=13'), 'the log')
    on_each_backend(run_it)


def test_truncation_is_handed_on():
    """A client that vanishes without close_notify: the server behind sees no orderly end."""
    def run_it(proxy):
        client = proxy.client()
        talk(client, b'half')
        plain = socket.socket(fileno=client.detach())
        plain.close()
        wait_until(lambda: proxy.has('cut off') or proxy.has('reset'), 'the log')
    on_each_backend(run_it)


def test_strangers():
    def run_it(proxy):
        for text in b'GET / HTTP/1.0\r\n\r\n', b'nonsense and more of it\n':
            with socket.create_connection(('127.0.0.1', proxy.port), timeout=LIMIT) as client:
                client.sendall(text)
                while client.recv(4096):
                    pass
        wait_until(lambda: proxy.has('plain HTTP') and proxy.has('is not TLS'), 'the log')
        with proxy.client() as client:
            talk(client, b'hello')
    on_each_backend(run_it)


def test_backend_that_is_not_there():
    for backend in BACKENDS:
        with socket.create_server(('127.0.0.1', 0)) as listener:
            port = listener.getsockname()[1]
        with Proxy(backend, port) as proxy:
            client = proxy.client()
            try:
                check_equal(client.recv(10), b'')
            except OSError:
                pass
            client.close()
            wait_until(lambda p=proxy: p.has('Connection refused'), 'the log')


def test_graceful_end():
    def run_it(proxy):
        client = proxy.client()
        talk(client, b'hello')
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: proxy.has('ending'), 'the end')
        talk(client, b'still here')
        wait_until(lambda: not can_connect(proxy.port), 'no listener')
        client.close()
        check_equal(proxy.process.wait(timeout=LIMIT), 0)
        check(not proxy.has('some connections were cut off'), proxy.lines)
    on_each_backend(run_it)


def can_connect(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=LIMIT).close()
        return True
    except OSError:
        return False


def test_end_after_the_time_of_grace():
    def run_it(proxy):
        client = proxy.client()
        talk(client, b'hello')
        check_equal(proxy.end(signal.SIGINT), 0)
        check(proxy.has('some connections were cut off'), proxy.lines)
        client.close()
    on_each_backend(run_it, '--grace', '1')


# --- certificates ---


def common_name(client):
    return dict(pair[0] for pair in client.getpeercert()['subject'])['commonName']


def test_reload():
    def run_it(proxy):
        old = proxy.client()
        check_equal(common_name(old), 'first')
        with open(path('now.pem'), 'w', encoding='ascii') as file:
            file.write('nonsense\n')
        proxy.process.send_signal(signal.SIGHUP)
        wait_until(lambda: proxy.has('the old certificate stays in use'), 'a complaint')
        make_certificate('now', 'second')
        proxy.process.send_signal(signal.SIGHUP)
        wait_until(lambda: proxy.has('was read anew'), 'the reload')
        with proxy.client() as fresh:
            check_equal(common_name(fresh), 'second')
            talk(fresh, b'hello')
        talk(old, b'still here')
        old.close()
    on_each_backend(run_it)


def test_client_certificates():
    make_certificate('client', 'alice')

    def run_it(proxy):
        client = proxy.client()
        try:
            check_equal(client.recv(10), b'', 'a client without a certificate was served')
        except OSError:
            pass
        client.close()
        wait_until(lambda: proxy.has('the client has shown no certificate'), 'the log')
        context = ssl.create_default_context(cafile=path('now.pem'))
        context.load_cert_chain(path('client.pem'), path('client-key.pem'))
        plain = socket.create_connection(('127.0.0.1', proxy.port), timeout=LIMIT)
        with context.wrap_socket(plain, server_hostname='localhost') as known:
            talk(known, b'hello')
    on_each_backend(run_it, '--client-ca', path('client.pem'))


def test_eight_addresses():
    def run_it(proxy):
        wait_until(lambda: sum('listening on port' in line for line in proxy.lines) == 8,
                   'eight addresses')
        for line in proxy.lines[:8]:
            proxy.port = int(re.search(r'port (\d+)', line).group(1))
            with proxy.client() as client:
                talk(client, b'hello')
        check_equal(proxy.end(), 0)
    on_each_backend(run_it, *['--listen', '127.0.0.1:0'] * 7)


def test_misuse():
    program = os.path.join(BUILD, 'examples', 'tls_proxy')
    make_certificate('now', 'first')
    for options in ([], ['--listen', '1'], ['--listen', 'x:1', '--cert', path('now.pem')],
                    ['--what']):
        check('usage: tls_proxy' in run(program, *options, status=2), options)
    good = ['--cert', path('now.pem'), '--backend', '127.0.0.1:1']
    check('usage: tls_proxy' in run(program, *['--listen', '127.0.0.1:0'] * 9, *good, status=2),
          'nine addresses')
    output = run(program, '--listen', '127.0.0.1:0', *good, status=1)  # no key
    check(output.startswith('tls_proxy: ' + path('now.pem') + ': '), output)
    output = run(program, '--listen', '127.0.0.1:0', *good, '--key', path('none'), status=1)
    check_equal(output, 'tls_proxy: %s: No such file or directory\n' % path('none'))
    output = run(program, '--listen', 'nonsense:99999', *good, '--key', path('now-key.pem'),
                 status=1)
    check_equal(output, 'tls_proxy: nonsense:99999: Invalid argument\n')


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
