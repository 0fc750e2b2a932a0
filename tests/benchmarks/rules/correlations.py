"""What a correlation costs: processor time a matched event, and memory a group, with very many groups."""

import gc
import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.detect import DetectSettings, Engine, load_rules
from tests.benchmarks.calibration import calibrate
from tests.benchmarks.figures import Figure
from tests.benchmarks.rules.activity import BATCH, decoded_block
from watchbook.wire import columns_of, encode_batch

_BEGIN_US: Final = 1_795_000_000_000_000
_SPAN_S: Final = 300
_LATE_SHARE: Final = 0.05
_LATE_US: Final = 110_000_000
_COST_GOAL, _MEMORY_GOAL = 3.0, 400.0
_BASE: Final = """
title: Base
name: base
id: 11111111-1111-4111-8111-11111111111{number}
logsource: {{product: watchbook}}
detection: {{selection: {{action: {action}}}, condition: selection}}
"""
_KINDS: Final = {
    "event_count": "condition: {gte: 1000}",
    "value_count": "condition: {field: source.ip, gte: 1000}",
    "value_sum": "condition: {field: measures.rows, gte: 1000000000}",
    "value_avg": "condition: {field: measures.rows, gte: 1000000000}",
    "value_percentile": "condition: {field: measures.rows, percentile: 95, gte: 1000000000}",
    "temporal": "",
    "temporal_ordered": "",
}


class _Cost(NamedTuple):
    """What a matched event and a group cost, with how many groups and matches were kept at the end."""

    event_us: float
    group_bytes: float
    groups: int
    matches: int


def measure_correlations(folder: Path, events: int, groups: int, tell: Any) -> list[Figure]:
    """Measure each kind over events of so many actors, one in twenty of them late by up to the lateness."""
    blocks = list(_batches(events, groups))
    figures = []
    for kind in _KINDS:
        tell(f"{kind}: {events:,} events of {groups:,} groups")
        # Each in a process of its own: what another one left free would hide what this one takes.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            cost = process.submit(_measure, folder, kind, blocks).result()
        note = f"{cost.matches / cost.groups:.1f} matches a group kept; matching included"
        figures += [
            Figure(f"{kind}, a matched event", cost.event_us, "CPU us", _COST_GOAL, calibrate(), note),
            Figure(f"{kind}, a group", cost.group_bytes, "bytes", _MEMORY_GOAL, None, f"{cost.groups:,} groups"),
        ]
    return figures


def _measure(folder: Path, kind: str, blocks: Sequence[bytes]) -> _Cost:
    rules = load_rules([_written(folder, kind, _KINDS[kind])])
    engine = Engine(rules, DetectSettings(state_events_max=10 * BATCH * len(blocks)))
    decoded_block(1, blocks[0])
    gc.collect()
    before, used = _resident(), 0.0
    for place, data in enumerate(blocks):
        block = decoded_block(place * BATCH + 1, data)
        began = time.process_time()
        engine.read(block)
        used += time.process_time() - began
    del block
    gc.collect()
    matched = sum(each.matched for each in engine.counters.values())
    memory = (_resident() - before) / engine.state_groups
    return _Cost(used / matched * 1e6, memory, engine.state_groups, engine.state_events)


def _written(folder: Path, kind: str, condition: str) -> Path:
    names = ("read", "update") if kind in ("temporal", "temporal_ordered") else ("read",)
    bases = [_BASE.format(number=place, action=name).replace("base", name) for place, name in enumerate(names)]
    correlation = (
        "title: Correlation\nid: 22222222-2222-4222-8222-222222222222\ncorrelation:\n"
        f"  type: {kind}\n  rules: [{', '.join(names)}]\n  group-by: [actor.id]\n  timespan: {_SPAN_S}s\n"
        + (f"  {condition}\n" if condition else "")
    )
    path = folder / f"{kind}.yml"
    path.write_text("\n---\n".join([*bases, correlation]), encoding="utf-8")
    return path


def _batches(events: int, groups: int) -> Any:
    """Yield batches whose events of all groups together span a window and a half."""
    draw = random.Random(4)
    step = int(1.5 * _SPAN_S * 1_000_000 / events)
    for begin in range(0, events, BATCH):
        made = []
        for place in range(begin, begin + BATCH):
            late = draw.randrange(_LATE_US) if draw.random() < _LATE_SHARE else 0
            made.append(
                {
                    "time": _BEGIN_US + place * step - late, "actor.type": "user", "action": "read",
                    "actor.id": f"user{draw.randrange(groups)}",
                    "source.ip": f"10.0.{draw.randrange(9)}.{draw.randrange(250)}",
                    "measures": {"rows": draw.randrange(100)},
                }
            )  # fmt: skip
        yield encode_batch(BATCH, columns_of(made))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096
