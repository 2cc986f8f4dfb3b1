#!/usr/bin/env python3
"""examples/api as its users use it: Python's http.client, curl, websockets, and a browser.

    test_api.py BUILD_FOLDER [TEST...]
"""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, Page  # noqa: E402
from runner import Skipped, check, check_equal, environment, run_all, tests_of  # noqa: E402

BUILD = sys.argv[1]
LIMIT = 60


class Api:
    """The program, and a connection to it."""

    def __init__(self, database=':memory:', backend=None):
        self.command = [os.path.join(BUILD, 'examples', 'api'), '0', database]
        self.backend = backend
        self.is_ending = False

    def __enter__(self):
        self.process = subprocess.Popen(self.command, env=environment(self.backend), text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        line = self.process.stdout.readline()
        match = re.search(r'http://localhost:(\d+)/', line)
        check(match, 'it says', line)
        self.port = int(match.group(1))
        self.url = 'http://localhost:%d' % self.port
        self.client = http.client.HTTPConnection('localhost', self.port, timeout=LIMIT)
        return self

    def __exit__(self, kind, *_):
        self.client.close()
        if not self.is_ending or kind is not None:
            self.process.send_signal(signal.SIGTERM if kind is None else signal.SIGKILL)
        rest = self.process.stdout.read()
        status = self.process.wait(timeout=LIMIT)
        self.process.stdout.close()
        if kind is None:
            check_equal((status, rest), (0, ''))

    def ask(self, method, path, body=None):
        """(status, document or None, fields)"""
        self.client.request(method, path, body=None if body is None else json.dumps(body),
                            headers={} if body is None else {'Content-Type': 'application/json'})
        response = self.client.getresponse()
        data = response.read()
        return response.status, json.loads(data) if data else None, response.headers


def on_each(test):
    for backend in (None, 'epoll'):
        with Api(backend=backend) as api:
            test(api)


def test_notes_come_and_go():
    def go(api):
        check_equal(api.ask('GET', '/notes')[:2], (200, []))
        status, milk, fields = api.ask('POST', '/notes', {'title': 'Milk', 'text': 'two bottles'})
        check_equal((status, milk['title'], milk['done'], fields['Location']),
                    (201, 'Milk', False, '/notes/%d' % milk['id']))
        check(fields['X-Request-Id'], 'no id')
        check_equal(api.ask('GET', fields['Location'])[1], milk)
        bread = api.ask('POST', '/notes', {'title': 'Bread \u00e9\u4e16', 'done': True})[1]
        check_equal([note['id'] for note in api.ask('GET', '/notes')[1]],
                    [bread['id'], milk['id']])
        check_equal(api.ask('GET', '/notes?done=false')[1], [milk])
        check_equal(api.ask('GET', '/notes?search=BREAD&limit=1')[1], [bread])
        check_equal(api.ask('GET', '/notes?offset=1')[1], [milk])
        changed = api.ask('PUT', '/notes/%d' % milk['id'], {'title': 'Milk', 'done': True})[1]
        check_equal((changed['done'], changed.get('text'), changed['created']),
                    (True, None, milk['created']))
        check_equal(api.ask('DELETE', '/notes/%d' % milk['id'])[0], 204)
        for method, body in (('GET', None), ('DELETE', None), ('PUT', {'title': 'x'})):
            status, problem, fields = api.ask(method, '/notes/%d' % milk['id'], body)
            check_equal((status, problem['status'], fields['Content-Type']),
                        (404, 404, 'application/problem+json'))
    on_each(go)


def test_what_is_wrong_is_named():
    def go(api):
        status, problem, _ = api.ask('POST', '/notes', {'title': '', 'done': 'yes', 'more': 1})
        check_equal(status, 422)
        check_equal({(error['field'], error['code']) for error in problem['errors']},
                    {('title', 'length'), ('done', 'type'), ('more', 'unknown_field')})
        status, problem, _ = api.ask('GET', '/notes?limit=0&offset=x')
        check_equal(status, 422)
        check_equal({error['field'] for error in problem['errors']}, {'limit', 'offset'})
        check_equal(api.ask('GET', '/notes/none')[0], 404)
        status, _, fields = api.ask('PATCH', '/notes/1')
        check_equal(status, 405)
        check_equal(set(re.split(', *', fields['Allow'])) - {'OPTIONS'},
                    {'GET', 'HEAD', 'PUT', 'DELETE'})
        api.client.request('POST', '/notes', body='{"title": ',
                           headers={'Content-Type': 'application/json'})
        response = api.client.getresponse()
        response.read()
        check_equal(response.status, 400)
    on_each(go)


def test_the_database_stays():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'notes.db')
        with Api(path) as api:
            note = api.ask('POST', '/notes', {'title': 'Stay'})[1]
        with Api(path) as api:
            check_equal(api.ask('GET', '/notes')[1], [note])


def test_a_database_that_cannot_be_opened_is_an_error():
    done = subprocess.run([os.path.join(BUILD, 'examples', 'api'), '0', '/no/such/folder/notes.db'],
                          capture_output=True, text=True, timeout=LIMIT, check=False)
    check_equal(done.returncode, 1)
    check('unable to open database file' in done.stderr, done.stderr)


def test_documents_name_everything():
    def go(api):
        status, document, _ = api.ask('GET', '/openapi.json')
        check_equal((status, document['openapi'][:3], document['info']['title']),
                    (200, '3.1', 'Notes'))
        check_equal(set(document['paths']), {'/notes', '/notes/{id}', '/live'})
        check_equal(set(document['components']['schemas']) & {'Note', 'Draft'}, {'Note', 'Draft'})
    on_each(go)


def test_listeners_are_told():
    try:
        import websockets
    except ImportError:
        raise Skipped('python3-websockets is not installed') from None
    import asyncio

    async def follow(api):
        loop = asyncio.get_running_loop()
        url = api.url.replace('http', 'ws') + '/live'
        async with websockets.connect(url) as one, websockets.connect(url) as two:
            note = (await loop.run_in_executor(
                None, api.ask, 'POST', '/notes', {'title': 'Milk'}))[1]
            for socket in (one, two):
                check_equal(json.loads(await asyncio.wait_for(socket.recv(), LIMIT)),
                            {'event': 'added', 'note': note})
            await loop.run_in_executor(None, api.ask, 'DELETE', '/notes/%d' % note['id'])
            told = json.loads(await asyncio.wait_for(one.recv(), LIMIT))
            check_equal((told['event'], told['note']['id']), ('removed', note['id']))

    on_each(lambda api: asyncio.run(follow(api)))


def test_listeners_hear_that_it_ends():
    try:
        import websockets
    except ImportError:
        raise Skipped('python3-websockets is not installed') from None
    import asyncio

    async def follow(api):
        async with websockets.connect(api.url.replace('http', 'ws') + '/live') as socket:
            api.is_ending = True
            api.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(socket.recv(), LIMIT)
                check(False, 'a message came')
            except websockets.ConnectionClosed as closed:
                check_equal(closed.code, 1001)

    on_each(lambda api: asyncio.run(follow(api)))


def test_the_page_shows_what_happens():
    browser = Browser()
    try:
        with Api() as api:
            api.ask('POST', '/notes', {'title': 'Milk <b>'})
            page = Page(browser, api.url + '/')
            page.wait_for("document.querySelectorAll('#notes li').length == 1")
            api.ask('POST', '/notes', {'title': 'Bread'})
            page.wait_for("document.querySelectorAll('#notes li').length == 2")
            check_equal(page.value("[...document.querySelectorAll('#notes span')]"
                                 ".map((e) => e.textContent.trim()).join('|')"), 'Bread|Milk <b>')
            page.value("document.querySelector('#notes input').click()")
            page.wait_for("document.querySelector('#notes .done')")
            check_equal(api.ask('GET', '/notes?done=true')[1][0]['title'], 'Bread')
    finally:
        browser.close()


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
