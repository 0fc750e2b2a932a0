"""``python -m tests.benchmarks.rules.backtest``: what a back-test of one rule over a million stored events costs.

The events are an application's log of ten days, stored by the store itself and sealed but for the newest segment.
Every rule named is put to all of them; beside the time it is checked that the alerts are those of a live run over the
same blocks.  Prints figures only.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from collector.backtest import Backtest, Span
from collector.backtest_candidates import narrowing
from collector.block import DecodedBlock
from collector.config import CollectorSettings
from collector.detect import DetectSettings, Engine, RuleSet, load_rules
from collector.index import IndexReader
from collector.store import SegmentReader, Store, StoreSettings
from collector.upkeep import open_upkeep
from tests.benchmarks.calibration import calibrate
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.ingest_client import read_bodies
from tests.benchmarks.store.corpus import DAY_US, START_US, write_corpus
from tests.benchmarks.throughput import machine
from tests.progress import clear, progress
from watchbook.shipped import shipped_folder
from watchbook.wire import decode_batch

_GOAL_S: Final = 6.0
_GOAL_EVENTS: Final = 1_000_000
_BYTES_MAX: Final = 1 << 30
_DAYS: Final = 10.0
_RULES: Final = ("failure_spike", "permission_change", "password_spray", "large_export", "source_change")
_QUIET_US: Final = DAY_US

#: Alerts by id, and how many events each counts.
Alerts = set[tuple[str, int]]


def main() -> int:
    """Measure and print; the exit code is 1 when the alerts are not those of the live run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=_GOAL_EVENTS, help="stored events (1000000)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the median is shown (3)")
    parser.add_argument("--hot", action="store_true", help="seal nothing")
    arguments = parser.parse_args()
    print(f"machine: {machine()}, calibration {calibrate():.3f} s")
    tell = progress()
    with tempfile.TemporaryDirectory(prefix="watchbook-backtest-") as folder:
        figures, same = _measure(Path(folder), arguments, tell)
    clear()
    print(table(figures))
    return 0 if same else 1


def _measure(folder: Path, arguments: argparse.Namespace, tell: Callable[[str], None]) -> tuple[list[Figure], bool]:
    rules = {name: load_rules([shipped_folder("rules") / f"{name}.yml"]) for name in _RULES}
    corpus = write_corpus(folder / "corpus", arguments.events, _DAYS, tell)
    settings = CollectorSettings(data=folder / "data", store=StoreSettings())
    live = asyncio.run(_store(settings, corpus, rules, tell))
    if not arguments.hot:
        tell("sealing")
        _seal(settings)
    figures, same = [], True
    for name, ruleset in rules.items():
        runs = []
        for run in range(arguments.repeats):
            tell(f"{name}: run {run + 1} of {arguments.repeats}")
            runs.append(_run(settings, ruleset))
        found, matched = runs[0][1], runs[0][2]
        same = same and found == live[name]
        goal = _GOAL_S if arguments.events == _GOAL_EVENTS else None
        note = (
            f"{arguments.events:,} events, {matched:,} matches, {len(found):,} alerts, "
            f"{'as' if found == live[name] else 'NOT as'} live"
        )
        cpu_s = median(used for used, _, _ in runs)
        figures.append(Figure(f"back-test of {name}", cpu_s, "CPU s", goal, calibrate(), note))
    return figures, same


async def _store(
    settings: CollectorSettings, corpus: Path, rules: dict[str, RuleSet], tell: Callable[[str], None]
) -> dict[str, Alerts]:
    """Store the corpus under the eyes of the rules, each batch received a second after its newest event.

    Return the alerts of each rule.
    """
    engines = {name: Engine(ruleset, DetectSettings()) for name, ruleset in rules.items()}
    alerts: dict[str, dict[str, int]] = {name: {} for name in rules}
    now = START_US

    def committed(blocks: Sequence[DecodedBlock]) -> None:
        for name, engine in engines.items():
            for block in blocks:
                alerts[name].update((change.alert.id, change.alert.events) for change in engine.process(block))

    store = await Store.open(
        settings.segments, settings.store, batch_bytes_max=_BYTES_MAX, clock=lambda: now,
        on_committed=committed, key_path=settings.checkpoint_key,
    )  # fmt: skip
    stored = 0
    for sequence, (n, body) in enumerate(read_bodies(corpus), 1):
        batch = decode_batch(body, bytes_max=_BYTES_MAX)
        now = max(batch.times) + 1_000_000
        await store.append("a" * 32, sequence, body, batch)
        stored += n
        if sequence % 100 == 0:
            tell(f"storing and watching: {stored:,} events")
    await store.close()
    for name, engine in engines.items():
        alerts[name].update((change.alert.id, change.alert.events) for change in engine.tick(now + _QUIET_US))
    return {name: set(found.items()) for name, found in alerts.items()}


def _seal(settings: CollectorSettings) -> None:
    reader = SegmentReader(settings.segments, _BYTES_MAX, settings.store)
    clock = START_US + int((_DAYS + 2) * DAY_US)
    with open_upkeep(settings, reader.segments, lambda _: None, clock=lambda: clock) as upkeep:
        while upkeep.step():
            pass
    reader.close()


def _run(settings: CollectorSettings, rules: RuleSet) -> tuple[float, Alerts, int]:
    """Return the CPU seconds of one back-test, from opening the store on, its alerts, and how many events matched."""
    began = time.process_time()
    reader = SegmentReader(settings.segments, _BYTES_MAX, settings.store)
    indexes = IndexReader(settings.index.cache_bytes, settings.index.open_files_max)
    trial = Backtest(
        rules,
        reader,
        DetectSettings(),
        Span(START_US - DAY_US),
        narrowing=lambda judged: narrowing(judged, indexes, reader),
    )
    outcome = trial.run(START_US + int((_DAYS + 3) * DAY_US))
    used = time.process_time() - began
    reader.close()
    alerts = {(fired.alert.id, fired.alert.events) for fired in outcome.alerts}
    return used, alerts, sum(each.matched for each in outcome.counters.values())


if __name__ == "__main__":
    sys.exit(main())
