#!/usr/bin/env python3
"""Runs examples/echo_server and examples/chat with clients that behave and clients that do not.

    test_servers.py BUILD_FOLDER [TEST...]
"""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import check, check_equal, environment, run_all, tests_of, wait_until  # noqa: E402

BUILD = sys.argv[1]
BACKENDS = [None, 'epoll']  # None: io_uring, where it is allowed
LIMIT = 30
MEMORY = 32 << 20  # what a server may have, whatever its clients do

# Shells start what runs in the background with SIGINT ignored, which the servers would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


def can_connect(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=LIMIT).close()
        return True
    except OSError:
        return False


class Server:
    """An example that is given a port, and seconds of grace. Its output stands in `lines`."""

    def __init__(self, name, backend, grace=LIMIT):
        self.name = name
        self.backend = backend
        self.grace = grace

    def start(self):
        self.port = free_port()
        self.lines = []
        self.process = subprocess.Popen(
            [os.path.join(BUILD, 'examples', self.name), str(self.port), str(self.grace)],
            text=True, env=environment(self.backend), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.reader.start()
        wait_until(lambda: self.lines or not self.reader.is_alive(), 'a first line')
        return any('on port %d' % self.port in line for line in self.lines)

    def __enter__(self):
        while not self.start():  # another process was faster to take the port
            check('Address already in use' in ''.join(self.lines), self.lines)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def collect(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip('\n'))

    def client(self):
        return Client(self.port)

    def is_asleep(self):
        with open('/proc/%d/stat' % self.process.pid, encoding='ascii') as file:
            return file.read().rpartition(')')[2].split()[0] == 'S'

    def stuff(self, client, data):
        """Sends until nothing goes any more and the server waits. Returns how much went."""
        client.socket.setblocking(False)
        quiet_since = time.monotonic()
        sent = 0
        while time.monotonic() - quiet_since < 0.3:
            try:
                sent += client.socket.send(data)
                quiet_since = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
            if not self.is_asleep():
                quiet_since = time.monotonic()
        client.socket.settimeout(LIMIT)
        return sent

    def signal(self, signum):
        self.process.send_signal(signum)

    def wait(self):
        """Returns the exit status."""
        status = self.process.wait(timeout=LIMIT)
        self.reader.join(LIMIT)
        check(not any(line.startswith('coil: ') for line in self.lines), self.lines)
        return status

    def interrupt(self):
        """Ctrl-C; returns the exit status."""
        self.signal(signal.SIGINT)
        return self.wait()

    def memory(self):
        """The most that it ever had, in bytes."""
        with open('/proc/%d/status' % self.process.pid, encoding='ascii') as file:
            for line in file:
                if line.startswith('VmHWM:'):
                    return int(line.split()[1]) * 1024
        return 0


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=LIMIT)
        self.buffer = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode())

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return data

    def expect(self, text):
        """The next bytes are these."""
        wanted = text.encode()
        while len(self.buffer) < len(wanted) and self.more():
            pass
        check_equal(self.buffer[:len(wanted)], wanted)
        self.buffer = self.buffer[len(wanted):]

    def expect_end(self):
        while self.more():
            pass
        check_equal(self.buffer, b'')

    def vanish(self):
        """Resets the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.socket.close()

    def enter(self, name):
        self.expect('Your name? ')
        self.send(name + '\n')
        self.send('/who\n')  # its answer shows that the name was taken
        while b'here:' not in self.buffer or not self.buffer.endswith(b'\n'):
            check(self.more(), 'no answer to /who')
        self.buffer = b''
        return self


def on_each_backend(name, function, grace=LIMIT):
    for backend in BACKENDS:
        with Server(name, backend, grace) as server:
            function(server)


def with_each_ending(name, function, grace=LIMIT):
    """function(server, signum); the server has to end with 0 then."""
    for signum in signal.SIGINT, signal.SIGTERM:
        def run(server, signum=signum):
            function(server, signum)
            check_equal(server.wait(), 0)
        on_each_backend(name, run, grace)


# --- echo_server ---


def test_echo():
    def run(server):
        with server.client() as one, server.client() as two:
            for i in range(20):
                two.send('two %d' % i)
                one.send('one %d' % i)
                one.expect('one %d' % i)
                two.expect('two %d' % i)
        check_equal(server.interrupt(), 0)
        check_equal(server.lines, ['echoing on port %d' % server.port])
    on_each_backend('echo_server', run)


def test_echo_large():
    data = 'The quick brown fox. ' * 100000

    def run(server):
        with server.client() as client:
            sender = threading.Thread(target=client.send, args=(data,))
            sender.start()
            client.expect(data)
            sender.join()
            client.socket.shutdown(socket.SHUT_WR)
            client.expect_end()
    on_each_backend('echo_server', run)


def test_echo_clients_that_vanish():
    def run(server):
        with server.client() as stays:
            stays.send('a')
            stays.expect('a')
            for _ in range(20):
                client = server.client()
                client.send('hello')
                client.vanish()
            stays.send('b')
            stays.expect('b')
        check_equal(server.interrupt(), 0)
        check_equal(server.lines[1:], [])
    on_each_backend('echo_server', run)


def test_echo_client_that_does_not_read():
    """Writes until nothing goes any more; the server waits, and its memory does not grow."""
    def run(server):
        with server.client() as mute, server.client() as other:
            sent = server.stuff(mute, b'x' * 65536)
            check(sent > 65536, sent)
            other.send('hello')
            other.expect('hello')
            check(server.memory() < MEMORY, server.memory())
    on_each_backend('echo_server', run)


def test_echo_finishes_what_is_in_flight():
    """Once it is to end nobody is accepted; a client that is there is served to its end."""
    def run(server, signum):
        with server.client() as client:
            client.send('before')
            client.expect('before')
            server.signal(signum)
            wait_until(lambda: not can_connect(server.port), 'the end of accepting')
            client.send('after')
            client.expect('after')
            client.socket.shutdown(socket.SHUT_WR)
            client.expect_end()
    with_each_ending('echo_server', run)


def test_echo_cuts_off_who_is_stuck():
    """One says nothing more, the other one does not read; both have a second to finish."""
    def run(server, signum):
        with server.client() as silent, server.client() as mute:
            silent.send('a')
            silent.expect('a')
            server.stuff(mute, b'x' * 65536)
            start = time.monotonic()
            server.signal(signum)
            silent.expect_end()
            took = time.monotonic() - start
            check(took > 0.9, 'it was cut off after', took, 's')
            check_equal(server.wait(), 0)
            check_equal(server.lines[1:], ['the rest was cut off'])
    with_each_ending('echo_server', run, grace=1)


def test_second_interrupt_does_not_wait():
    def run(server):
        with server.client() as silent:
            silent.send('a')
            silent.expect('a')
            server.signal(signal.SIGINT)
            wait_until(lambda: not can_connect(server.port), 'the end of accepting')
            check_equal(server.interrupt(), 0)
            silent.expect_end()
    on_each_backend('echo_server', run, grace=10 * LIMIT)


# --- chat ---


def test_chat():
    def run(server):
        with server.client() as alice, server.client() as bob, server.client() as carol:
            alice.enter('alice')
            bob.enter('bob')
            alice.expect('* bob has come\n')
            carol.enter('carol')
            alice.expect('* carol has come\n')
            bob.expect('* carol has come\n')
            alice.send('hello, all\r\n')
            bob.expect('alice: hello, all\n')
            carol.expect('alice: hello, all\n')
            bob.send('one\ntwo\n\nthree\n')
            for client in alice, carol:
                client.expect('bob: one\nbob: two\nbob: three\n')
            carol.send('/who\n')
            carol.expect('3 here: carol bob alice\n')
            carol.send('/what\n')
            carol.expect('There is /who and /quit.\n')
            carol.send('/quit\n')
            carol.expect('Goodbye.\n')
            carol.expect_end()
            alice.expect('* carol has left\n')
            bob.expect('* carol has left\n')
    on_each_backend('chat', run)


def test_chat_names():
    def run(server):
        rule = 'A name is one word of up to 20 letters.\nYour name? '
        with server.client() as alice, server.client() as other:
            alice.enter('alice')
            other.expect('Your name? ')
            for name in ('', 'two words', 'x' * 21, '/who'):
                other.send(name + '\n')
                other.expect(rule)
            other.send('alice\n')
            other.expect('That name is taken.\nYour name? ')
            other.send('b\x1bb\n')
            alice.expect('* b?b has come\n')
    on_each_backend('chat', run)


def test_chat_clients_that_vanish():
    def run(server):
        with server.client() as alice:
            alice.enter('alice')
            for name, leave in (('bob', Client.vanish), ('carol', lambda c: c.socket.close())):
                client = server.client().enter(name)
                alice.expect('* %s has come\n' % name)
                client.send('half a line')
                leave(client)
                # What came before the end is a line, unless a reset was faster.
                text = '%s: half a line\n' % name
                while b'has left\n' not in alice.buffer:
                    check(alice.more(), 'the server hung up')
                alice.buffer = alice.buffer.replace(text.encode(), b'')
                alice.expect('* %s has left\n' % name)
            server.client().vanish()  # before it said its name
            alice.send('/who\n')
            alice.expect('1 here: alice\n')
    on_each_backend('chat', run)


def test_chat_long_lines():
    def run(server):
        with server.client() as alice, server.client() as bob:
            alice.enter('alice')
            bob.enter('bob')
            alice.expect('* bob has come\n')
            bob.send('x' * 600 + 'tail\n')
            received = ''
            while 'tail' not in received:
                check(alice.more(), 'the server hung up')
                received = ''.join(alice.buffer.decode().replace('bob: ', '').split('\n'))
            check_equal(received, 'x' * 600 + 'tail')
    on_each_backend('chat', run)


def drain(client, is_over):
    client.socket.settimeout(0.1)
    while not is_over.is_set():
        try:
            if not client.more():
                return
        except TimeoutError:
            continue
        client.buffer = client.buffer[-200:]


def test_chat_client_that_does_not_read():
    """It is dropped; the others talk on, and memory stays bounded."""
    def run(server):
        is_over = threading.Event()
        dropped = 'dropped mute: it does not read'
        mute = server.client().enter('mute')
        with server.client() as alice, server.client() as bob:
            alice.enter('alice')
            bob.enter('bob')
            reader = threading.Thread(target=drain, args=(bob, is_over))
            reader.start()
            lines = ('y' * 200 + '\n') * 50
            end = time.monotonic() + LIMIT
            while dropped not in server.lines:
                alice.send(lines)
                check(time.monotonic() < end, 'mute is still there')
            alice.send('/who\n')
            while not re.search(rb'^2 here: bob alice$', alice.buffer, re.M):
                check(alice.more(), 'the server hung up')
            is_over.set()
            reader.join()
            check_equal([line for line in server.lines if 'dropped' in line], [dropped])
            check(server.memory() < MEMORY, server.memory())
        mute.socket.close()
    on_each_backend('chat', run)


def test_chat_ends_with_a_goodbye():
    def run(server, signum):
        with server.client() as alice, server.client() as bob, server.client() as nameless:
            alice.enter('alice')
            bob.enter('bob')
            nameless.expect('Your name? ')
            alice.expect('* bob has come\n')
            server.signal(signum)
            for client in alice, bob, nameless:
                client.expect('* The server ends. Goodbye.\n')
                client.expect_end()
            check_equal(server.wait(), 0)
            check_equal(server.lines[1:], ['goodbye'])
    with_each_ending('chat', run)


def test_chat_delivers_what_was_said_before_the_end():
    def run(server, signum):
        with server.client() as alice, server.client() as bob:
            alice.enter('alice')
            bob.enter('bob')
            alice.expect('* bob has come\n')
            said = ['line %d' % i for i in range(40)]
            alice.send('\n'.join(said + ['/who', 'never sent']))  # no line: no end
            alice.expect('2 here: bob alice\n')
            server.signal(signum)
            bob.expect(''.join('alice: %s\n' % line for line in said))
            for client in alice, bob:
                client.expect('* The server ends. Goodbye.\n')
                client.expect_end()
    with_each_ending('chat', run)


def test_chat_cuts_off_who_is_stuck():
    """It asks and asks, and does not read the answers: a goodbye would be no use."""
    def run(server, signum):
        with server.client() as mute, server.client() as alice:
            mute.enter('mute')
            alice.enter('alice')
            server.stuff(mute, b'/what\n' * 4096)
            server.signal(signum)
            alice.expect('* The server ends. Goodbye.\n')
            alice.expect_end()
            check_equal(server.wait(), 0)
            check_equal(server.lines[1:], ['the rest was cut off', 'goodbye'])
    with_each_ending('chat', run, grace=1)


def test_port_in_use():
    with Server('chat', None) as server:
        for name in 'chat', 'echo_server':
            done = subprocess.run([os.path.join(BUILD, 'examples', name), str(server.port)],
                                  capture_output=True, text=True, timeout=LIMIT, check=False)
            check_equal(done.returncode, 1)
            check_equal(done.stderr, name + ': Address already in use\n')


def test_ports_that_are_none():
    for name in 'chat', 'echo_server':
        for port in '0', '-1', '65536', 'http', '':
            done = subprocess.run([os.path.join(BUILD, 'examples', name), port],
                                  capture_output=True, text=True, timeout=LIMIT, check=False)
            check_equal((done.returncode, done.stderr), (2, 'usage: %s [PORT [SECONDS]]\n' % name))


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
