"""bench/programs.py - what bench/run.py can run: the programs, and the work they are given.

Measures nothing. A Program is one column of the table, a Work one row. Every program has the same
command line: `prog ITEM [ARGS]`, and prints `item=... key=value ...`, or `ready` once its echo server
listens. A TLS server's last argument is a file with its certificate and key.
"""

import os
import shutil
import subprocess

BENCH = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCH)
BUILD = os.path.join(BENCH, "build")
DEBIAN_PYTHON = "/usr/bin/python3"
MICRO = ("yield", "create", "handover")
SYNC = ("lock", "queue")
READS = ("files",)
SPAWN = ("spawn",)
UDP = ("udp",)
TASKS = MICRO + ("sleep",)
ECHO = ("echo", "idle")
TLS = ("tls",)
WINDOWED = ("echo",) + UDP + TLS
ALL = TASKS + ECHO + SYNC + READS + SPAWN + UDP + TLS
READ_FILE_SIZE = 64 * 1024 * 1024
UDP_SOCKETS = 8
UDP_WINDOW = 32


class Program:
    """kind: limit, coil, or peer; items: the work it has a concept for."""

    def __init__(self, name, kind, argv, items, packages=(), echo_word="echo", env=None):
        self.name = name
        self.kind = kind
        self.argv = argv
        self.items = items
        self.packages = packages
        self.echo_word = echo_word
        self.env = dict(os.environ, **env) if env else None

    def command(self, work):
        """The program for a work: coil's TLS is a library, and so a program, of its own."""
        if work.item == "tls" and self.kind == "coil":
            return [self.argv[0] + "_tls"]
        return self.argv

    def missing(self):
        """Why it cannot run, or None."""
        how = "install " + " ".join(self.packages) if self.packages else "not built"
        if self.kind == "coil":
            how = "build the project first, or give --coil-bin"
        for part in self.argv:
            if os.sep in part and not os.path.exists(part):
                return how
        if self.name == "uvloop" and subprocess.run(
                [DEBIAN_PYTHON, "-c", "import uvloop"], stderr=subprocess.DEVNULL,
                check=False).returncode:
            return how
        return None

    def version(self):
        """Of the packages that decide how fast it is, by dpkg."""
        found = []
        for package in self.packages:
            if package in ("g++", "cargo", "libc6-dev") or not shutil.which("dpkg-query"):
                continue
            run = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package],
                                 capture_output=True, text=True, check=False)
            if run.returncode == 0 and run.stdout:
                found.append(f"{package} {run.stdout}")
        return ", ".join(found)


class Work:
    """One row: `name` as in --only, `metric` the key that the table shows, in `unit`."""

    def __init__(self, name, item, metric, unit, tasks=0, connections=0, size=0):
        self.name = name
        self.item = item
        self.metric = metric
        self.unit = unit
        self.tasks = tasks
        self.connections = connections
        self.size = size

    def is_wanted(self, only):
        return not only or any(self.name == word or self.name.startswith(word + "-")
                               for word in only)


def built(name):
    return os.path.join(BUILD, name)


def all_programs(coil_bin):
    script = os.path.join(BENCH, "peers", "python", "bench_asyncio.py")
    gxx_asio = ("g++", "libasio-dev")
    return [
        Program("bare", "limit", [built("switch_bare")], TASKS + ("queue",)),
        Program("epoll", "limit", [built("echo_epoll")], ECHO),
        Program("uring", "limit", [built("echo_uring")], ECHO, ("liburing-dev",)),
        Program("raw", "limit", [built("raw")], READS + SPAWN + UDP, ("liburing-dev",)),
        Program("epoll-hot", "hot", [built("echo_epoll")], ECHO, echo_word="echo-hot"),
        Program("openssl", "limit", [built("tls_epoll")], TLS, ("libssl-dev",)),
        Program("coil", "coil", [coil_bin], ALL),
        Program("coil-epoll", "coil", [coil_bin], ECHO + READS + SPAWN + UDP + TLS,
                env={"COIL_BACKEND": "epoll"}),
        Program("st", "peer", [built("bench_st")], TASKS + ECHO, ("libst-dev",)),
        Program("libuv", "peer", [built("bench_libuv")], ECHO + SPAWN + UDP, ("libuv1-dev",)),
        Program("asio-cb", "peer", [built("asio_callbacks")], ECHO, gxx_asio),
        Program("asio-co", "peer", [built("asio_coroutines")], TASKS + ECHO, gxx_asio),
        Program("go", "peer", [built("bench_go")], TASKS + ECHO, ("golang-go",)),
        Program("tokio", "peer", [built("bench_tokio")], TASKS + ECHO,
                ("cargo", "rustc", "librust-tokio-dev")),
        Program("asyncio", "peer", [DEBIAN_PYTHON, script, "asyncio"],
                TASKS + ECHO + SYNC + SPAWN + UDP, ("python3",)),
        Program("uvloop", "peer", [DEBIAN_PYTHON, script, "uvloop"],
                TASKS + ECHO + SYNC + SPAWN + UDP, ("python3-uvloop",)),
    ]


def all_works(connections):
    works = [Work(item, item, "ns", "ns") for item in MICRO]
    works += [Work(item, item, "cpu_ns", "ns CPU") for item in SYNC + READS + SPAWN]
    works.append(Work("sleep-100000", "sleep", "wall_s", "s", tasks=100000))
    works.append(Work("sleep-1000000", "sleep", "wall_s", "s", tasks=1000000))
    for size in (64, 16384):
        for count in connections:
            works.append(Work(f"echo-{size}-{count}", "echo", "cpu_us", "us CPU", size=size,
                              connections=count))
    works.append(Work("udp-64", "udp", "cpu_us", "us CPU", size=64))
    for size in (64, 16384):
        works.append(Work(f"tls-{size}-100", "tls", "cpu_us", "us CPU", size=size,
                          connections=100))
    works.append(Work("idle-8000", "idle", "kib_per_connection", "KiB/conn", connections=8000))
    return works
