#!/usr/bin/env python3
"""The console's page in a real browser, without a window.

    test_console.py BUILD_FOLDER [TEST...]

    COIL_SCREENSHOTS=FOLDER     keeps pictures of what the tests see

Skipped where there is no Chromium, or where it cannot run.
"""
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, Page  # noqa: E402
from runner import check, check_equal, environment, run_all, tests_of, wait_until  # noqa: E402

BUILD = sys.argv[1]
SUBJECT = os.path.join(BUILD, 'tests', 'examples', 'console_subject')
EXAMPLE = os.path.join(BUILD, 'examples', 'console')
TOKEN = 'a-token-of-24-letters-ok'
NASTY = '<img src=x onerror=hacked=1>'

BROWSERS = []  # one for all tests, started by the first


def browser():
    if not BROWSERS:
        BROWSERS.append(Browser())
    return BROWSERS[0]


class Subject:
    """The program that is looked at."""

    def __init__(self, *arguments, backend='epoll'):
        self.process = subprocess.Popen([SUBJECT] + list(arguments), env=environment(backend),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[1].replace('0.0.0.0', '127.0.0.1')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def tell(self, line, waits=True):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        if waits:
            check_equal(self.process.stdout.readline(), 'done\n', line)

    def state(self):
        with urllib.request.urlopen(self.url + 'state.json', timeout=30) as answer:
            return json.load(answer)


def look(url, **size):
    page = Page(browser(), url, **size)
    page.wait_for('document.body && document.body.dataset.serial > 0')
    return page


def keep(page, name):
    """A picture in both colours, if they are wanted."""
    folder = os.environ.get('COIL_SCREENSHOTS')
    for scheme in ('light', 'dark') if folder else ():
        page.prefer(scheme)
        page.save(os.path.join(folder, '%s-%s.png' % (name, scheme)))
    page.prefer('light')


def check_is_clean(page, subject):
    """It has asked nobody else, and nothing went wrong."""
    requests = page.requests()
    check(requests, 'no requests were seen')
    for url in requests:
        check(url.startswith((subject.url, 'data:')), 'asks elsewhere:', url)
    check_equal(page.complaints(), [])


def names(page):
    return page.text('#rows .name')


def open_tab(page, name):
    page.click('#tab-' + name)
    page.wait_for('!document.getElementById("view-%s").hidden' % name)


def test_shows_tasks():
    with Subject() as subject:
        subject.tell('name soup')
        subject.tell('lock')
        page = look(subject.url)
        page.wait_for('document.querySelectorAll("tr.task").length === 5')
        check_equal(names(page), ['main', 'soup', 'holder', 'awaiter', 'task-5'])
        check_equal(page.text('tr.task[data-id="1"] [data-column="wait"]'), ['to_thread'])
        check_equal(page.text('tr.task[data-id="5"] [data-column="wait"]'),
                    ['lock, held by holder (3)'])
        check_equal(page.text('tr.task[data-id="5"] [data-column="awaiter"]'), ['awaiter (4)'])
        check_equal(page.text('tr.task[data-id="2"] [data-column="state"]'), ['waits'])
        check_equal(page.text('#program'), ['console_subject'])
        check('process %d' % subject.process.pid in page.text('#about')[0], page.text('#about'))
        check_equal(page.text('#status-text'), ['live'])
        check_equal(page.value('document.title'), 'console_subject – coil console')
        keep(page, 'tasks')
        check_is_clean(page, subject)


def test_follows_what_happens():
    with Subject() as subject:
        page = look(subject.url)
        page.wait_for('document.querySelectorAll("tr.task").length === 1')
        subject.tell('name late')
        page.wait_for('document.querySelectorAll("tr.task").length === 2')
        check_is_clean(page, subject)


def test_filter_by_keyboard():
    with Subject() as subject:
        for name in ('soup', 'fish', 'fish soup'):
            subject.tell('name ' + name)
        page = look(subject.url)
        page.press('/')
        page.type('soup')
        page.wait_for('document.querySelectorAll("tr.task").length === 2')
        check_equal(names(page), ['soup', 'fish soup'])
        check('2 tasks of 4 match the filter' in page.text('#notice')[0], page.text('#notice'))
        page.type(' fish')
        page.wait_for('document.querySelectorAll("tr.task").length === 1')
        check_equal(names(page), ['fish soup'])
        page.press('Escape')
        page.wait_for('document.querySelectorAll("tr.task").length === 4')
        check_is_clean(page, subject)


def test_sorts_by_column():
    with Subject() as subject:
        for name in ('beta', 'gamma', 'alpha', 'item 10', 'item 9'):
            subject.tell('name ' + name)
        page = look(subject.url)
        page.click('#columns th:nth-child(2) button')
        order = 'document.querySelector("#columns th:nth-child(2)").ariaSort'
        page.wait_for(order + ' === "ascending"')
        check_equal(names(page), ['alpha', 'beta', 'gamma', 'item 9', 'item 10', 'main'])
        page.click('#columns th:nth-child(2) button')
        page.wait_for(order + ' === "descending"')
        check_equal(names(page), ['main', 'item 10', 'item 9', 'gamma', 'beta', 'alpha'])
        check_is_clean(page, subject)


def test_details_of_a_task():
    with Subject() as subject:
        subject.tell('lock')
        page = look(subject.url)
        page.click('tr.task[data-id="4"] .name')
        page.wait_for('document.querySelector(".more-row .stack li")')
        stack = '\n'.join(page.text('.more-row .stack li'))
        check('coil_lock_acquire' in stack or 'console_subject' in stack, stack)
        if 'console_subject.c' in stack:
            check(re.search(r'wait_for_lock, console_subject\.c:\d+', stack), stack)
        check_equal(page.text('.more-row .link'), ['awaiter (3)', 'holder (2)'])
        keep(page, 'details')
        page.click('.more-row .link')  # to the one that awaits
        page.wait_for('document.querySelectorAll(".more-row").length === 2')
        check_equal(page.value('document.activeElement.innerText'), 'awaiter')
        page.press('Enter')
        page.value('document.activeElement.click()')
        page.wait_for('document.querySelectorAll(".more-row").length === 1')
        check_is_clean(page, subject)


def test_tree():
    with Subject() as subject:
        subject.tell('lock')
        page = look(subject.url + '#tree')
        page.wait_for('document.querySelectorAll("#tree .node").length === 4')
        check_equal(page.text('#tree .who'), ['main (1)', 'holder (2)', 'awaiter (3)', 'task-4'])
        levels = page.value('[...document.querySelectorAll("#tree .node")].map((n) => n.ariaLevel)')
        check_equal(levels, ['1', '1', '1', '2'])
        check('held by holder (2)' in page.text('#tree .wait')[3], page.text('#tree .wait'))
        keep(page, 'tree')
        page.click('#tree .node:nth-child(3) .who')
        page.press('ArrowLeft')  # folds
        page.wait_for('document.querySelectorAll("#tree .node").length === 3')
        page.press('ArrowRight')
        page.wait_for('document.querySelectorAll("#tree .node").length === 4')
        page.press('ArrowDown')
        check_equal(page.value('document.activeElement.querySelector(".who").innerText'), 'task-4')
        check_is_clean(page, subject)


def test_names_are_harmless():
    with Subject() as subject:
        subject.tell('name ' + NASTY)
        subject.tell('name <script>hacked=1</script>')
        for tab in ('tasks', 'tree', 'places'):
            page = look(subject.url + '#' + tab)
            page.wait_for('document.body.innerText.includes(%s)' % json.dumps(NASTY))
            check(page.value('document.body.innerText.includes("<script>hacked=1</script>")'), tab)
            check_equal(page.value('typeof hacked'), 'undefined')
            check_equal(page.value('document.querySelectorAll("img, body script").length'), 0)
            check_is_clean(page, subject)


def test_says_that_the_loop_is_stuck():
    with Subject() as subject:
        subject.tell('name soup')
        page = look(subject.url)
        check_equal(page.value('document.getElementById("alarm").hidden'), True)
        subject.tell('stall 4000', waits=False)
        page.wait_for('!document.getElementById("alarm").hidden')
        title = page.text('#alarm-title')[0]
        check(re.fullmatch(r'The loop has not answered for [\d.]+ (ms|s)\.', title), title)
        check_equal(page.value('document.getElementById("status").dataset.state'), 'late')
        check_equal(names(page), ['main', 'soup'])
        keep(page, 'stuck')
        page.wait_for('document.getElementById("alarm").hidden')
        check_equal(page.value('document.getElementById("status").dataset.state'), 'live')
        check_is_clean(page, subject)


def test_lists_stalls():
    with Subject() as subject:
        page = look(subject.url)
        subject.tell('stall 3000', waits=False)
        page.click('#tab-stalls')
        page.wait_for('document.querySelector("#stalls li")')
        check('so far' in page.text('#stalls .span')[0], page.text('#stalls .span'))
        check('staller' in page.text('#stalls strong')[0], page.text('#stalls strong'))
        page.wait_for('document.querySelector("#alarm-stack li")')
        stack = '\n'.join(page.text('#alarm-stack li'))
        keep(page, 'stall')
        if 'console_subject.c' in stack:
            check(re.search(r'hold_up_the_loop, console_subject\.c:\d+', stack), stack)
        page.wait_for('!document.querySelector("#stalls .span").innerText.includes("so far")')
        check(re.fullmatch(r'[\d.]+ s', page.text('#stalls .span')[0]), page.text('#stalls .span'))
        page.wait_for('document.getElementById("alarm").hidden')
        check_equal(page.text('#stall-count'), ['1'])
        check_is_clean(page, subject)


def test_times():
    with Subject() as subject:
        subject.tell('name soup')
        page = look(subject.url + '#times')
        page.wait_for('document.querySelectorAll(".histogram").length === 5')
        check_equal(page.text('.histogram h3')[0], 'Steps')
        page.click('#since')
        page.value('since.value = "start", since.dispatchEvent(new Event("change"))')
        bars = 'document.querySelectorAll(".histogram:first-child .bar").length'
        page.wait_for(bars + ' === 26')
        label = page.value('document.querySelector(".histogram:first-child svg").ariaLabel')
        check(re.search(r'^Steps: \d+ · mean ', label), label)
        keep(page, 'times')
        check_is_clean(page, subject)


def test_metrics_for_prometheus():
    with Subject() as subject:
        with urllib.request.urlopen(subject.url + 'metrics', timeout=30) as answer:
            check('text/plain; version=0.0.4' in answer.headers['Content-Type'])
            check('coil_tasks_created_total{' in answer.read().decode())


def test_ten_thousand_tasks():
    with Subject() as subject:
        subject.tell('sleep 12000')
        page = look(subject.url)
        page.wait_for('document.querySelectorAll("tr.task").length === 500')
        notice = page.text('#notice')[0]
        check('500 of 10,000 are drawn' in notice, notice)
        check('Of 12,001 tasks the oldest 10,000 are sent' in notice, notice)
        page.press('/')
        page.type('task-9876')
        page.wait_for('document.querySelectorAll("tr.task").length === 1')
        check_equal(names(page), ['task-9876'])
        page.press('Escape')
        open_tab(page, 'tree')
        page.wait_for('document.querySelectorAll("#tree .node").length === 500')
        open_tab(page, 'places')
        page.wait_for('document.querySelectorAll("#places > li").length === 2')
        check_equal(page.text('#places .count'), ['9,999 tasks', '1 task'])
        keep(page, 'places')
        took = page.value('(() => { const began = performance.now(); show("tasks"); '
                          'return performance.now() - began; })()')
        check(took < 2000, 'drawing takes', took, 'ms')
        check_is_clean(page, subject)


def test_pause():
    with Subject() as subject:
        page = look(subject.url)
        page.press('p')
        page.wait_for('document.getElementById("status").dataset.state === "paused"')
        check_equal(page.value('document.getElementById("pause").ariaPressed'), 'true')
        subject.tell('name soup')
        before = subject.state()['serial']
        page.value('new Promise((done) => setTimeout(done, 2500))')
        check_equal(names(page), ['main'])
        check_equal(subject.state()['serial'], before + 1)  # that was us
        page.click('#pause')
        page.wait_for('document.querySelectorAll("tr.task").length === 2')
        check_is_clean(page, subject)


def test_tabs_by_keyboard():
    with Subject() as subject:
        page = look(subject.url)
        page.value('document.getElementById("tab-tasks").focus()')
        for name in ('tree', 'places', 'times', 'stalls', 'tasks'):
            page.press('ArrowRight')
            check_equal(page.value('document.activeElement.id'), 'tab-' + name)
            check_equal(page.value('location.hash'), '#' + name)
            shown = 'document.querySelectorAll("main > section:not([hidden])").length'
            check_equal(page.value(shown), 1)
        check_is_clean(page, subject)


def test_end_of_the_program():
    with Subject() as subject:
        subject.tell('name soup')
        page = look(subject.url)
        subject.tell('end', waits=False)
        check_equal(subject.process.wait(30), 0)
        page.wait_for('document.getElementById("status").dataset.state === "gone"')
        check_equal(page.text('#alarm-title'), ['The program does not answer.'])
        check_equal(names(page), ['main', 'soup'])


def test_token():
    with Subject(TOKEN) as subject:
        try:
            subject.state()
            check(False, 'the state is to be had without a token')
        except urllib.error.HTTPError as error:
            check_equal(error.code, 401)
            error.close()
        page = look(subject.url + '?token=' + TOKEN)
        page.wait_for('document.querySelectorAll("tr.task").length === 1')
        check_equal(page.value('location.href'), subject.url + '#tasks')
        check_equal(page.value('document.cookie'), '')  # scripts do not see it
        check_is_clean(page, subject)


def test_nobody_else_can_read_it():
    """A page of another origin gets nothing."""
    with Subject() as subject, Subject() as other:
        page = look(subject.url)
        script = ('fetch(%s, {mode: "%s"}).then((answer) => answer.type, () => "refused")')
        url = json.dumps(other.url + 'state.json')
        check_equal(page.value(script % (url, 'cors')), 'refused')
        check_equal(page.value(script % (url, 'no-cors')), 'refused')


def test_on_every_backend():
    for backend in ('sim', None):
        with Subject(backend=backend) as subject:
            subject.tell('lock')
            page = look(subject.url)
            page.wait_for('document.querySelectorAll("tr.task").length === 4')
            check_is_clean(page, subject)


def test_narrow_window():
    with Subject() as subject:
        subject.tell('lock')
        page = look(subject.url, width=400, height=800)
        page.wait_for('document.querySelectorAll("tr.task").length === 4')
        check(page.value('document.documentElement.scrollWidth <= innerWidth'),
              'it scrolls sideways')
        keep(page, 'narrow')
        check_is_clean(page, subject)


def test_example():
    """examples/console: what one sees of it."""
    process = subprocess.Popen([EXAMPLE, '127.0.0.1:0'], env=environment('epoll'),
                               stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        page = look(url)
        page.wait_for('document.querySelectorAll("tr.task").length === 45')
        wait_until(lambda: page.value('page.state.counters.iterations > 200'), 'some rounds')
        keep(page, 'example')
        page.wait_for('document.querySelector("#stall-count").innerText >= "1"', 30)
        keep(page, 'example-stuck')
        open_tab(page, 'times')
        keep(page, 'example-times')
        check_equal(page.complaints(), [])
        process.send_signal(2)
        check_equal(process.wait(30), 0)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == '__main__':
    FAILED = run_all(tests_of(globals(), sys.argv[2:]))
    for one in BROWSERS:
        one.close()
    sys.exit(FAILED)
