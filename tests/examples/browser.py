"""browser.py - Chromium without a window, driven through a pipe by its own protocol (DevTools).

Nothing but Python and the browser is needed: messages are JSON, each with a NUL behind it.
"""
import base64
import fcntl
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

from runner import Failed, Skipped, check

NAMES = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome']
LIMIT = 60


class Browser:
    """One process of it. Skips the test where there is none, or where it does not start."""

    def __init__(self):
        path = next((found for found in map(shutil.which, NAMES) if found), None)
        if not path:
            raise Skipped('there is no Chromium (Debian: chromium-headless-shell)')
        self.profile = tempfile.mkdtemp(prefix='coil-browser-')
        self.process, self.input, self.output = self._start(path)
        self.answers = queue.Queue()
        self.events = []
        self.last_id = 0
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.version = self.call('Browser.getVersion')['product']
        except Failed as failed:
            self.close()
            raise Skipped('%s does not start here: %s' % (path, failed)) from failed

    def _start(self, path):
        # The browser reads from its descriptor 3 and writes to 4.
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        theirs_in, theirs_out = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10)
                                 for fd in (theirs_in, theirs_out))

        def give():
            os.dup2(theirs_in, 3)
            os.dup2(theirs_out, 4)
        command = [path, '--headless', '--remote-debugging-pipe', '--user-data-dir=' + self.profile,
                   '--no-first-run', '--no-proxy-server', '--disable-gpu', '--hide-scrollbars',
                   '--disable-dev-shm-usage', '--disable-background-networking',
                   '--disable-extensions', '--font-render-hinting=none']
        if os.getuid() == 0:
            command.append('--no-sandbox')
        process = subprocess.Popen(command, preexec_fn=give, pass_fds=(3, 4),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        return (process, os.fdopen(ours_in, 'rb', buffering=0),
                os.fdopen(ours_out, 'wb', buffering=0))

    def _read(self):
        rest = b''
        while True:
            data = self.input.read(65536)
            if not data:
                self.answers.put(None)
                return
            *messages, rest = (rest + data).split(b'\0')
            for message in map(json.loads, messages):
                if 'id' in message:
                    self.answers.put(message)
                else:
                    self.events.append(message)

    def call(self, method, session=None, **params):
        self.last_id += 1
        message = {'id': self.last_id, 'method': method, 'params': params}
        if session:
            message['sessionId'] = session
        try:
            self.output.write(json.dumps(message).encode() + b'\0')
            answer = self.answers.get(timeout=LIMIT)
        except (OSError, queue.Empty):
            answer = None
        check(answer is not None, method, 'got no answer from the browser')
        check('error' not in answer, method, answer.get('error'))
        return answer['result']

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Page:
    """A tab, with what it has asked for and complained of."""

    def __init__(self, browser, url, width=1280, height=800):
        self.browser = browser
        self.first_event = len(browser.events)
        # A context of its own: no cookies of other pages.
        context = browser.call('Target.createBrowserContext')['browserContextId']
        target = browser.call('Target.createTarget', url='about:blank', width=width, height=height,
                              browserContextId=context)
        self.session = browser.call('Target.attachToTarget', targetId=target['targetId'],
                                    flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(domain + '.enable')
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call('Page.navigate', url=url)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def events(self, method):
        return [event['params'] for event in self.browser.events[self.first_event:]
                if event['method'] == method and event.get('sessionId') == self.session]

    def value(self, expression):
        """What an expression of JavaScript is."""
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True,
                           awaitPromise=True)
        check('exceptionDetails' not in result, expression, result.get('exceptionDetails'))
        return result['result'].get('value')

    def wait_for(self, expression, limit=30):
        end = time.monotonic() + limit
        while not self.value('Boolean(%s)' % expression):
            check(time.monotonic() < end, 'in vain:', expression, '\nThe page says:',
                  self.value('document.body.innerText')[:2000])
            time.sleep(0.05)

    def text(self, selector):
        return self.value('[...document.querySelectorAll(%s)].map((node) => node.innerText)'
                          % json.dumps(selector))

    def click(self, selector):
        """With the mouse, in the middle of it."""
        place = self.value('''(() => {
            const node = document.querySelector(%s);
            node.scrollIntoView({block: 'center'});
            const {x, y, width, height} = node.getBoundingClientRect();
            return [x + width / 2, y + height / 2];
        })()''' % json.dumps(selector))
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=place[0], y=place[1], button='left',
                      clickCount=1)

    def press(self, key, code=None):
        text = {'text': key} if len(key) == 1 else {}
        codes = {'Enter': 13, 'Escape': 27, 'ArrowLeft': 37, 'ArrowUp': 38, 'ArrowRight': 39,
                 'ArrowDown': 40}
        if key in codes:
            text['windowsVirtualKeyCode'] = codes[key]
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=code or key,
                      **(text if kind == 'keyDown' else {}))

    def type(self, text):
        self.call('Input.insertText', text=text)

    def complaints(self):
        """Errors of the console, and exceptions."""
        found = [event['exceptionDetails'] for event in self.events('Runtime.exceptionThrown')]
        found += [event['entry'] for event in self.events('Log.entryAdded')
                  if event['entry']['level'] in ('error', 'warning')]
        found += [event for event in self.events('Runtime.consoleAPICalled')
                  if event['type'] in ('error', 'warning', 'assert')]
        return found

    def requests(self):
        return [event['request']['url'] for event in self.events('Network.requestWillBeSent')]

    def save(self, path):
        """What it looks like, as PNG."""
        data = self.call('Page.captureScreenshot', format='png')['data']
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))

    def prefer(self, scheme):
        self.call('Emulation.setEmulatedMedia',
                  features=[{'name': 'prefers-color-scheme', 'value': scheme}])
