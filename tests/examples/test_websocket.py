#!/usr/bin/env python3
"""Puts our WebSockets between those of other makers, as server and as client: python3-websockets
and ws of Node.js. Also runs examples/websocket_chat.

    test_websocket.py BUILD_FOLDER PEER [TEST...]
"""
import asyncio
import contextlib
import logging
import os
import random
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from listener import LIMIT, Listener  # noqa: E402
from runner import (Skipped, check, check_equal, environment, run_all,  # noqa: E402
                    tests_of)

try:
    import websockets
except ImportError:
    websockets = None

BUILD, PEER = sys.argv[1:3]
BACKENDS = [None, 'epoll']  # None: io_uring, where it is allowed
NODE_PATH = '/usr/share/nodejs'


def need_python():
    if not websockets:
        raise Skipped('python3-websockets is not installed')


def need_node():
    if not shutil.which('node') or not os.path.exists(os.path.join(NODE_PATH, 'ws')):
        raise Skipped('node-ws is not installed')


def ws_url(server):
    return 'ws://127.0.0.1:%d/' % server.port


def on_each(test, *argv):
    for backend in BACKENDS:
        with Listener(backend, *argv) as server:
            asyncio.run(asyncio.wait_for(test(server), LIMIT))
            server.end()


def messages():
    """Of many sizes, some of which compress well."""
    generator = random.Random(6455)
    for size in (0, 1, 125, 126, 127, 255, 256, 1000, 4096, 65535, 65536, 300000):
        yield generator.randbytes(size)
        yield 'grüße €𝄞 '[:size] * (size // 9)


# --- python3-websockets ---

async def echo_all(server, **options):
    async with websockets.connect(ws_url(server), **options) as ws:
        for message in messages():
            await ws.send(message)
            check(await ws.recv() == message, 'of size', len(message))
        for message in messages():  # in flight all at once
            await ws.send(message)
        for message in messages():
            check(await ws.recv() == message, 'of size', len(message))
        await ws.send(['frag', 'men', '', 'ted'])
        check_equal(await ws.recv(), 'fragmented')
        await asyncio.wait_for(await ws.ping(b'x'), LIMIT)
        await ws.send('ping')
        check_equal(await ws.recv(), 'ping')
        return ws


def test_python_as_client():
    need_python()

    async def go(server):
        ws = await echo_all(server)
        check_equal([e.name for e in ws.extensions], ['permessage-deflate'])
        check_equal(ws.close_code, 1000)
        ws = await echo_all(server, compression=None)
        check_equal(ws.extensions, [])
        ws = await echo_all(server, subprotocols=['echo.v1', 'other'])
        check_equal(ws.subprotocol, 'echo.v1')
        async with websockets.connect(ws_url(server)) as ws:
            await ws.send('close')
            await ws.wait_closed()
            check_equal((ws.close_code, ws.close_reason), (4321, 'as you wish'))
        async with websockets.connect(ws_url(server)) as ws:
            await ws.send(b'x' * (1 << 20 | 1))  # one byte too many
            await ws.wait_closed()
            check_equal(ws.close_code, 1009)
    on_each(go, PEER, 'echo')
    on_each(go, PEER, 'context')


def test_python_is_told_that_we_go():
    need_python()

    async def go(server):
        clients = [await websockets.connect(ws_url(server)) for _ in range(5)]
        server.interrupt()
        for ws in clients:
            await ws.wait_closed()
            check_equal(ws.close_code, 1001)
    on_each(go, PEER, 'echo')


def test_python_is_refused_by_origin():
    need_python()

    async def go(server):
        with contextlib.suppress(websockets.InvalidStatusCode):
            await websockets.connect(ws_url(server), origin='https://evil.example')
            check(False, 'it was accepted')
        ws = await websockets.connect(ws_url(server), origin='http://127.0.0.1:%d' % server.port)
        await ws.close()
    on_each(go, PEER, 'echo')


def run_client(backend, url, *arguments, authorities=None):
    env = environment(backend)
    if authorities:
        env['SSL_CERT_FILE'] = authorities
    done = subprocess.run([PEER, 'client', url, *arguments], env=env, text=True,
                          capture_output=True, timeout=LIMIT, check=False)
    return done.stdout + done.stderr


async def python_echo(ws, *_):
    async for message in ws:
        await ws.send(message)


def test_python_as_server():
    need_python()

    async def go(compression, expected, *arguments):
        async with websockets.serve(python_echo, '127.0.0.1', 0,
                                    compression=compression) as server:
            url = 'ws://127.0.0.1:%d/' % server.sockets[0].getsockname()[1]
            for backend in BACKENDS:
                said = await asyncio.to_thread(run_client, backend, url, *arguments)
                check_equal(said, '0, %s, closed with 1000\n' % expected)
    asyncio.run(go('deflate', 'compressed'))
    asyncio.run(go('deflate', 'compressed', 'context'))
    asyncio.run(go('deflate', 'plain', 'plain'))
    asyncio.run(go(None, 'plain'))


def test_python_as_tls_server():
    need_python()
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
             '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext',
             'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
            capture_output=True, check=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        async def go():
            async with websockets.serve(python_echo, '127.0.0.1', 0, ssl=context) as server:
                url = 'wss://localhost:%d/' % server.sockets[0].getsockname()[1]
                for backend in BACKENDS:
                    said = await asyncio.to_thread(run_client, backend, url,
                                                   authorities=certificate)
                    check_equal(said, '0, compressed, closed with 1000\n')
                    said = await asyncio.to_thread(run_client, backend, url)
                    check_equal(said, '-COIL_ETLSUNTRUSTED\n')
        logging.getLogger('websockets').setLevel(logging.CRITICAL)
        asyncio.run(go())


# --- Node.js ---

NODE_SERVER = '''
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: %s });
server.on('listening', () => console.log('port ' + server.address().port));
server.on('connection', ws => ws.on('message', (data, isBinary) =>
    ws.send(data, { binary: isBinary })));
'''

NODE_CLIENT = '''
const WebSocket = require('ws');
const sizes = [0, 1, 125, 126, 127, 255, 256, 1000, 4096, 65535, 65536, 300000];
const ws = new WebSocket('%s', { perMessageDeflate: %s });
let at = 0;
const message = () => Buffer.alloc(sizes[at], 'grüße €𝄞 ');
const next = () => ws.send(message(), { binary: true, fin: true });
ws.on('open', next);
ws.on('ping', () => console.log('ping'));
ws.on('pong', () => { console.log('pong'); ws.send('close'); });
ws.on('message', data => {
    if (!data.equals(message())) { console.log('not equal', sizes[at]); process.exit(1); }
    if (++at < sizes.length) next(); else ws.ping('x');
});
ws.on('close', (code, reason) => console.log('closed', code, String(reason)));
'''


def node_environment():
    return dict(os.environ, NODE_PATH=NODE_PATH)


def test_node_as_client():
    need_node()

    async def go(server):
        for deflate in ('true', '{ threshold: 0 }', 'false'):
            script = NODE_CLIENT % (ws_url(server), deflate)
            done = subprocess.run(['node', '-e', script], text=True,
                                  env=node_environment(), capture_output=True, timeout=LIMIT,
                                  check=False)
            check_equal(done.stdout + done.stderr, 'pong\nclosed 4321 as you wish\n', deflate)
    on_each(go, PEER, 'echo')
    on_each(go, PEER, 'context')


def test_node_as_server():
    need_node()
    for deflate, arguments in (('false', []), ('{ threshold: 0 }', []),
                               ('{ threshold: 0, serverMaxWindowBits: 10 }', ['context']),
                               ('{ threshold: 0, clientNoContextTakeover: true }', ['context'])):
        with subprocess.Popen(['node', '-e', NODE_SERVER % deflate], text=True,
                              env=node_environment(), stdout=subprocess.PIPE) as server:
            try:
                port = re.search(r'port (\d+)', server.stdout.readline()).group(1)
                for backend in BACKENDS:
                    said = run_client(backend, 'ws://127.0.0.1:%s/' % port, *arguments)
                    check_equal(said, '0, %s, closed with 1000\n' %
                                ('plain' if deflate == 'false' else 'compressed'), deflate)
            finally:
                server.kill()


# --- the example ---

def test_chat():
    need_python()

    async def go(server):
        page = await asyncio.to_thread(
            lambda: urllib.request.urlopen('http://127.0.0.1:%d/' % server.port).read())
        check(b'new WebSocket(' in page, page)
        ann = await websockets.connect(ws_url(server) + 'chat?Ann')
        check_equal(await ann.recv(), 'Ann: is here')
        bob = await websockets.connect(ws_url(server) + 'chat?Bob')
        check_equal(await ann.recv(), 'Bob: is here')
        check_equal(await bob.recv(), 'Bob: is here')
        await bob.send('Hi, Ann!')
        for ws in (ann, bob):
            check_equal(await ws.recv(), 'Bob: Hi, Ann!')
        await bob.close()
        check_equal(await ann.recv(), 'Bob: has left')
        server.interrupt()
        await ann.wait_closed()
        check_equal(ann.close_code, 1001)
    on_each(go, os.path.join(BUILD, 'examples', 'websocket_chat'))


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[3:])))
