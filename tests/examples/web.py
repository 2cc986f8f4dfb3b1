"""web.py - a web server that answers as it is told to, also wrongly."""
import socket
import threading
import time


class Web:
    """Serves on a free port of 127.0.0.1. answers: path -> bytes to be sent before the connection
    is closed, or a function that is given the socket. Counts how many requests it has at once."""

    def __init__(self, answers, delay=0.0):
        self.answers = answers
        self.delay = delay
        self.requests = []
        self.running = 0
        self.most = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # ends accept(), which would keep it open
        self.listener.close()

    def url(self, path):
        return 'http://127.0.0.1:%d%s' % (self.port, path)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client:
                self.answer(client)
        except OSError:
            pass

    def answer(self, client):
        request = b''
        while b'\r\n\r\n' not in request:
            data = client.recv(65536)
            if not data:
                return
            request += data
        path = request.split(b' ')[1].decode()
        with self.lock:
            self.requests.append(request)
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(self.delay)
        with self.lock:
            self.running -= 1
        answer = self.answers[path] if isinstance(self.answers, dict) else self.answers
        if callable(answer):
            answer(client)
        else:
            client.sendall(answer)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(10)
            while client.recv(65536):  # so that closing does not reset what was sent
                pass


def one_byte_at_a_time(data):
    def send(client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            client.sendall(data[i:i + 1])
            time.sleep(0.001)
    return send


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')


def silence(client):
    client.settimeout(30)
    client.recv(1)


def answer(body, *fields, status='200 OK'):
    head = 'HTTP/1.1 %s\r\n' % status + ''.join(field + '\r\n' for field in fields) + '\r\n'
    return head.encode() + body
