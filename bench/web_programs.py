"""bench/web_programs.py - what bench/web.py can run: the servers, the work, and who makes the load.

Measures nothing. coil's own program is called `prog ITEM PORT [FILE] [CERTIFICATE]`; nginx and h2o get
a file of settings. All serve with one thread where they can be told to.
"""

import os
import shutil
import tempfile

import programs
import run

PEERS = os.path.join(programs.BENCH, "peers", "web")
LOAD = os.path.join(programs.BENCH, "load")
BY_H2LOAD = ("h2", "h2-tls")
BY_TCPLOAD = ("websocket", "idle")
HELLO = ("hello", "deep")
FILE_SIZE = 1 << 20
IDLE = 10000
MESSAGE_SIZE = 64

# Row -> who is compared with, and the most that coil may take of it.
BARS = {
    "hello": (("epoll", 1.15), ("*", 1.0)),
    "deep": (("epoll", 2.6), ("nginx", 0.2), (None, 1.0)),
    "json": (("fastapi", 0.1), ("go", 1.0)),
    "file": (("nginx", 1.05),),
    "file-tls": (("nginx", 1.05),),
    "h2": (("nginx", 1.0),),
    "h2-tls": (("*", 1.0),),
    "websocket": (("echo", 1.3), ("*", 1.0)),
    "client": (("curl", 1 / 1.3), ("wrk", 1.2)),
    "idle": ((None, 12.0),),
    "parser": (("picohttpparser", 1.0),),
}

NGINX = """daemon off; master_process off; pid {folder}/pid; error_log stderr;
worker_rlimit_nofile 20000;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    types {{ text/plain txt; }} default_type application/octet-stream;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port} backlog=4096{listen};
        {tls}
        root {folder};
        location = / {{ default_type text/plain; return 200 "Hello, World!"; }}
    }}
}}
"""

H2O = """num-threads: 1
listen: {{port: {port}, host: 127.0.0.1}}
http2-max-concurrent-requests-per-connection: 256
hosts:
  default:
    paths:
      /: {{file.dir: {folder}}}
"""


class Server:
    """kind: limit, coil, or peer; items: the rows it can do; argv: a function of work and port."""

    def __init__(self, name, kind, items, argv, needs=(), packages=(), env=None):
        self.name = name
        self.kind = kind
        self.items = items
        self.argv = argv
        self.needs = needs
        self.packages = packages
        self.env = dict(os.environ, **env) if env else None
        self.version = programs.Program(name, kind, [], items, packages).version

    def command(self, work, port):
        return self.argv(work, port)

    def missing(self):
        for path in self.needs:
            if not os.path.exists(path) and not shutil.which(path):
                return "install " + " ".join(self.packages) if self.packages else "not built"
        return None


def all_works():
    row = programs.Work
    return [
        row("hello", "hello", "cpu_us", "us CPU", connections=64),
        row("deep", "deep", "cpu_us", "us CPU", connections=64),
        row("json", "json", "cpu_us", "us CPU", connections=64),
        row("file", "file", "cpu_us", "us CPU", connections=64),
        row("file-tls", "file-tls", "cpu_us", "us CPU", connections=64),
        row("h2", "h2", "cpu_us", "us CPU", connections=64),
        row("h2-tls", "h2-tls", "cpu_us", "us CPU", connections=64),
        row("websocket", "websocket", "cpu_us", "us CPU", connections=1000),
        row("client", "client", "cpu_us", "us CPU", connections=64),
        row("idle", "idle", "kib_per_connection", "KiB RSS", connections=IDLE),
        row("parser", "parser", "ns", "ns a head"),
    ]


# ---- the load ------------------------------------------------------------------------------------

def load_argv(work, port, seconds):
    tls = work.item.endswith("-tls")
    path = {"file": "/file.txt", "file-tls": "/file.txt", "json": "/notes/42"}.get(work.item, "/")
    url = f"{'https' if tls else 'http'}://{run.HOST}:{port}{path}"
    if work.item in BY_H2LOAD:
        return ["h2load", "-c", str(work.connections), "-m", "16", "-t", "1",
                "-D", str(max(1, round(seconds))), url]
    argv = ["wrk", "-t", "1", "-c", str(work.connections), "-d", f"{max(1, round(seconds))}s"]
    script = {"deep": "deep.lua", "json": "note.lua"}.get(work.item)
    if script:
        argv += ["-s", os.path.join(LOAD, script)]
    return argv + [url]


def tcpload_argv(server, work, port, seconds, pid):
    """wsload; tcpload for the limit, which echoes bytes."""
    load = programs.built("tcpload" if server.kind == "limit" else "wsload")
    if work.item == "idle":
        return [load, "idle", run.HOST, port, str(work.connections), "--pid", str(pid)]
    return [load, run.HOST, port, str(work.connections), str(MESSAGE_SIZE), str(seconds),
            "--warmup", "0.2", "--pid", str(pid)]


# ---- the servers ---------------------------------------------------------------------------------

def folder():
    """With the file that is served, and room for what nginx writes."""
    path = programs.built("www")
    if not os.path.exists(os.path.join(path, "file.txt")):
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "index.html"), "w", encoding="ascii") as file:
            file.write("Hello, World!")
        with open(os.path.join(path, "file.txt"), "wb") as file:
            file.write(os.urandom(FILE_SIZE))
    return path


def settings(text, suffix, **values):
    with tempfile.NamedTemporaryFile("w", suffix=suffix, dir=folder(), delete=False) as file:
        file.write(text.format(folder=folder(), **values))
        return file.name


def nginx(work, port):
    listen, tls = "", ""
    if work.item.endswith("-tls"):
        listen = " ssl"
        tls = f"ssl_certificate {run.certificate()}; ssl_certificate_key {run.certificate()};"
    if work.item in BY_H2LOAD:
        listen += " http2"
    return ["nginx", "-p", folder(), "-c",
            settings(NGINX, ".conf", port=port, listen=listen, tls=tls)]


def nginx_for_clients(port):
    return nginx(programs.Work("hello", "hello", "", ""), port)


def h2o(work, port):
    return ["h2o", "-c", settings(H2O, ".yaml", port=port)]


def coil(work, port):
    name = "coil_bench_http_client" if work.item == "client" else "coil_bench_http"
    program = os.path.join(programs.ROOT, "build", "bench", name)
    item = {"deep": "hello", "h2": "hello", "h2-tls": "hello-tls",
            "idle": "websocket"}.get(work.item, work.item)
    rest = []
    if work.item.startswith("file"):
        rest.append(os.path.join(folder(), "file.txt"))
    if work.item.endswith("-tls"):
        rest.append(run.certificate())
    return [program, item, port] + rest


def parser_bench():
    return os.path.join(programs.ROOT, "build", "bench", "http1_bench")


def go(work, port):
    return [programs.built("web_go"), port] + ([run.certificate()] if "tls" in work.item else [])


def uvicorn(name):
    return lambda work, port: [
        programs.DEBIAN_PYTHON, "-m", "uvicorn", "--app-dir", PEERS, "--port", port,
        "--loop", "uvloop", "--no-access-log", "--log-level", "error", name + ":app"]


def script(interpreter, name):
    return lambda work, port: [interpreter, os.path.join(PEERS, name), port]


def node(work, port):
    name = "echo.js" if work.item == "websocket" else "hello.js"
    return ["node", os.path.join(PEERS, name), port]


def all_servers():
    def built(name, *words):
        return lambda work, port: [programs.built(name), *words, port]

    return [
        Server("epoll", "limit", HELLO, built("http_epoll"), [programs.built("http_epoll")]),
        Server("echo", "limit", ("websocket",), built("echo_epoll", "echo"),
               [programs.built("echo_epoll")]),
        Server("coil", "coil", tuple(work.item for work in all_works()), coil,
               [os.path.join(programs.ROOT, "build", "bench", "coil_bench_http")]),
        Server("nginx", "peer", HELLO + BY_H2LOAD + ("file", "file-tls"), nginx, ["nginx"],
               ["nginx"]),
        Server("h2o", "peer", HELLO + ("file",), h2o, ["h2o"], ["h2o"]),
        Server("go", "peer", ("hello", "json", "h2-tls"), go, [programs.built("web_go")],
               ["golang-go"], {"GOMAXPROCS": "1"}),
        Server("node", "peer", ("hello", "websocket"), node, ["node"], ["nodejs", "node-ws"],
               {"NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs"}),
        Server("uvicorn", "peer", ("hello",), uvicorn("asgi"), ["uvicorn"],
               ["uvicorn", "python3-uvloop"]),
        Server("fastapi", "peer", ("hello", "json"), uvicorn("api"),
               ["/usr/lib/python3/dist-packages/fastapi"], ["python3-fastapi", "uvicorn"]),
        Server("websockets", "peer", ("websocket",), script(programs.DEBIAN_PYTHON, "echo.py"),
               ["/usr/lib/python3/dist-packages/websockets"], ["python3-websockets"]),
        Server("curl", "peer", ("client",), built("curl_multi", "client"),
               [programs.built("curl_multi")], ["libcurl4-openssl-dev"]),
        Server("picohttpparser", "peer", ("parser",), None, [parser_bench()],
               ["libh2o-evloop-dev"]),
        Server("wrk", "peer", ("client",), script(programs.DEBIAN_PYTHON, "wrk.py"), ["wrk"],
               ["wrk"]),
    ]
