"""What a correlation costs: processor time a matched event, and memory a group, with very many groups."""

import gc
import random
import time
from pathlib import Path
from typing import Any, Final

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
    "temporal_ordered": "",
}


def measure_correlations(folder: Path, events: int, groups: int, tell: Any) -> list[Figure]:
    """Measure each kind over events of so many actors, one in twenty of them late by up to the lateness."""
    blocks = list(_batches(events, groups))
    figures = []
    for kind, condition in _KINDS.items():
        tell(f"{kind}: {events:,} events of {groups:,} groups")
        rules = load_rules([_written(folder, kind, condition)])
        engine, plain = Engine(rules, DetectSettings(state_events_max=10 * events)), 0.0
        gc.collect()
        before, used = _resident(), 0.0
        for place, data in enumerate(blocks):
            block = decoded_block(place * BATCH + 1, data)
            began = time.process_time()
            engine.read(block)
            used += time.process_time() - began
        del block
        gc.collect()
        memory = (_resident() - before) / engine.state_groups
        note = f"{engine.state_events / engine.state_groups:.1f} matches a group kept; matching included"
        matched = events - plain
        figures += [
            Figure(f"{kind}, a matched event", used / matched * 1e6, "CPU us", _COST_GOAL, calibrate(), note),
            Figure(f"{kind}, a group", memory, "bytes", _MEMORY_GOAL, None, f"{engine.state_groups:,} groups"),
        ]
    return figures


def _written(folder: Path, kind: str, condition: str) -> Path:
    names = ("read", "update") if kind == "temporal_ordered" else ("read",)
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
