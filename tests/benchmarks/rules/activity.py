"""Makes the events that the rules of the benchmark are put to: batches of one source each, as agents send them."""

import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from collector.block import BlockInfo, DecodedBlock
from tests.benchmarks.rules.sources import SOURCES, Source
from tests.benchmarks.rules.words import ordinary, sought
from watchbook.wire import columns_of, decode_batch, encode_batch

BATCH: Final = 1024
_BEGIN_US: Final = 1_795_000_000_000_000
#: One event in so many has, in one field, what some rule looks for.
_SUSPICIOUS: Final = 1000


def encoded_batches(count: int, *, seed: int = 2, sources: Sequence[Source] = SOURCES) -> Iterator[tuple[int, bytes]]:
    """Yield so many batches of :data:`BATCH` events, spread over sources by the parts they have: (number, bytes)."""
    draw = random.Random(seed)
    for batch in range(count):
        source = draw.choices(sources, [each.events for each in sources])[0]
        begin = _BEGIN_US + batch * BATCH * 1000
        events = [_event(source, begin + place * 1000, draw) for place in range(BATCH)]
        yield batch * BATCH + 1, encode_batch(BATCH, columns_of(events))


def decoded_block(number: int, data: bytes) -> DecodedBlock:
    """Return a batch as the rules get it right after it was stored."""
    batch = decode_batch(data, bytes_max=1 << 26)
    times = batch.times
    info = BlockInfo(
        number, batch.n, min(times), max(times), max(times) + 1000, "a" * 32, number // BATCH + 1, "bench.blk"
    )
    return DecodedBlock(info, batch)


def _event(source: Source, time: int, draw: random.Random) -> dict[str, Any]:
    event: dict[str, Any] = {
        "time": time, "actor.type": "user", "action": draw.choice(("read", "update", "execute", "create")),
        "category": "access", "origin.profile": source.profile,
    }  # fmt: skip
    details: dict[str, Any] = {"EventRecordID": draw.randrange(10**9), "Computer": f"host{draw.randrange(200)}"}
    odd = draw.choice(list(source.fields)) if draw.randrange(_SUSPICIOUS) == 0 else None
    for field, kind in source.fields.items():
        value = (sought if field == odd else ordinary)(kind, draw, source.names)
        if not field.startswith("details."):
            event[field] = value
            continue
        *above, key = field.removeprefix("details.").split(".")
        inner = details
        for name in above:
            inner = inner.setdefault(name, {})
        inner[key] = value
    return {**event, "details": details}
