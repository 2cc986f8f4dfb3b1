#!/usr/bin/env python3
"""bench/web.py - HTTP and WebSocket, side by side with their peers (`make bench-web`).

    bench/web.py [--runs 5] [--windows 3] [--seconds 0.5] [--only hello,deep,...]
                 [--peers coil,nginx,...] [--write | --append] [--no-build]

A server is pinned to one CPU and the load (wrk, h2load, bench/load) to another. What counts is the
server's CPU time for one request: that of all threads of its processes, over the requests that the
load counts. Windows are interleaved as those of bench/run.py, whose pieces this uses.
bench/web_programs.py says what is run.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time

import programs
import report
import run
import web_programs

READY_TIMEOUT_S = 20


def processes_of(group):
    """The processes of a group."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                    if int(file.read().rsplit(") ", 1)[1].split()[2]) == group:
                        found.append(name)
            except (OSError, IndexError):
                pass
    return found


def cpu_ns(group):
    """CPU time of all threads there are in a group of processes."""
    total = 0
    for process in processes_of(group):
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{thread}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        except OSError:
            pass
    return total


def rss_kib(group):
    total = 0
    for process in processes_of(group):
        try:
            with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
                match = re.search(r"VmRSS:\s+(\d+)", file.read())
                total += int(match.group(1)) if match else 0
        except OSError:
            pass
    return total


def wait_for_port(process, port):
    """Until it accepts: not every server says that it is ready."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        with run.socket.socket() as probe:
            if probe.connect_ex((run.HOST, int(port))) == 0:
                return
        if process.poll() is not None:
            lines = process.stderr.read().decode(errors="replace").strip().splitlines()
            raise run.Failed(f"the server ended: {lines[-1] if lines else 'no message'}")
        if time.monotonic() > deadline:
            raise run.Failed(f"the server was not ready after {READY_TIMEOUT_S} s")
        time.sleep(0.02)


class Load:
    """Runs a load client for some seconds; how many requests it made."""

    def __init__(self, cpu):
        self.cpu = cpu

    def output(self, argv, seconds):
        process = run.start(argv, self.cpu)
        try:
            out, err = process.communicate(timeout=seconds + 60)
        except subprocess.TimeoutExpired as error:
            raise run.Failed("the load does not end") from error
        finally:
            run.end(process)
        text = out.decode(errors="replace")
        if process.returncode != 0:
            raise run.Failed(f"{os.path.basename(argv[0])}: " + err.decode(errors="replace")[-200:])
        return text

    def requests(self, work, port, seconds):
        argv = web_programs.load_argv(work, port, seconds)
        text = self.output(argv, seconds)
        if work.item in web_programs.BY_H2LOAD:
            match = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", text)
            failed = match and int(match.group(2)) > 0
        else:
            match = re.search(r"(\d+) requests in", text)
            failed = "Non-2xx" in text
        if not match or failed:
            raise run.Failed("not all was answered well: " + text[-300:])
        return int(match.group(1))


class Runner:
    def __init__(self, options):
        self.options = options
        self.cpus = run.Cpus()
        self.ports = run.Ports()
        self.load = Load(self.cpus.load)

    def run(self, server, work):
        port = str(self.ports.take())
        process = run.start(server.command(work, port), self.cpus.server, server.env)
        try:
            wait_for_port(process, port)
            if work.item in web_programs.BY_TCPLOAD:
                return run.collect(
                    web_programs.tcpload_argv(server, work, port, self.options.seconds,
                                              process.pid), self.cpus.load, 120)
            self.load.requests(work, port, self.options.warmup)
            before, began = cpu_ns(process.pid), time.monotonic()
            count = self.load.requests(work, port, self.options.seconds)
            took = time.monotonic() - began
            return {"cpu_us": (cpu_ns(process.pid) - before) / 1000.0 / max(count, 1),
                    "rps": count / took, "rss_kib": rss_kib(process.pid)}
        finally:
            run.end(process)


class ClientRunner(Runner):
    """Here the load is what is measured: clients of one nginx."""

    def run(self, server, work):
        port = str(self.ports.take())
        nginx = run.start(web_programs.nginx_for_clients(port), self.cpus.server)
        try:
            wait_for_port(nginx, port)
            values = run.collect(server.command(work, port), self.cpus.load, 60, server.env)
            return {"cpu_us": values["cpu_us"], "rps": values["rps"]}
        finally:
            run.end(nginx)


class ParserRunner(Runner):
    """No server and no load: the head of a browser's request, parsed again and again. The program
    has both parsers take turns; its first lines are those of that request."""

    def run(self, server, work):
        process = run.start([web_programs.parser_bench()], self.cpus.load)
        out = process.communicate(timeout=60)[0].decode()
        found = re.search(rf"^{server.name} .* ([0-9.]+) ns a head", out, re.MULTILINE)
        if not found:
            raise run.Failed("is not in the build: libh2o-evloop-dev was missing")
        return {"ns": float(found[1])}


def measure(options, servers, works):
    others = {"client": ClientRunner(options), "parser": ParserRunner(options)}
    servants = Runner(options)
    results = {}
    complaints = set()
    for turn in range(options.runs):
        for work in works:
            able = [server for server in servers if work.item in server.items]
            for window in range(1 if work.item in ("idle", "parser") else options.windows):
                shift = (turn * options.windows + window) % len(able) if able else 0
                for server in able[shift:] + able[:shift]:
                    key = (work.name, server.name)
                    try:
                        values = others.get(work.item, servants).run(server, work)
                    except run.Failed as error:
                        values = None
                        if (key, str(error)) not in complaints:
                            complaints.add((key, str(error)))
                            print(f"{work.name}: {server.name}: {error}", file=sys.stderr)
                    results.setdefault(key, []).append(values)
            print(f"round {turn + 1}/{options.runs} {work.name}", file=sys.stderr, flush=True)
    return results


def bars(page, works):
    lines = []
    for work in works:
        for bar in web_programs.BARS.get(work.name, ()):
            lines.append(one_bar(page, work, *bar))
    return lines


def one_bar(page, work, other, most):
    """coil at most `most` times of `other` ('*': of each peer; a number: that value)."""
    if other is None:
        value = page.median(work, "coil", work.metric)
        return report.bar_line(f"{work.name} <= {most} {work.unit}", value, work.unit,
                               value is not None and value <= most)
    if other == "*":
        pairs = [(page.ratio(work, "coil", p.name, work.metric), p.name) for p in page.chosen
                 if p.kind == "peer"]
        pairs = [pair for pair in pairs if pair[0] is not None]
        ratio, name = max(pairs) if pairs else (None, "every peer")
        what = f"{work.name} ahead of every peer (nearest: {name})"
    else:
        ratio, name = page.ratio(work, "coil", other, work.metric), other
        what = f"{work.name} <= {most:.3g}x {other}"
    return report.bar_line(what, ratio, f"x {name}", ratio is not None and ratio <= most)


def choose(options):
    servers = []
    for server in web_programs.all_servers():
        if options.peers and server.name not in options.peers:
            continue
        missing = server.missing()
        if missing:
            print(f"skip {server.name}: {missing}", file=sys.stderr)
        else:
            servers.append(server)
    works = [work for work in web_programs.all_works() if work.is_wanted(options.only)]
    for work in list(works):
        if work.connections > 1000 and not run.raise_file_limit(work.connections + 200):
            print(f"skip {work.name}: RLIMIT_NOFILE is too low", file=sys.stderr)
            works.remove(work)
    return servers, works


def parse_args():
    def words(text):
        return [word for word in text.split(",") if word]

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--windows", type=int, default=3, help="of each server in a round")
    parser.add_argument("--seconds", type=float, default=1, help="measured in one window (wrk and "
                        "h2load take whole seconds)")
    parser.add_argument("--warmup", type=float, default=1)
    parser.add_argument("--only", type=words, default=[], help="names of rows")
    parser.add_argument("--peers", type=words, default=[], help="names of the columns to run")
    parser.add_argument("--write", action="store_true", help="write bench/RESULTS-WEB.md")
    parser.add_argument("--append", action="store_true", help="add to it what is measured now")
    parser.add_argument("--no-build", action="store_true")
    return parser.parse_args()


def page_of(page, works, machine, options):
    title = ("# HTTP and WebSocket\n\nWritten by `bench/web.py --write`; do not edit. Medians of "
             f"{options.runs} interleaved rounds; in brackets the ratio to the limit, which parses "
             "nothing.\n" if options.write else
             f"\n## Again, {options.runs} runs: {', '.join(options.only) or 'all'}\n")
    lines = [title] + report.conditions(machine, options, programs.ROOT)
    for server in page.chosen:
        if server.kind == "peer" and server.version():
            lines.append(f"- {server.name}: {server.version()}")
    lines += ["", page.main_table(report.MARKDOWN), ""]
    return "\n".join(lines + [f"- {line}" for line in bars(page, works)]) + "\n"


def main():
    options = parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not options.no_build and subprocess.run(["make", "-C", programs.BENCH, "web"], check=False,
                                               stdout=sys.stderr).returncode:
        sys.exit("bench/web.py: the build failed")
    servers, works = choose(options)
    if not works or not servers:
        sys.exit("bench/web.py: nothing to run")
    machine = report.Machine()
    page = report.Report(servers, works, measure(options, servers, works))
    machine.finish()
    print(page.main_table(report.PLAIN))
    print("\n" + "\n".join(bars(page, works)))
    if options.write or options.append:
        path = os.path.join(programs.BENCH, "RESULTS-WEB.md")
        with open(path, "w" if options.write else "a", encoding="utf-8") as file:
            file.write(page_of(page, works, machine, options))
        print(f"\nwritten: {path}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("bench/web.py: interrupted")
