#!/usr/bin/env python3
"""bench/run.py - runs coil, its limits and its peers side by side and prints one table (`make bench`).

    bench/run.py [--runs 5] [--seconds 0.5] [--only yield,echo-64,...] [--peers coil,bare,epoll,...]
                 [--connections 1,100,1000,8000] [--coil-bin PATH] [--details] [--write | --append]
                 [--no-build]

Builds with `make -C bench`, then runs every program that is installed on every work item it has a
concept for. Runs are interleaved: in each round every program does the item once, in rotating order,
so that a slow minute of the machine hits all of them. Micro-benchmarks and sleeps are pinned to one
CPU; an echo server is pinned to one CPU and the load client (bench/load/tcpload.c) to another.
Values are medians over the rounds. Ratios are medians of the ratios within each round, which is
steadier than a ratio of medians where the machine's speed drifts. A server gets several short windows
in each round, with those of the others between them: a time slice of the hypervisor's costs one window,
not the round. bench/report.py prints.
"""

import argparse
import ctypes
import os
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import time

import programs
import report

HOST = "127.0.0.1"
READY_TIMEOUT_S = 20
MICRO_TIMEOUT_S = 120
SLEEP_TIMEOUT_S = 300
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A program did not do its work; the text says why."""


class Cpus:
    """Where things are pinned: micro and load on the second CPU, servers on the first."""

    def __init__(self):
        cpus = sorted(os.sched_getaffinity(0))
        self.server = cpus[0]
        self.load = cpus[1] if len(cpus) > 1 else cpus[0]


def pinned(cpu):
    """What a child does before exec: runs on one CPU, and dies when the runner dies."""

    def prepare():
        os.sched_setaffinity(0, {cpu})
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return prepare


def end(process):
    """Kills a child and what it started; it is gone when this returns."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def start(argv, cpu, env=None):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=env, start_new_session=True,
                            preexec_fn=pinned(cpu))


def collect(argv, cpu, timeout, env=None):
    """Runs a child to its end and returns its key=value line as a dict."""
    process = start(argv, cpu, env)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"not done after {timeout:.0f} s") from error
    finally:
        end(process)
    if process.returncode != 0:
        lines = err.decode(errors="replace").strip().splitlines()
        raise Failed(f"exit {process.returncode}: {lines[-1] if lines else 'no message'}")
    for line in out.decode(errors="replace").splitlines():
        if line.startswith("item="):
            pairs = (word.split("=", 1) for word in line.split() if "=" in word)
            return {key: number(value) for key, value in pairs}
    raise Failed("printed no item= line")


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def wait_ready(process):
    """Reads the server's stdout until the line `ready`."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    seen = b""
    while b"ready" not in seen:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise Failed(f"the server was not ready after {READY_TIMEOUT_S} s")
        piece = os.read(process.stdout.fileno(), 4096)
        if not piece:
            lines = process.stderr.read().decode(errors="replace").strip().splitlines()
            raise Failed(f"the server ended: {lines[-1] if lines else 'no message'}")
        seen += piece


class Ports:
    """Hands out a fresh port below the ephemeral range for each server: no TIME_WAIT in the way."""

    def __init__(self):
        self.next = random.randrange(12000, 24000)

    def take(self):
        while True:
            self.next = self.next + 1 if self.next < 31000 else 12000
            with socket.socket() as probe:
                try:
                    probe.bind((HOST, self.next))
                    return self.next
                except OSError:
                    continue


def certificate():
    """A file with a certificate and its key, made with the openssl program when there is none."""
    path = programs.built("tls.pem")
    if not os.path.exists(path):
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "3650", "-subj", "/CN=localhost", "-keyout", path + ".key",
             "-out", path + ".part"], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise Failed("openssl makes no certificate: " + made.stderr.strip())
        with open(path + ".part", "a", encoding="ascii") as file:
            with open(path + ".key", encoding="ascii") as key:
                file.write(key.read())
        os.rename(path + ".part", path)
    return path


class Runner:
    def __init__(self, options):
        self.options = options
        self.cpus = Cpus()
        self.ports = Ports()
        self.load = programs.built("tcpload")
        self.read_file = None

    def run_tasks(self, program, work):
        argv = program.argv + [work.item]
        timeout = MICRO_TIMEOUT_S
        if work.item in programs.READS:
            argv.append(self.file_to_read())
        if work.tasks:
            argv.append(str(work.tasks))
            timeout = SLEEP_TIMEOUT_S
        values = collect(argv, self.cpus.load, timeout, program.env)
        if work.tasks:
            values["kib_per_task"] = values["rss_kib"] / work.tasks
        return values

    def file_to_read(self):
        """A file that the system has in memory."""
        if not self.read_file:
            self.read_file = programs.built("read_file")
            with open(self.read_file, "wb") as file:
                for _ in range(programs.READ_FILE_SIZE >> 20):
                    file.write(os.urandom(1 << 20))
        with open(self.read_file, "rb") as file:
            while file.read(1 << 20):
                pass
        return self.read_file

    def load_argv(self, work, port, pid):
        pid = ["--pid", str(pid)]
        warmup = ["--warmup", str(self.options.warmup)]
        seconds = str(self.options.seconds)
        if work.item == "idle":
            return [self.load, "idle", HOST, port, str(work.connections)] + pid
        if work.item in programs.UDP:
            return [programs.built("udpload"), HOST, port, str(programs.UDP_SOCKETS),
                    str(programs.UDP_WINDOW), str(work.size), seconds] + warmup + pid
        load = programs.built("tlsload") if work.item in programs.TLS else self.load
        return [load, HOST, port, str(work.connections), str(work.size), seconds] + warmup + pid

    def run_server(self, program, work):
        port = str(self.ports.take())
        seconds = self.options.seconds
        argv = program.command(work)
        if work.item == "tls":
            argv = argv + ["tls-echo", port, certificate()]
        else:
            word = program.echo_word if work.item in programs.ECHO else work.item
            argv = argv + [word, port]
        server = start(argv, self.cpus.server, program.env)
        try:
            wait_ready(server)
            return collect(self.load_argv(work, port, server.pid), self.cpus.load,
                           60 + 3 * seconds)
        finally:
            end(server)

    def run(self, program, work):
        if work.item in programs.ECHO + programs.UDP + programs.TLS:
            return self.run_server(program, work)
        return self.run_tasks(program, work)


def memory_available_kib():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1])
    return 0


def back_memory(work, cpu):
    """Touches once as much memory as a sleep run will need, in a child that then ends.

    On a virtual machine the first touch of memory that the host has not backed yet costs several
    times a page fault; without this the first program of a round would pay it for all.
    """
    size = min(work.tasks * 5 * 1024, memory_available_kib() * 1024 * 3 // 4)
    code = ("import mmap, sys; mmap.mmap(-1, int(sys.argv[1]), "
            "flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x8000)")  # MAP_POPULATE
    child = start([sys.executable, "-c", code, str(size)], cpu)
    try:
        child.wait(SLEEP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        end(child)


def raise_file_limit(needed):
    """Raises RLIMIT_NOFILE to the hard limit, and as root the hard one too. True if enough."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < needed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
            return True
        except (ValueError, OSError):
            pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard >= needed


def choose_works(options):
    works = []
    for work in programs.all_works(options.connections):
        if not work.is_wanted(options.only):
            continue
        if work.connections and not raise_file_limit(work.connections + 200):
            print(f"skip {work.name}: RLIMIT_NOFILE is too low", file=sys.stderr)
        elif work.tasks >= 1000000 and memory_available_kib() < 6 * 1024 * 1024:
            print(f"skip {work.name}: needs 6 GiB of free memory", file=sys.stderr)
        else:
            works.append(work)
    return works


def choose_programs(options):
    chosen = []
    for program in programs.all_programs(options.coil_bin):
        if options.peers and program.name not in options.peers:
            continue
        missing = program.missing()
        if missing:
            print(f"skip {program.name}: {missing}", file=sys.stderr)
        else:
            chosen.append(program)
    return chosen


def measure(options, chosen, works):
    """Returns {(work name, program name): [dict or None per round]}."""
    runner = Runner(options)
    results = {}
    complaints = set()

    def run_all(work, able):
        for program in able:
            key = (work.name, program.name)
            try:
                values = runner.run(program, work)
            except Failed as error:
                values = None
                if (key, str(error)) not in complaints:
                    complaints.add((key, str(error)))
                    print(f"{work.name}: {program.name}: {error}", file=sys.stderr)
            results.setdefault(key, []).append(values)

    for turn in range(options.runs):
        for work in works:
            able = [p for p in chosen if work.item in p.items]
            began = time.monotonic()
            if work.tasks:
                back_memory(work, runner.cpus.load)
            windows = options.windows if work.item in programs.WINDOWED else 1
            for window in range(windows):
                shift = (turn * windows + window) % len(able) if able else 0
                run_all(work, able[shift:] + able[:shift])
            print(f"round {turn + 1}/{options.runs} {work.name} "
                  f"{time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return results


def parse_args():
    def words(text):
        return [word for word in text.split(",") if word]

    def counts(text):
        return [int(word) for word in words(text)]

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--windows", type=int, default=3,
                        help="of each server in a round: short ones side by side compare better "
                             "than long ones")
    parser.add_argument("--seconds", type=float, default=0.5, help="measured in one window")
    parser.add_argument("--warmup", type=float, default=0.2)
    parser.add_argument("--only", type=words, default=[],
                        help="yield,create,handover,lock,queue,files,spawn,sleep,echo,udp,tls,"
                             "idle or names as echo-64-100")
    parser.add_argument("--peers", type=words, default=[], help="names of the columns to run")
    parser.add_argument("--connections", type=counts, default=[1, 100, 1000, 8000])
    parser.add_argument("--coil-bin",
                        default=os.path.join(programs.ROOT, "build", "bench", "coil_bench"))
    parser.add_argument("--details", action="store_true",
                        help="also print requests/s, latencies and RSS of every echo run")
    parser.add_argument("--write", action="store_true", help="write bench/RESULTS.md")
    parser.add_argument("--append", action="store_true", help="add to it what is measured now")
    parser.add_argument("--no-build", action="store_true")
    options = parser.parse_args()
    options.coil_bin = os.path.abspath(options.coil_bin)
    known = {program.name for program in programs.all_programs(options.coil_bin)}
    unknown = [name for name in options.peers if name not in known]
    if unknown:
        parser.error(f"unknown --peers {','.join(unknown)}; known: {','.join(sorted(known))}")
    return options


def main():
    options = parse_args()
    # A plain `kill` unwinds like Ctrl-C does, through the `finally` that ends the children.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not options.no_build and subprocess.run(["make", "-C", programs.BENCH], check=False,
                                               stdout=sys.stderr).returncode:
        sys.exit("bench/run.py: the build failed")
    works = choose_works(options)
    chosen = choose_programs(options)
    if not works or not chosen:
        sys.exit("bench/run.py: nothing to run")
    machine = report.Machine()
    results = measure(options, chosen, works)
    machine.finish()
    page = report.Report(chosen, works, results)
    print(page.main_table(report.PLAIN))
    if options.details:
        print("\n" + page.details_table(report.PLAIN))
    print("\n" + "\n".join(page.bars()))
    if options.write or options.append:
        path = os.path.join(programs.BENCH, "RESULTS.md")
        make = report.results_page if options.write else report.more_results
        with open(path, "w" if options.write else "a", encoding="utf-8") as file:
            file.write(make(page, machine, options, programs.ROOT))
        print(f"\nwritten: {path}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("bench/run.py: interrupted")
