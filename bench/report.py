"""bench/report.py - turns the measurements of bench/run.py into tables, bars and bench/RESULTS.md.

Measures nothing. A value is the median over the rounds; a ratio is the median of the ratios within
each round. The limit of a work item is `bare`, for echo the raw server (epoll or io_uring, a buffer
per connection) whose median is lower. epoll-hot, which reads all connections into one buffer, is
shown but is not the limit that the bars speak of.
"""

import os
import platform
import shutil
import statistics
import subprocess
import time

PLAIN = "plain"
MARKDOWN = "markdown"

# Work -> most times the limit that coil may take; None: it only has to be ahead of every peer.
RATIO_BARS = {
    "yield": 3.0,
    "create": 2.0,
    "handover": 3.0,
    "sleep-1000000": 1.2,
    "queue": 6.0,
    "files": 1.11,
    "spawn": 1.10,
    "udp-64": 1.10,
    "echo-64-100": 1.05,
    "echo-64-1000": 1.08,
    "echo-64-8000": 1.10,
    "echo-16384-1": None,
    "echo-16384-100": 1.10,
    "echo-16384-1000": None,
    "echo-16384-8000": None,
    "tls-64-100": 1.10,
    "tls-16384-100": 1.10,
}
NOT_A_RACE = ("sleep-1000000", "queue", "files", "spawn", "udp-64", "tls-64-100",
              "tls-16384-100")
LOCK_NS_BAR = 5.0
KIB_PER_TASK_BAR = 4.4
KIB_PER_IDLE_BAR = 6.0


def layout(head, rows, style):
    """Rows of text cells as an aligned table; the first column left, the others right."""
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]

    def line(cells):
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        return "| " + " | ".join(padded) + " |" if style == MARKDOWN else "  ".join(padded)

    if style == MARKDOWN:
        rule = "|" + "|".join(["-" * (widths[0] + 2)] + ["-" * (w + 1) + ":" for w in widths[1:]])
        rule += "|"
    else:
        rule = "-" * len(line(head))
    return "\n".join([line(head), rule] + [line(row) for row in rows])


def short(value):
    """Three significant digits, without exponent."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Report:
    def __init__(self, chosen, works, results):
        self.chosen = chosen
        self.works = works
        self.results = results

    def values(self, work, name, key):
        rounds = self.results.get((work.name, name), [])
        return [r.get(key) if r else None for r in rounds]

    def median(self, work, name, key):
        values = [v for v in self.values(work, name, key) if v is not None]
        return statistics.median(values) if values else None

    def ratio(self, work, name, other, key):
        """The median over rounds of name / other, or None."""
        pairs = zip(self.values(work, name, key), self.values(work, other, key))
        ratios = [a / b for a, b in pairs if a is not None and b]
        return statistics.median(ratios) if ratios else None

    def limit(self, work):
        """The name of the limit for this work, or None."""
        if work.item == "idle":
            return None
        best = None
        for program in self.chosen:
            value = self.median(work, program.name, work.metric)
            if program.kind == "limit" and value is not None:
                if best is None or value < best[0]:
                    best = (value, program.name)
        return best[1] if best else None

    def has(self, work, name):
        return self.median(work, name, work.metric) is not None

    # ---- tables ------------------------------------------------------------------------------

    def cell(self, work, program, key):
        if work.item not in program.items:
            return ""
        value = self.median(work, program.name, key)
        if value is None:
            return "failed"
        limit = self.limit(work)
        ratio = self.ratio(work, program.name, limit, key) if limit else None
        return short(value) + (f" ({short(ratio)}x)" if ratio is not None else "")

    def main_table(self, style):
        """One row per work item, one column per program: median (ratio to the limit)."""
        head = ["work"] + [program.name for program in self.chosen]
        rows = []
        for work in self.works:
            rows.append([f"{work.name} [{work.unit}]"] +
                        [self.cell(work, p, work.metric) for p in self.chosen])
            if work.tasks:
                rows.append([f"{work.name} [KiB/task]"] +
                            [self.cell(work, p, "kib_per_task") for p in self.chosen])
        return layout(head, rows, style)

    def details_table(self, style):
        """One row per echo run: what the load client and /proc say."""
        keys = [("cpu_us", "CPU us/req"), ("rps", "req/s"), ("p50_us", "p50 us"),
                ("p99_us", "p99 us"), ("rss_kib", "RSS KiB"), ("client_cpu_us", "client us/req")]
        head = ["work", "program"] + [title for _, title in keys]
        rows = []
        for work in self.works:
            if work.item == "echo":
                for program in self.chosen:
                    if self.has(work, program.name):
                        rows.append([work.name, program.name] + [
                            short(self.median(work, program.name, key)) for key, _ in keys])
        return layout(head, rows, style) if rows else "no echo run was made"

    # ---- bars --------------------------------------------------------------------------------

    def bars(self):
        """One line per bar of the goal: what was measured, and whether it is met."""
        lines = []
        by_name = {work.name: work for work in self.works}
        for name, most in RATIO_BARS.items():
            if name in by_name:
                lines += self.ratio_bar(by_name[name], most)
        for name, key, most, unit in (
                ("lock", "cpu_ns", LOCK_NS_BAR, "ns a pair"),
                ("sleep-1000000", "kib_per_task", KIB_PER_TASK_BAR, "KiB RSS a task"),
                ("idle-8000", "kib_per_connection", KIB_PER_IDLE_BAR, "KiB RSS a connection")):
            if name in by_name:
                value = self.median(by_name[name], "coil", key)
                lines.append(bar_line(f"{name} <= {most} {unit}", value, unit,
                                      value is not None and value <= most))
        return lines

    def ratio_bar(self, work, most):
        lines = []
        limit = self.limit(work)
        if most is not None:
            ratio = self.ratio(work, "coil", limit, work.metric) if limit else None
            lines.append(bar_line(f"{work.name} <= {most}x {limit or 'the limit'}", ratio, "x",
                                  ratio is not None and ratio <= most))
        if work.name in NOT_A_RACE:
            return lines
        peers = [(self.ratio(work, "coil", p.name, work.metric), p.name)
                 for p in self.chosen if p.kind == "peer" and self.has(work, p.name)]
        peers = [pair for pair in peers if pair[0] is not None]
        nearest = max(peers) if peers else (None, "every peer")
        lines.append(bar_line(f"{work.name} ahead of every peer (nearest: {nearest[1]})",
                              nearest[0], f"x {nearest[1]}",
                              nearest[0] is not None and nearest[0] < 1.0))
        return lines


def bar_line(what, value, unit, is_met):
    if value is None:
        return f"bar: {what}: not measured"
    return f"bar: {what}: measured {value:.2f} {unit}: {'met' if is_met else 'NOT met'}"


# ---- RESULTS.md ----------------------------------------------------------------------------------

class Machine:
    """Describes the machine; finish() adds how much CPU others took while we measured."""

    def __init__(self):
        self.cpu = "unknown CPU"
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    self.cpu = line.split(":", 1)[1].strip()
                    break
        self.kernel = platform.release().split("-")[0]
        self.cores = os.cpu_count()
        self.date = time.strftime("%Y-%m-%d")
        self.load = os.getloadavg()[0]
        self.began = self.ticks()
        self.steal = 0.0

    @staticmethod
    def ticks():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(word) for word in file.readline().split()[1:9]]
        return sum(fields), fields[7]

    def finish(self):
        total, steal = (now - then for now, then in zip(self.ticks(), self.began))
        self.steal = 100.0 * steal / total if total else 0.0


def first_line(argv, directory=None):
    if not shutil.which(argv[0]):
        return ""
    run = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False)
    return run.stdout.splitlines()[0] if run.returncode == 0 and run.stdout else ""


def conditions(machine, options, root):
    commit = first_line(["git", "describe", "--always", "--dirty"], root) or "unknown"
    return [
        f"- date: {machine.date}; coil at {commit}",
        f"- machine: {machine.cpu}, {machine.cores} cores, Linux {machine.kernel}; load average "
        f"{machine.load:.2f} at the start, {machine.steal:.1f} % of CPU time stolen by the "
        "hypervisor meanwhile",
        f"- compiler: {first_line(['gcc', '--version']) or 'unknown'}",
        f"- echo, udp, tls: {options.windows} windows a round, {options.seconds:g} s each after "
        f"{options.warmup:g} s of warm-up; server and load client on a CPU each; `us CPU` is the "
        "server's CPU time per request",
    ]


def more_results(page, machine, options, root):
    """A part that was measured once more, to stand behind the page."""
    page.chosen = [program for program in page.chosen
                   if any(page.has(work, program.name) for work in page.works)]
    out = ["", f"## Again, {options.runs} runs: {', '.join(options.only) or 'all'}", ""]
    out += conditions(machine, options, root)
    out += ["", page.main_table(MARKDOWN), ""]
    out += [f"- {line}" for line in page.bars()]
    return "\n".join(out) + "\n"


def results_page(page, machine, options, root):
    out = [
        "# Results of `make bench`",
        "",
        "Written by `bench/run.py --write`; do not edit. Medians of "
        f"{options.runs} interleaved runs; in brackets the ratio to the limit (median of the "
        "ratios within each round). `bare`, `epoll` and `uring` are hand-written limits; "
        "`epoll-hot` reads all connections into one buffer and is not the limit of any bar. "
        "HTTP and WebSocket have [a page of their own](RESULTS-WEB.md).",
        "",
    ]
    out += conditions(machine, options, root)
    for program in page.chosen:
        version = program.version()
        if program.kind == "peer" and version:
            out.append(f"- {program.name}: {version}")
    out += ["", "## Medians", "", page.main_table(MARKDOWN), "", "## Bars", ""]
    out += [f"- {line}" for line in page.bars()]
    if any(work.item == "echo" for work in page.works):
        out += ["", "## Echo in detail", "", page.details_table(MARKDOWN)]
    return "\n".join(out) + "\n"
