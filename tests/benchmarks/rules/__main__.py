"""``make bench-rules``: events a second that one core puts to 1, 100, 1,000 and 3,000 rules and to the shipped ones.

Prints figures only.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from collector.detect import DetectSettings, Engine, RuleSet, load_rules
from tests.benchmarks.calibration import calibrate
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.rules.activity import BATCH, decoded_block, encoded_batches
from tests.benchmarks.rules.community import write_rules
from tests.benchmarks.rules.correlations import measure_correlations
from tests.benchmarks.rules.shipped import measure_shipped
from tests.benchmarks.rules.sources import SOURCES, Source
from tests.benchmarks.throughput import machine
from tests.progress import clear, progress

_GOALS = {100: 250_000, 3000: 100_000}
_WORST_RULES, _WORST_GOAL = 1400, 4_000


class _Case(NamedTuple):
    name: str
    rules: int
    goal: int | None
    sources: tuple[Source, ...]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-rules ARGS=…", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=300_000, help="events of each run (300000)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the median is shown (3)")
    parser.add_argument("--groups", type=int, default=100_000, help="groups of a correlation (100000)")
    arguments = parser.parse_args()
    print(f"machine: {machine()}, calibration {calibrate():.3f} s")
    process = tuple(source for source in SOURCES if source.profile == "process")
    cases = [_Case(f"{count:,} rules", count, _GOALS.get(count), SOURCES) for count in (1, 100, 1000, 3000)]
    cases.append(_Case(f"{_WORST_RULES:,} rules in one log source", _WORST_RULES, _WORST_GOAL, process))
    figures = measure_shipped(arguments.events, arguments.repeats, progress())
    for case in cases:
        figures += _measure(case, arguments.events, arguments.repeats)
    with tempfile.TemporaryDirectory(prefix="watchbook-rules-") as folder:
        figures += measure_correlations(Path(folder), max(BATCH, arguments.events), arguments.groups, progress())
    clear()
    print(table(figures))
    return 0


def _measure(case: _Case, events: int, repeats: int) -> list[Figure]:
    tell = progress()
    with tempfile.TemporaryDirectory(prefix="watchbook-rules-") as folder:
        tell(f"{case.name}: loading")
        began = time.process_time()
        rules = load_rules([write_rules(Path(folder) / "rules", case.rules, sources=case.sources)])
        load_s = time.process_time() - began
    tell(f"{case.name}: making events")
    batches = list(encoded_batches(max(1, events // BATCH), sources=case.sources))
    random.Random(3).shuffle(batches)
    rates = []
    for run in range(repeats):
        tell(f"{case.name}: run {run + 1} of {repeats}")
        rate, matched = _run(rules, batches)
        rates.append(rate)
    note = f"{min(rates):,.0f} to {max(rates):,.0f}; {matched:,} matches; loaded in {load_s:.1f} CPU s"
    return [Figure(case.name, statistics.median(rates), "events/s per core", case.goal, calibrate(), note, True)]


def _run(rules: RuleSet, batches: list[tuple[int, bytes]]) -> tuple[float, int]:
    """Return events a CPU second, without decoding (the batch is decoded for storing it anyway), and the matches."""
    engine = Engine(rules, DetectSettings())
    used = 0.0
    for place, (_, data) in enumerate(batches):
        block = decoded_block(place * BATCH + 1, data)
        began = time.process_time()
        engine.process(block)
        used += time.process_time() - began
    return len(batches) * BATCH / used, sum(each.matched for each in engine.counters.values())


if __name__ == "__main__":
    sys.exit(main())
