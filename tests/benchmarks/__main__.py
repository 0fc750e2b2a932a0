"""``make bench``: what Watchbook costs and how fast an alert leaves, measured on real processes.

Prints figures; no figure makes it fail.  ``--quick`` is a small run that shows that the benchmarks work: its figures
say little.
"""

import argparse
import statistics
import sys
from typing import NamedTuple

from tests.benchmarks.agent_cost import measure_idle, measure_lines, measure_memory
from tests.benchmarks.agent_latency import Acknowledged, measure_to_collector, measure_to_sink
from tests.benchmarks.agent_stand import CASES
from tests.benchmarks.calibration import calibrate
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.latency import measure_latency
from tests.benchmarks.throughput import Throughput, machine, measure_throughput
from tests.progress import clear, progress

_CPU_GOALS = {
    "JSON": 6.0, "nginx combined": 7.0, "syslog 5424": 7.0, "logfmt": 9.0, "sshd": 6.5, "auditd, a record": 8.0,
    "CloudTrail": 12.0, "Kubernetes audit": 12.0,
}  # fmt: skip
_CASES = tuple(case.name for case in CASES)
_PARTS = ("lines", "memory", "idle", "latency", "alert", "whole")
_RATE = 1000
_ALERT_GOAL = 1000
_WHOLE_LINES_MAX = 400_000


class Size(NamedTuple):
    """How much is measured."""

    lines: int
    runs: int
    seconds: float
    backlog: int
    files: int
    idle_seconds: float
    rules: int
    cases: tuple[str, ...] = _CASES


_FULL = Size(1_000_000, 5, 30, 1_000_000, 5_000, 30, 3_000)
_QUICK = Size(20_000, 1, 5, 50_000, 500, 4, 300)


def main() -> int:
    """Run the benchmarks and print their figures."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run")
    parser.add_argument("--lines", type=int, help="lines of each run for CPU (1000000; quick: 20000)")
    parser.add_argument("--runs", type=int, help="runs of which the median is shown (5; quick: 1)")
    parser.add_argument("--seconds", type=float, help="length of the runs at 1000 lines a second (30; quick: 5)")
    parser.add_argument(
        "--case", dest="cases", action="append", choices=_CASES,
        help="lines of this log only; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--rules", type=int, help="rules beside the shipped ones in a second run of part 'alert' (3000; quick: 300)"
    )
    parser.add_argument("--only", action="append", choices=_PARTS, help="measure this part only; may be given again")
    arguments = parser.parse_args()
    size = _QUICK if arguments.quick else _FULL
    given = {
        name: value
        for name in ("lines", "runs", "seconds", "rules", "cases")
        if (value := getattr(arguments, name)) is not None
    }
    size = size._replace(**given)
    parts = {"lines": _lines, "memory": _memory, "idle": _idle, "latency": _latency, "alert": _alert, "whole": _whole}
    print(f"machine: {machine()}, calibration {calibrate():.3f} s")
    print("The agent alone is measured against a sink that only acknowledges; 'collector' means a real one.")
    figures: list[Figure] = []
    for part in arguments.only or _PARTS:
        found = parts[part](size)
        clear()
        print(table(found), end="\n\n", flush=True)
        figures += found
    print(f"machine: {machine()}, calibration {calibrate():.3f} s\n")
    print(table(figures))
    return 0


def _lines(size: Size) -> list[Figure]:
    figures = []
    for case in CASES:
        if case.name not in size.cases:
            continue
        if not case.is_possible:
            print(f"agent, {case.name}: left out, there is no profile '{case.profile}'")
            continue
        found = measure_lines(case, size.lines, size.runs, progress())
        median, calibration_s = found.median
        spread = (
            f"{min(found.cpu_s):.2f} to {max(found.cpu_s):.2f} in {size.runs} runs; {found.line_bytes} bytes a line"
        )
        name = f"agent, {case.name}"
        figures.append(Figure(name, median, "CPU s per million", _CPU_GOALS[case.name], calibration_s, spread))
    return figures


def _memory(size: Size) -> list[Figure]:
    found = measure_memory(_RATE, size.seconds, size.backlog, progress())
    return [
        Figure("agent, idle", found.idle / 1e6, "MB resident", 42),
        Figure(f"agent, {_RATE:,} lines a second", found.steady / 1e6, "MB resident", 46, None, "the most seen"),
        Figure(f"agent, draining {found.backlog_lines:,} lines", found.backlog / 1e6, "MB resident", 55, None, "peak"),
    ]


def _idle(size: Size) -> list[Figure]:
    found = measure_idle(size.files, size.idle_seconds, progress())
    name, resident = f"agent, {found.files:,} files at rest", f"{found.resident / 1e6:.1f} MB resident"
    return [Figure(name, found.cpu * 100, "% of a core", 0.5, calibrate(), resident)]


def _latency(size: Size) -> list[Figure]:
    figures: list[Figure] = []
    for name, found in (
        ("append -> sink", measure_to_sink(_RATE, size.seconds, progress())),
        ("append -> collector", measure_to_collector(_RATE, size.seconds, progress())),
    ):
        figures += _acknowledged(name, found)
    return figures


def _acknowledged(name: str, found: Acknowledged) -> list[Figure]:
    rate = f"{found.lines:,} lines at {found.rate:,} a second"
    return [
        Figure(f"{name}, p50", found.percentile(0.5), "ms", 30, None, rate),
        Figure(f"{name}, p99", found.percentile(0.99), "ms", 60, None, f"worst {found.milliseconds[-1]:.0f} ms"),
        Figure(f"{name}, agent's CPU", found.agent_cpu * 100, "% of a core", 4, calibrate()),
    ]


def _alert(size: Size) -> list[Figure]:
    return [
        *_alert_with(size, 0, "shipped rules"),
        *(_alert_with(size, size.rules, f"{size.rules:,} rules more") if size.rules else ()),
    ]


def _alert_with(size: Size, rules: int, words: str) -> list[Figure]:
    found = measure_latency(_RATE, size.seconds, progress(), rules=rules)
    arrived = f"{len(found.seconds)} of {found.probes} alerts arrived"
    if not found.seconds:
        return [Figure(f"append -> webhook, {words}", float("nan"), "ms", None, None, arrived)]
    worst = f"worst {found.seconds[-1] * 1000:.0f} ms"
    return [
        Figure(f"append -> webhook, {words}, p50", found.percentile(0.5) * 1000, "ms", None, None, arrived),
        Figure(f"append -> webhook, {words}, p99", found.percentile(0.99) * 1000, "ms", _ALERT_GOAL, None, worst),
        Figure(f"collector's CPU meanwhile, {words}", found.collector_cpu * 100, "% of a core", None, calibrate()),
    ]


def _whole(size: Size) -> list[Figure]:
    figures: list[Figure] = []
    for title, rules_off in (("shipped rules", False), ("no rules", True)):
        runs = [_one(size, rules_off=rules_off) for _ in range(1 if size.runs < 3 else 3)]
        for program in ("agent", "collector"):
            costs = [getattr(found, program) for found, _ in runs]
            cpu = statistics.median(cost.cpu_s for cost in costs) / runs[0][0].lines * 1e6
            peak = f"peak {max(cost.peak_bytes for cost in costs) / 1e6:.0f} MB"
            name = f"{program}, JSON to a collector, {title}"
            figures.append(Figure(name, cpu, "CPU s per million", None, statistics.median(c for _, c in runs), peak))
        stored = statistics.median(found.stored_bytes / found.lines for found, _ in runs)
        rate = statistics.median(found.lines / found.seconds for found, _ in runs)
        figures.append(Figure(f"stored, {title}", stored, "bytes an event", None, None, f"{rate:,.0f} events a second"))
    return figures


def _one(size: Size, *, rules_off: bool) -> tuple[Throughput, float]:
    calibration_s = calibrate()
    return measure_throughput(min(size.lines, _WHOLE_LINES_MAX), progress(), rules_off=rules_off), calibration_s


if __name__ == "__main__":
    sys.exit(main())
