"""What the shipped rules cost: over an application's log, and over nothing but what they look for."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

from collector.block import BlockInfo, DecodedBlock
from collector.detect import DetectSettings, Engine, RuleSet, load_rules
from collector.detect.suite import read_suite
from tests.benchmarks.calibration import calibrate
from tests.benchmarks.figures import Figure
from tests.benchmarks.store.corpus import START_US, batches_of
from watchbook.demo.applog import app_lines
from watchbook.shipped import shipped_folder
from watchbook.wire import columns_of, decode_batch, encode_batch

_GOAL: Final = 200_000
_BATCH: Final = 512
_STEP_US: Final = 1000
_ACTORS: Final = 5000


class _Corpus(NamedTuple):
    """Request bodies of so many events each."""

    name: str
    bodies: Sequence[tuple[int, bytes]]
    goal: int | None


def measure_shipped(events: int, repeats: int, tell: Callable[[str], None]) -> list[Figure]:
    """Measure events a CPU second that the shipped rules decide, without decoding: storing decodes them anyway."""
    rules = load_rules([shipped_folder("rules")])
    tell("shipped rules: making events")
    lines = (line.rstrip(b"\n") for line in app_lines(events, start_us=START_US, step_us=_STEP_US))
    corpora = (
        _Corpus("shipped rules, an application's log", list(batches_of(lines)), _GOAL),
        _Corpus("shipped rules, only what they look for", list(_sought(events)), None),
    )
    figures = []
    for corpus in corpora:
        tell(f"{corpus.name}: measuring")
        runs = [_run(rules, corpus.bodies) for _ in range(repeats)]
        rates = [rate for rate, _, _ in runs]
        _, matched, alerts = runs[0]
        rate = median(rates)
        note = f"{1e6 / rate:.2f} us an event; {len(rules.rules)} rules, {matched:,} matches, {alerts:,} alerts"
        figures.append(Figure(corpus.name, rate, "events/s per core", corpus.goal, calibrate(), note, True))
    return figures


def _run(rules: RuleSet, bodies: Sequence[tuple[int, bytes]]) -> tuple[float, int, int]:
    engine = Engine(rules, DetectSettings())
    used, first, alerts = 0.0, 1, 0
    for sequence, (n, body) in enumerate(bodies, 1):
        batch = decode_batch(body, bytes_max=1 << 26)
        times = batch.times
        info = BlockInfo(first, n, min(times), max(times), max(times) + 1000, "a" * 32, sequence, "bench.blk")
        block = DecodedBlock(info, batch)
        began = time.process_time()
        changes = engine.process(block)
        used += time.process_time() - began
        alerts += sum(change.kind == "opened" for change in changes)
        first += n
    return (first - 1) / used, sum(each.matched for each in engine.counters.values()), alerts


def _sought(events: int) -> Iterator[tuple[int, bytes]]:
    """Yield batches of one source each, made of the samples in the rules' tests, of many actors."""
    sources: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((shipped_folder("rules") / "tests").glob("*.yml")):
        for sample in read_suite(path).samples.values():
            sources.setdefault(str(sample["origin.profile"]), []).append(dict(sample))
    draw = random.Random(5)
    names = sorted(sources)
    for start in range(0, events, _BATCH):
        samples = sources[draw.choice(names)]
        made = [
            {**draw.choice(samples), "time": START_US + place * _STEP_US, "actor.id": f"actor{draw.randrange(_ACTORS)}"}
            for place in range(start, start + _BATCH)
        ]
        yield _BATCH, encode_batch(_BATCH, columns_of(made))
