#!/usr/bin/env python3
"""Runs examples/api_hello: its API by Python's http.client, and its documents' page in a real
browser, without a window.

    test_api_hello.py BUILD_FOLDER [TEST...]

The tests of the page are skipped where there is no Chromium, or where it cannot run.
"""
import http.client
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, Page  # noqa: E402
from listener import LIMIT, Listener  # noqa: E402
from runner import check, check_equal, run_all, tests_of  # noqa: E402

BUILD = sys.argv[1]
BROWSERS = []  # one for all tests, started by the first


class Server(Listener):
    def __init__(self, backend=None):
        super().__init__(backend, os.path.join(BUILD, 'examples', 'api_hello'), '0')

    def ask(self, method, path, value=None):
        client = http.client.HTTPConnection('127.0.0.1', self.port, timeout=LIMIT)
        body = None if value is None else json.dumps(value)
        client.request(method, path, body, {'Content-Type': 'application/json'} if body else {})
        response = client.getresponse()
        text = response.read().decode()
        client.close()
        return response.status, json.loads(text) if text else None


def test_notes():
    for backend in (None, 'epoll'):
        with Server(backend) as server:
            check_equal(server.ask('GET', '/notes'), (200, []))
            milk = {'id': 1, 'title': 'Milk', 'stars': 3}
            tea = {'id': 2, 'title': 'Tea', 'stars': 5}
            check_equal(server.ask('POST', '/notes', {'title': 'Milk'}), (201, milk))
            check_equal(server.ask('POST', '/notes', {'title': 'Tea', 'stars': 5}), (201, tea))
            check_equal(server.ask('GET', '/notes?limit=1'), (200, [milk]))
            check_equal(server.ask('GET', '/notes/2'), (200, tea))
            status, problem = server.ask('GET', '/notes/3')
            check_equal((status, problem['detail']), (404, 'There is no such note.'))
            status, problem = server.ask('POST', '/notes', {'stars': 7})
            check_equal(status, 422)
            check_equal({error['field'] for error in problem['errors']}, {'title', 'stars'})
            server.end()


def test_openapi_is_whole():
    with Server() as server:
        status, document = server.ask('GET', '/openapi.json')
        check_equal(status, 200)
        check_equal(document['openapi'], '3.1.0')
        check_equal(sorted(document['paths']), ['/notes', '/notes/{id}'])
        check_equal(sorted(document['components']['schemas']), ['NewNote', 'Note', 'Problem'])
        for match in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
            check(match.split('/')[-1] in document['components']['schemas'], match)


def open_docs(server):
    if not BROWSERS:
        BROWSERS.append(Browser())
    page = Page(BROWSERS[0], server.url + '/docs')
    page.wait_for('document.body && document.body.dataset.ready')
    return page


def check_is_clean(page, server):
    """It has asked nobody else, and nothing went wrong."""
    for url in page.requests():
        check(url.startswith((server.url, 'data:')), 'asks elsewhere:', url)
    check_equal(page.complaints(), [])


def test_page_lists_operations():
    with Server() as server:
        page = open_docs(server)
        check_equal(page.value('document.title'), 'Notes')
        check_equal(page.text('.operation .method'), ['GET', 'POST', 'GET'])
        check_equal(page.text('.operation .path'), ['/notes', '/notes', '/notes/{id}'])
        check_equal(page.text('.operation .summary'), ['All notes', 'A new note', 'One note'])
        page.click('.operation:nth-child(1) summary')
        page.wait_for('document.querySelector(".operation").open')
        check(any('1 to 100' in text for text in page.text('.operation:nth-child(1) .note')),
              page.text('.note'))
        check('"maxLength": 20' in page.value(
            'document.querySelector("[data-operation=\\"post /notes\\"] .schema").textContent'))
        folder = os.environ.get('COIL_SCREENSHOTS')
        if folder:
            page.save(os.path.join(folder, 'docs.png'))
        check_is_clean(page, server)


def try_it(page, operation):
    node = 'document.querySelector(%s)' % json.dumps('[data-operation="%s"]' % operation)
    page.value(node + '.open = true')
    page.value(node + '.querySelector(".answer").hidden = true')
    page.click('[data-operation="%s"] button' % operation)
    page.wait_for('!%s.querySelector(".answer").hidden' % node)
    return [page.value('%s.querySelector("%s").textContent' % (node, part))
            for part in ('h3', '.content')]


def test_page_tries_calls():
    with Server() as server:
        page = open_docs(server)
        page.value('document.querySelector("textarea").value;'
                   'document.querySelector("[data-operation=\\"post /notes\\"] textarea").value'
                   ' = JSON.stringify({title: "<b>Milk</b>", stars: 4})')
        title, content = try_it(page, 'post /notes')
        check_equal(title, '201 Created')
        check_equal(json.loads(content), {'id': 1, 'title': '<b>Milk</b>', 'stars': 4})
        page.value('document.querySelector("[data-operation=\\"get /notes/{id}\\"] input").value'
                   ' = "1"')
        title, content = try_it(page, 'get /notes/{id}')
        check_equal(title, '200 OK')
        check_equal(json.loads(content)['title'], '<b>Milk</b>')
        check_equal(page.value('document.querySelectorAll("main b").length'), 0)
        check_is_clean(page, server)


def finish():
    for browser in BROWSERS:
        browser.close()


if __name__ == '__main__':
    CODE = run_all(tests_of(globals(), sys.argv[2:]))
    finish()
    sys.exit(CODE)
