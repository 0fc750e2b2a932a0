"""``make bench``: what Watchbook costs and how fast an alert leaves, measured on real processes.

Prints figures; no figure makes it fail.  ``--quick`` is a small run that shows that the benchmarks work.
"""

import argparse
import sys

from tests.benchmarks.latency import Latency, measure_latency
from tests.benchmarks.throughput import Cost, Throughput, machine, measure_throughput
from tests.progress import clear, progress


def main() -> int:
    """Run the benchmarks and print their figures."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run")
    parser.add_argument("--lines", type=int, help="lines of the throughput run (400000; quick: 20000)")
    parser.add_argument("--seconds", type=float, help="length of the latency run (30; quick: 5)")
    arguments = parser.parse_args()
    lines = arguments.lines or (20_000 if arguments.quick else 400_000)
    seconds = arguments.seconds or (5 if arguments.quick else 30)
    print(f"machine: {machine()}")
    _show_latency(measure_latency(1000, seconds, progress()))
    _show_throughput("shipped rules on", measure_throughput(lines, progress()))
    _show_throughput("rules off", measure_throughput(lines, progress(), rules_off=True))
    return 0


def _show_latency(latency: Latency) -> None:
    clear()
    arrived = f"{len(latency.seconds)} of {latency.probes} alerts arrived"
    print(f"append of a line -> webhook, {latency.rate} lines a second, {arrived}:")
    if latency.seconds:
        p50, p99 = latency.percentile(0.5) * 1000, latency.percentile(0.99) * 1000
        print(f"  p50 {p50:.0f} ms   p99 {p99:.0f} ms   worst {latency.seconds[-1] * 1000:.0f} ms")
    print(f"  CPU of a core meanwhile: agent {latency.agent_cpu:.1%}, collector {latency.collector_cpu:.1%}")


def _show_throughput(title: str, found: Throughput) -> None:
    clear()
    print(f"{found.lines:,} JSON lines of {found.line_bytes} bytes, {title}:")
    print(f"  {'':<10} {'CPU s per million':>18} {'peak memory':>12} {'before':>8}")
    for name, cost in (("agent", found.agent), ("collector", found.collector)):
        memory = f"{_mib(cost.peak_bytes):>12} {_mib(cost.idle_bytes):>8}"
        print(f"  {name:<10} {_per_million(cost, found.lines):>18.2f} {memory}")
    print(f"  stored: {found.stored_bytes / found.lines:.0f} bytes an event; wall {found.seconds:.1f} s,", end=" ")
    print(f"{found.lines / found.seconds:,.0f} events a second")


def _per_million(cost: Cost, lines: int) -> float:
    return cost.cpu_s / lines * 1e6


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


if __name__ == "__main__":
    sys.exit(main())
