#!/usr/bin/env python3
"""Runs examples/crawl against sites of Python's http.server, with what the web has in store: loops,
robots.txt, slow and huge pages, broken HTML, redirects, pages without end.

    test_crawl.py BUILD_FOLDER [TEST...]
"""
import email.utils
import http.server
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import check, check_equal, environment, run_all, tests_of, wait_until  # noqa: E402

BUILD = sys.argv[1]
os.environ['no_proxy'] = '*'  # whatever proxy this machine has
BACKENDS = [None, 'epoll']  # None: io_uring, where it is allowed
LIMIT = 60
HTML = 'text/html; charset=utf-8'


class Site(http.server.ThreadingHTTPServer):
    """pages: path to text, to (status, fields, text), or to a function of the request that returns
    one of these, or None when it has answered by itself. Notes what it was asked for, and how many
    requests there were at once."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, pages):
        super().__init__(('127.0.0.1', 0), Request)
        self.pages = pages
        self.asked = []
        self.times = {}
        self.agents = set()
        self.running = 0
        self.most = 0
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # clients may go at any time

    @property
    def url(self):
        return 'http://127.0.0.1:%d' % self.server_port

    def count(self, path):
        return self.asked.count(path)


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def do_GET(self):  # pylint: disable=invalid-name
        site = self.server
        with site.lock:
            site.asked.append(self.path)
            site.times.setdefault(self.path, []).append(time.monotonic())
            site.agents.add(self.headers.get('User-Agent'))
            site.running += 1
            site.most = max(site.most, site.running)
        try:
            found = site.pages.get(self.path, site.pages.get('*'))
            if callable(found):
                found = found(self)
            elif found is None:
                found = (404, {}, 'no such page')
        finally:
            with site.lock:  # before the answer: who has it may send the next request
                site.running -= 1
        if found is not None:
            self.answer(*((200, {}, found) if isinstance(found, (str, bytes)) else found))

    def answer(self, status, fields, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        fields = {'Content-Type': HTML, 'Content-Length': str(len(data)), **fields}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def links(*targets):
    return ''.join('<a href="%s">x</a>' % target for target in targets)


class Result:
    def __init__(self, done, report):
        self.status = done.returncode
        self.text = done.stdout
        self.errors = done.stderr
        self.report = report
        self.pages = {}
        for page in report['pages'] if report else []:
            self.pages[page['url']] = page

    def page(self, site, path):
        return self.pages.get(site.url + path)

    def states(self, site):
        """Path to state and status."""
        return {url[len(site.url):]: (page['state'], page['status'])
                for url, page in self.pages.items() if url.startswith(site.url)}

    def broken(self):
        return {item['url']: item for item in self.report['broken']}


def crawl(url, *options, status=0, backend=None):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'report.json')
        done = subprocess.run(
            [os.path.join(BUILD, 'examples', 'crawl'), '--json', path, *options, url],
            capture_output=True, text=True, check=False, timeout=LIMIT, env=environment(backend))
        check(status is None or done.returncode == status, done.returncode, done.stdout,
              done.stderr)
        report = None
        if os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                report = json.load(file)
        return Result(done, report)


def test_visits_a_site_once():
    pages = {
        '/': links('a', '/b', '/b#part', './b', '/%62', 'mailto:x@y', 'javascript:void(0)') +
             '<img src=i.png><script src="s.js"></script>',
        '/a': links('/', 'a', 'b'),
        '/b': links('/a', '..', 'c/') + '</td></p><b><i></b>' + links('d'),
        '/c/': links('../a'),
        '/d': '',
        '/i.png': (200, {'Content-Type': 'image/png'}, links('not-html')),
        '/s.js': (200, {'Content-Type': 'text/javascript'}, links('not-html')),
    }
    for backend in BACKENDS:
        with Site(pages) as site:
            result = crawl(site.url, backend=backend)
            check_equal(sorted(site.asked), sorted(list(pages) + ['/robots.txt']))
            check_equal(result.states(site), {path: ('done', 200) for path in pages})
            check_equal(result.report['statuses'], {'200': 7})
            check_equal(result.report['failed'], 0)
            check_equal(result.report['requested'], 7)
            check_equal(result.report['hosts'][0]['pages'], 7)
            check_equal(result.report['hosts'][0]['robots'], 'none')
            check_equal(result.page(site, '/c/')['depth'], 2)
            check_equal(result.errors, '')
            check(re.search(r'^200 +7$', result.text, re.M), result.text)
            check(re.search(r'^7 pages, 0 broken, in ', result.text, re.M), result.text)
            check_equal(site.agents, {'coil-crawl/0.1'})


def test_reports_broken_links():
    pages = {
        '/': links('gone', 'a', 'error', 'closed', 'http://user@host/'),
        '/a': links('/gone', '/') + '<img src=/picture>',
        '/error': (500, {}, 'sorry'),
        '/closed': lambda request: request.connection.shutdown(socket.SHUT_RDWR),
    }
    with Site(pages) as site:
        result = crawl(site.url, status=1)
        broken = result.broken()
        check_equal({url[len(site.url):]: item['status'] for url, item in broken.items()},
                    {'/gone': 404, '/error': 500, '/closed': 0, '/picture': 404})
        check_equal(sorted(broken[site.url + '/gone']['referrers']),
                    [site.url + '/', site.url + '/a'])
        check_equal(broken[site.url + '/picture']['referrers'], [site.url + '/a'])
        check(broken[site.url + '/closed']['problem'] != '')
        check_equal(result.report['malformed'], 1)
        check_equal(result.report['failed'], 4)
        check(re.search(r'^broken links\n(.*\n)* +404  %s/gone .*\n +from %s/' %
                        (site.url, site.url), result.text, re.M), result.text)
        check(re.search(r'^no answer +1$', result.text, re.M), result.text)


def test_nobody_is_there():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
    result = crawl('http://127.0.0.1:%d/' % port, status=1)
    check_equal(result.report['hosts'][0]['robots'], 'failed')
    check_equal(result.report['broken'][0]['status'], 0)


ROBOTS = '''User-agent: *
Disallow: /

User-agent: coil-crawl
Disallow: /private
Allow: /private/open
Disallow: /*.pdf$
Sitemap: http://x/y
'''


def test_robots_are_obeyed():
    pages = {
        '/robots.txt': (200, {'Content-Type': 'text/plain'}, ROBOTS),
        '/': links('private/x', 'private/open', 'a.pdf', 'a.pdf?x', 'nofollow', 'meta'),
        '/private/open': '',
        '/a.pdf?x': '',
        '/nofollow': '<a rel=nofollow href=hidden1>x</a>',
        '/meta': '<meta name=robots content=nofollow>' + links('hidden2'),
    }
    with Site(pages) as site:
        result = crawl(site.url)
        check_equal(sorted(site.asked), sorted(pages))
        check_equal(result.report['hosts'][0]['robots'], 'found')
        states = result.states(site)
        check_equal((states['/private/x'], states['/a.pdf']), (('forbidden', 0),) * 2)
        check(re.search(r'^forbidden +2 ', result.text, re.M), result.text)


def test_robots_that_cannot_be_had():
    for status, expected in ((404, 'none'), (403, 'none'), (500, 'failed'), (503, 'failed')):
        with Site({'/': '', '/robots.txt': (status, {}, 'User-agent: *\nDisallow: /')}) as site:
            result = crawl(site.url, status=0 if expected == 'none' else 1)
            check_equal(result.report['hosts'][0]['robots'], expected)
            check_equal(site.count('/'), 1 if expected == 'none' else 0)
            check_equal(site.count('/robots.txt'), 1)


def test_robots_behind_redirects():
    """RFC 9309, section 2.3.1.2: five are followed; of more, there is no robots.txt."""
    for count in (5, 6):
        pages = {'/': links('secret'), '/secret': '',
                 '/robots.txt': (302, {'Location': '/r1'}, ''),
                 '/r%d' % count: 'User-agent: *\nDisallow: /secret'}
        for i in range(1, count):
            pages['/r%d' % i] = (302, {'Location': '/r%d' % (i + 1)}, '')
        with Site(pages) as site:
            crawl(site.url)
            check_equal(site.count('/secret'), 0 if count == 5 else 1)


def test_crawl_delay():
    pages = {'/robots.txt': 'User-agent: *\nCrawl-delay: 0.2', '/': links('a', 'b', 'c'),
             '/a': '', '/b': '', '/c': ''}
    with Site(pages) as site:
        result = crawl(site.url)
        times = sorted(when for path in pages for when in site.times[path])
        for before, after in zip(times, times[1:]):
            check(after - before > 0.15, times)  # they are sent 0.2 s apart
        check_equal(result.report['hosts'][0]['delay_seconds'], 0.2)
    # Pages that are not asked for wait for no turn.
    pages['/'] = links(*('/%d' % i for i in range(200)))
    with Site({**pages, '*': ''}) as site:
        start = time.monotonic()
        crawl(site.url, '--pages', '3')
        check(time.monotonic() - start < 10)
        check_equal(len(site.asked), 4)


def slow(seconds, text=''):
    def answer(_request):
        time.sleep(seconds)
        return text
    return answer


def test_limits_at_once():
    pages = {'/%d' % i: slow(0.05) for i in range(30)}
    pages['/'] = links(*pages)
    for options, expected in ((['--per-host', '3'], 3), (['-j', '2', '--per-host', '8'], 2),
                              (['-j', '1'], 1)):
        with Site(pages) as site:
            crawl(site.url, *options)
            check_equal(len(site.asked), 32)
            check(site.most <= expected, site.most, expected)
            check(site.most > 1 or expected == 1, site.most)


def endless(request):
    number = int(re.sub(r'\D', '', request.path) or 0)
    return links(*('/?n=%d' % (number * 10 + i) for i in range(1, 10)))


def test_pages_without_end():
    with Site({'*': endless, '/robots.txt': ''}) as site:
        result = crawl(site.url, '--pages', '50', '--depth', '1000')
        check_equal(len(site.asked), 51)
        check_equal(result.report['requested'], 50)
        check(re.search(r'^left +\d+ ', result.text, re.M), result.text)
    with Site({'*': endless, '/robots.txt': ''}) as site:
        crawl(site.url, '--depth', '2')
        check_equal(len(site.asked), 1 + 1 + 9 + 81)
    with Site({'*': lambda request: links(request.path + 'x/'), '/robots.txt': ''}) as site:
        crawl(site.url, '--depth', '7')
        check_equal(len(site.asked), 1 + 8)


def test_too_many_links():
    pages = {'/': links(*('/%d' % i for i in range(30000))), '*': ''}
    with Site(pages) as site:
        result = crawl(site.url, '--pages', '3')
        check_equal(len(site.asked), 4)
        check(result.report['left_out'] > 0)
        check(len(result.pages) <= 300, len(result.pages))


def test_redirects():
    pages = {
        '/': links('old', 'loop1', 'self', 'none', 'bad', 'way', 'end1', 'away'),
        '/old': (301, {'Location': 'new'}, ''),
        '/new': '',
        '/loop1': (302, {'Location': '/loop2'}, ''),
        '/loop2': (302, {'Location': '/loop1'}, ''),
        '/self': (307, {'Location': '/self'}, ''),
        '/none': (302, {}, ''),
        '/bad': (302, {'Location': 'http://[x'}, ''),
        '/away': (302, {'Location': 'http://host.invalid/'}, ''),
        '/way': (302, {'Location': '/gone'}, ''),
    }
    for i in range(1, 30):
        pages['/end%d' % i] = (302, {'Location': '/end%d' % (i + 1)}, '')
    with Site(pages) as site:
        result = crawl(site.url, status=1)
        states = result.states(site)
        check_equal(states['/old'], ('moved', 301))
        check_equal(states['/new'], ('done', 200))
        check_equal(states['/away'], ('moved', 302))
        check_equal(states['/way'], ('moved', 302))
        check_equal(states['/gone'], ('broken', 404))
        for path in ('/self', '/none', '/bad', '/end11'):
            check_equal(states[path][0], 'broken', path)
        check_equal({states['/loop1'][0], states['/loop2'][0]}, {'broken', 'moved'})
        check('/end12' not in states)
        check_equal(max(site.asked.count(path) for path in site.asked), 1)
        check_equal(result.broken()[site.url + '/gone']['referrers'], [site.url + '/way'])


def test_other_hosts():
    with Site({'/': links('in'), '/in': ''}) as other:
        with Site({'/': links(other.url, 'a'), '/a': ''}) as site:
            result = crawl(site.url)
            check_equal(other.asked, [])
            check_equal(result.report['outside'], 1)
            result = crawl(site.url, '--span-hosts')
            check_equal(sorted(other.asked), ['/', '/in', '/robots.txt'])
            check_equal({host['host'] for host in result.report['hosts']}, {site.url, other.url})
        # Where the start leads is where to stay.
        other.asked.clear()
        with Site({'/': (301, {'Location': other.url}, '')}) as site:
            result = crawl(site.url)
            check_equal(sorted(other.asked), ['/', '/in', '/robots.txt'])


def test_comes_back_later():
    tries = []

    def busy(_request):
        tries.append(time.monotonic())
        return 'here' if len(tries) > 1 else (503, {'Retry-After': '1'}, '')

    soon = email.utils.formatdate(time.time() - 5, usegmt=True)
    dated = iter([(429, {'Retry-After': soon}, ''), ''])
    pages = {'/': links('busy', 'dated', 'later', 'never'), '/busy': busy,
             '/dated': lambda _: next(dated),
             '/later': (503, {'Retry-After': '1000'}, ''),
             '/never': (429, {'Retry-After': '0'}, '')}
    with Site(pages) as site:
        result = crawl(site.url, status=1)
        states = result.states(site)
        check_equal((states['/busy'], states['/dated']), (('done', 200),) * 2)
        check(tries[1] - tries[0] > 0.9, tries)
        check_equal((states['/later'], site.count('/later')), (('broken', 503), 1))
        check_equal((states['/never'], site.count('/never')), (('broken', 429), 4))
        check_equal(result.report['requested'], 5)


def test_slow_pages():
    gate = threading.Event()

    def never(_request):
        gate.wait(LIMIT)
        return ''

    pages = {'/': links('never', 'a'), '/never': never, '/a': ''}
    with Site(pages) as site:
        result = crawl(site.url, '-t', '0.5', status=1)
        gate.set()
        check_equal(result.states(site)['/a'], ('done', 200))
        check_equal(result.states(site)['/never'], ('broken', 0))
        check_equal(result.report['slowest'][0]['url'], site.url + '/never')
        check(400 < result.report['slowest'][0]['ms'] < 20000, result.report['slowest'][0])


def test_large_and_strange_pages():
    page = links('first') + '<p>' + 'x' * 300000 + links('last')
    pages = {
        '/': links('large', 'deep', 'odd', 'short', 'intricate'),
        '/large': page, '/first': '',
        '/deep': '<div>' * 100000 + links('under'), '/under': '',
        '/odd': b'\xff\xfe\x00<a href="x\xff\x00y">' + bytes(range(256)) * 20,
        '/short': (200, {'Content-Length': '1000', 'Connection': 'close'}, 'x'),
        '/intricate': ''.join('<font size=%d><p>' % i for i in range(5000)),
        '*': '',
    }
    with Site(pages) as site:
        result = crawl(site.url, '--max-body', '100000', status=1)
        check('/last' not in site.asked)
        check('/first' in site.asked)
        check_equal(result.page(site, '/large')['cut'], True)
        check_equal(result.page(site, '/large')['bytes'], 100000)
        check_equal(result.states(site)['/short'][0], 'broken')
        check_equal(result.states(site)['/deep'], ('done', 200))
    with Site({**pages, '/short': ''}) as site:
        result = crawl(site.url)
        check('/last' in site.asked)


def test_interrupted():
    pages = {'/': links('a', 'slow'), '/a': '', '/slow': slow(30)}
    with Site(pages) as site, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'report.json')
        with subprocess.Popen([os.path.join(BUILD, 'examples', 'crawl'), '--json', path, site.url],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=environment(None)) as process:
            wait_until(lambda: '/slow' in site.asked and '/a' in site.asked, 'the pages')
            time.sleep(0.1)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=LIMIT)
            check(time.monotonic() - start < 10)
        check_equal(process.returncode, 130)
        check(re.search(r'^3 pages, 0 broken, .*\(interrupted\)$', output, re.M), output)
        check_equal(errors, '')
        with open(path, encoding='utf-8') as file:
            report = json.load(file)
        check_equal(report['interrupted'], True)
        check_equal({page['url'][len(site.url):]: page['state'] for page in report['pages']},
                    {'/': 'done', '/a': 'done', '/slow': 'left'})
        check_equal([page['problem'] for page in report['pages']], [''] * 3)


def test_progress_on_a_terminal():
    master, terminal = pty.openpty()
    with Site({'/': links('a'), '/a': slow(0.3)}) as site:
        done = subprocess.run([os.path.join(BUILD, 'examples', 'crawl'), '-q', site.url],
                              stdout=subprocess.PIPE, stderr=terminal, timeout=LIMIT, check=False,
                              env=environment(None))
    os.close(terminal)
    text = b''
    try:
        while True:
            piece = os.read(master, 4096)
            if not piece:
                break
            text += piece
    except OSError:
        pass  # the end, on Linux
    os.close(master)
    check_equal((done.returncode, done.stdout), (0, b''))
    check(re.search(rb'\r1 pages done, 1 waiting, 0 failed, [\d.]+ a second', text), text)
    check(text.endswith(b'\r\x1b[K'), text)


def test_json_to_standard_output():
    with Site({'/': ''}) as site:
        done = subprocess.run([os.path.join(BUILD, 'examples', 'crawl'), '-q', '--json', '-',
                               site.url], capture_output=True, timeout=LIMIT, check=True,
                              env=environment(None))
        check_equal(json.loads(done.stdout)['start'], site.url)
        check_equal(crawl(site.url, '--json', '/no/such/folder', status=2).errors,
                    'crawl: /no/such/folder: No such file or directory\n')


def test_command_line():
    for arguments, text in (([], 'no URL'), (['a', 'b'], 'more than one'), (['-n', '0', 'x'], '0'),
                            (['-d', 'x', 'x'], 'not a number'), (['-t', '-1', 'x'], 'seconds'),
                            (['--no-such', 'x'], '--help'), (['ftp://x/'], 'ftp://x/'),
                            (['http://u:p@x/'], 'URL'), (['example.org'], 'URL')):
        done = subprocess.run([os.path.join(BUILD, 'examples', 'crawl'), *arguments],
                              capture_output=True, text=True, timeout=LIMIT, check=False,
                              env=environment(None))
        check_equal((done.returncode, done.stdout), (2, ''), arguments, done.stderr)
        check(text in done.stderr, arguments, done.stderr)
    done = subprocess.run([os.path.join(BUILD, 'examples', 'crawl'), '--help'],
                          capture_output=True, text=True, timeout=LIMIT, check=True)
    check('usage: crawl' in done.stdout)


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
