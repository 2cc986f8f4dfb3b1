#!/usr/bin/env python3
"""Runs examples/fetch against servers that answer well, wrongly, late and never.

    test_fetch.py BUILD_FOLDER [TEST...]
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import web  # noqa: E402
from runner import (check, check_equal, environment, run_all, tests_of, wait_until,  # noqa: E402
                    without_stalls)

FETCH = os.path.join(sys.argv[1], 'examples', 'fetch')
BACKENDS = [None, 'epoll']  # None: io_uring, where it is allowed


def fetch(*arguments, backend=None, stdin=''):
    done = subprocess.run([FETCH] + list(arguments), env=environment(backend), input=stdin,
                          capture_output=True, text=True, timeout=120, check=False)
    done.rows = {}
    for line in done.stdout.splitlines():
        match = re.match(r' +(\d+|-) +(\d+) +([\d.]+)  (\S+)(?:  \((.*)\))?$', line)
        if match:
            done.rows[match.group(4)] = (match.group(1), int(match.group(2)), match.group(5))
    return done


def check_answers(answers, expected):
    """expected: path -> (status, bytes, problem); on each backend, all at once."""
    with web.Web(answers) as server:
        for backend in BACKENDS:
            done = fetch('-t', '20', *[server.url(path) for path in expected], backend=backend)
            for path, row in expected.items():
                check_equal(done.rows.get(server.url(path)), row, path)
            is_bad = any(row[2] or int(row[0]) >= 400 for row in expected.values())
            check_equal(done.returncode, int(is_bad), done.stderr)
            check_equal(without_stalls(done.stderr), '')


def test_good_answers():
    chunks = b'5\r\nhello\r\nA;x="y"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n'
    long = b'x' * 1000000
    check_answers({
        '/length': web.answer(b'hello', 'Content-Length: 5'),
        '/none': web.answer(b'', 'content-length:0'),
        '/more': web.answer(b'hello world', 'Content-Length:  5  '),
        '/twice': web.answer(b'hello', 'Content-Length: 5', 'Content-Length: 5'),
        '/chunks': web.answer(chunks, 'Transfer-Encoding: Chunked'),
        '/close': web.answer(b'until the end'),
        '/long': web.answer(long, 'Content-Length: 1000000'),
        '/old': b'HTTP/1.0 200 OK\r\n\r\nold',
        '/empty': web.answer(b'', status='204 No Content'),
        '/interim': b'HTTP/1.1 100 Continue\r\n\r\n' + web.answer(b'abc', 'Content-Length: 3'),
        '/noreason': b'HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx',
        '/slow': web.one_byte_at_a_time(web.answer(chunks, 'Transfer-Encoding: chunked')),
    }, {
        '/length': ('200', 5, None),
        '/none': ('200', 0, None),
        '/more': ('200', 5, None),
        '/twice': ('200', 5, None),
        '/chunks': ('200', 15, None),
        '/close': ('200', 13, None),
        '/long': ('200', 1000000, None),
        '/old': ('200', 3, None),
        '/empty': ('204', 0, None),
        '/interim': ('200', 3, None),
        '/noreason': ('200', 1, None),
        '/slow': ('200', 15, None),
    })


def test_errors_of_the_page():
    check_answers({
        '/404': web.answer(b'no', 'Content-Length: 2', status='404 Not Found'),
        '/503': web.answer(b'no', 'Content-Length: 2', status='503 Service Unavailable'),
        '/301': web.answer(b'', 'Content-Length: 0', status='301 Moved'),
    }, {
        '/404': ('404', 2, None),
        '/503': ('503', 2, None),
        '/301': ('301', 0, None),
    })


ENDED = 'the peer ended before all the bytes had come'


def test_answers_that_end_too_early():
    check_answers({
        '/nothing': b'',
        '/status': b'HTTP/1.1 20',
        '/head': b'HTTP/1.1 200 OK\r\nServer: x\r\n',
        '/field': b'HTTP/1.1 200 OK\r\nServer: x',
        '/length': web.answer(b'hello', 'Content-Length: 6'),
        '/chunk': web.answer(b'5\r\nhel', 'Transfer-Encoding: chunked'),
        '/chunks': web.answer(b'5\r\nhello\r\n', 'Transfer-Encoding: chunked'),
        '/last': web.answer(b'5\r\nhello\r\n0\r\n', 'Transfer-Encoding: chunked'),
        '/reset': web.reset,
    }, {
        '/nothing': ('-', 0, ENDED),
        '/status': ('-', 0, ENDED),
        '/head': ('200', 0, ENDED),
        '/field': ('200', 0, ENDED),
        '/length': ('200', 5, ENDED),
        '/chunk': ('200', 3, ENDED),
        '/chunks': ('200', 5, ENDED),
        '/last': ('200', 5, ENDED),
        '/reset': ('-', 0, 'Connection reset by peer'),
    })


def test_answers_that_are_wrong():
    no_http = 'the server does not answer in HTTP/1'
    no_field = 'the server sent a header field that is none'
    no_length = 'the server sent a Content-Length that is no number'
    no_chunk = 'the server sent a chunk without a size'
    control = 'the server sent a line with a NUL or a CR in it'
    line_end = 'the server sent a line that does not end in CR LF'
    chunked = 'Transfer-Encoding: chunked'
    wrong = {
        '/smtp': (b'220 mail ready\r\n', '-', no_http),
        '/http2': (b'HTTP/2 200 OK\r\n\r\n', '-', no_http),
        '/short': (b'HTTP/1.1 20 OK\r\n\r\n', '-', no_http),
        '/nospace': (b'HTTP/1.1 200\r\n\r\n', '-', no_http),
        '/999': (b'HTTP/1.1 999 X\r\n\r\n', '999', 'the server sent a status out of range'),
        '/lf': (b'HTTP/1.1 200 OK\n\n', '-', line_end),
        '/nul': (b'HTTP/1.1 200 O\0K\r\n\r\n', '-', control),
        '/cr': (b'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n', '200', control),
        '/fold': (web.answer(b'', 'A: b', ' c'), '200', no_field),
        '/blank': (web.answer(b'', 'Content-Length : 5'), '200', no_field),
        '/nocolon': (web.answer(b'', 'hello'), '200', no_field),
        '/noname': (web.answer(b'', ': x'), '200', no_field),
        '/longline': (web.answer(b'', 'A: ' + 'x' * 9000), '200',
                      'the server sent a line that is too long'),
        '/many': (web.answer(b'', *['A: b'] * 300), '200',
                  'the server sent too many header fields'),
        '/minus': (web.answer(b'', 'Content-Length: -1'), '200', no_length),
        '/plus': (web.answer(b'', 'Content-Length: +1'), '200', no_length),
        '/hex': (web.answer(b'', 'Content-Length: 0x1'), '200', no_length),
        '/list': (web.answer(b'', 'Content-Length: 1, 2'), '200', no_length),
        '/nolength': (web.answer(b'', 'Content-Length:'), '200', no_length),
        '/huge': (web.answer(b'', 'Content-Length: ' + '9' * 30), '200', no_length),
        '/differ': (web.answer(b'x', 'Content-Length: 1', 'Content-Length: 2'), '200',
                    'the server sent two different Content-Lengths'),
        '/gzip': (web.answer(b'', 'Transfer-Encoding: gzip, chunked'), '200',
                  'the server sent a Transfer-Encoding other than chunked'),
        '/both': (web.answer(b'0\r\n\r\n', chunked, 'Content-Length: 5'), '200',
                  'the server says in two ways where the page ends'),
        '/chunk': (web.answer(b'xyz\r\n', chunked), '200', no_chunk),
        '/nochunk': (web.answer(b'\r\n', chunked), '200', no_chunk),
        '/hugechunk': (web.answer(b'f' * 20 + b'\r\n', chunked), '200', no_chunk),
        '/interims': (b'HTTP/1.1 103 Hints\r\n\r\n' * 20, '103',
                      'the server sends interim answers only'),
    }
    check_answers({path: row[0] for path, row in wrong.items()},
                  {path: (row[1], 0, row[2]) for path, row in wrong.items()})
    check_answers({'/': web.answer(b'5\r\nhello!\r\n', chunked)},
                  {'/': ('200', 5, 'the server sent a chunk that is longer than it said')})


def test_urls_that_are_none():
    no_url = 'this is no URL of the form http://host/path'
    no_port = 'the port is not a number from 1 to 65535'
    no_char = 'the host name has a character that does not belong there'
    escape = 'the URL has a character that must be written as %XX'
    urls = {
        'https://example.org/': 'https needs TLS, which this example does not have',
        'ftp://example.org/': no_url,
        'example.org': no_url,
        'http://': 'the URL has no host',
        'http:///path': 'the URL has no host',
        'http://:80/': 'the URL has no host',
        'http://user@host/': 'a user name in the URL is not supported',
        'http://host:0/': no_port,
        'http://host:65536/': no_port,
        'http://host:8a/': no_port,
        'http://ho%73t/': no_char,
        'http://[::1/': 'the address between the brackets is none',
        'http://[::1]x/': no_char,
        'http://host/\u00fc': escape,
        'http://%s/' % ('h' * 300): 'the host name is too long',
        'http://host/' + 'x' * 3000: 'the URL is too long',
        'http://nothing.invalid/': 'no such host name, or it has no address',
    }
    done = fetch('-t', '20', *urls)
    for url, problem in urls.items():
        check_equal(done.rows.get(url), ('-', 0, problem), url)
    check_equal(done.returncode, 1)
    check('%d pages, %d failed' % (len(urls), len(urls)) in done.stdout, done.stdout)


def test_url_forms():
    with web.Web(web.answer(b'x', 'Content-Length: 1')) as server:
        host = '127.0.0.1:%d' % server.port
        urls = ['HTTP://%s' % host, 'http://%s?a=b' % host, 'http://%s/p/q?r#fragment' % host,
                'http://localhost:%d/x' % server.port]
        done = fetch(*urls)
        check_equal(done.returncode, 0, done.stdout)
        first = sorted(request.split(b'\r\n')[0] for request in server.requests)
        check_equal(first, [b'GET / HTTP/1.1', b'GET /?a=b HTTP/1.1', b'GET /p/q?r HTTP/1.1',
                            b'GET /x HTTP/1.1'])
        hosts = {re.search(rb'\r\nHost: (\S+)\r\n', request).group(1)
                 for request in server.requests}
        check_equal(hosts, {host.encode(), b'localhost:%d' % server.port})


def test_refused():
    with web.Web({}) as server:
        port = server.port
    done = fetch('http://127.0.0.1:%d/' % port)
    check_equal(list(done.rows.values()), [('-', 0, 'Connection refused')])
    check_equal(done.returncode, 1)


def test_timeouts():
    with web.Web({'/never': web.silence, '/ok': web.answer(b'x', 'Content-Length: 1'),
                  '/half': lambda client: (client.sendall(web.answer(b'x', 'Content-Length: 2')),
                                           web.silence(client))}) as server:
        for backend in BACKENDS:
            done = fetch('-t', '0.5', server.url('/never'), server.url('/half'),
                         server.url('/ok'), backend=backend)
            check_equal(done.rows[server.url('/never')], ('-', 0, 'Connection timed out'))
            check_equal(done.rows[server.url('/half')], ('200', 1, 'Connection timed out'))
            check_equal(done.rows[server.url('/ok')], ('200', 1, None))
            check_equal(done.returncode, 1)


def test_concurrency():
    urls = ''.join('http://127.0.0.1:%%d/%d\n' % i for i in range(24))
    for options, most in (('-1', 1), ('-j3', 3), ('-j24', 24)):
        with web.Web(web.answer(b'x', 'Content-Length: 1'), delay=0.02) as server:
            done = fetch(options, '-', stdin=urls.replace('%d', str(server.port)))
            check_equal(done.returncode, 0, done.stdout, done.stderr)
            check('24 pages, 0 failed, 24 bytes in ' in done.stdout, done.stdout)
            check(server.most <= most, options, server.most)
            check(most == 1 or server.most > 1, options, server.most)
            check_equal('one by one: ' in done.stdout, most > 1, done.stdout)
            if most == 1:
                check_equal([r.split(b' ')[1] for r in server.requests],
                            [b'/%d' % i for i in range(24)])


def test_lists_and_options():
    with web.Web(web.answer(b'x', 'Content-Length: 1')) as server, \
            tempfile.NamedTemporaryFile('w', suffix='.txt') as file:
        file.write('# a comment\n\n  %s  \r\n%s' % (server.url('/a'), server.url('/b')))
        file.flush()
        done = fetch('-q', '-f', file.name, server.url('/c'))
        check_equal(done.returncode, 0)
        check_equal(done.rows, {})
        check('3 pages, 0 failed, 3 bytes in ' in done.stdout, done.stdout)
        check_equal(without_stalls(done.stderr), '')
        done = fetch('--progress', server.url('/'))
        check(' of 1 done' in done.stderr, done.stderr)
    check_equal(fetch('--help').returncode, 0)
    for arguments in ([], ['-j', '0'], ['-j', 'x'], ['-t', '0'], ['-t', '-1'], ['-t', 'nan'],
                      ['-f', '/nowhere/list'], ['--what'], ['-j']):
        done = fetch(*arguments)
        check_equal(done.returncode, 2, arguments, done.stderr)
        check(done.stderr != '', arguments)


def test_interrupt():
    with web.Web({'/never': web.silence}) as server:
        process = subprocess.Popen([FETCH, '-j1', server.url('/never'), server.url('/other')],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: server.requests, 'a request')
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        check_equal(process.returncode, 130, errors)
        check('(Operation canceled)' in output and '(not fetched)' in output, output)


def test_python_http_server():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'page.html'), 'wb') as file:
            file.write(b'x' * 100000)
        with subprocess.Popen([sys.executable, '-u', '-m', 'http.server', '-d', folder, '-b',
                               '127.0.0.1', '0'], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as server:
            try:
                port = re.search(r'port (\d+)', server.stdout.readline()).group(1)
                urls = ['http://127.0.0.1:%s/page.html?%d' % (port, i) for i in range(50)]
                done = fetch('-j', '16', *urls)
                check_equal(done.returncode, 0, done.stdout)
                check('50 pages, 0 failed, 5000000 bytes in ' in done.stdout, done.stdout)
            finally:
                server.kill()


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
