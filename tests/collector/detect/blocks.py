"""Blocks made of flat events, through the real wire."""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.block import BlockInfo, DecodedBlock
from watchbook.wire import columns_of, decode_batch, encode_batch

SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_795_000_000 * SECOND
STREAM = "a" * 32


def event(time: int = START, **fields: Any) -> dict[str, Any]:
    """Return a flat event; ``actor_id=`` stands for ``actor.id``, ``measures={...}`` for itself."""
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return {"time": time, "actor.type": "user", "action": "read"} | named


def block(
    events: Sequence[Mapping[str, Any]],
    *,
    number: int = 1,
    sequence: int = 1,
    received: int | None = None,
    stream: str = STREAM,
) -> DecodedBlock:
    """Return a block that was received right after its newest event, unless told otherwise."""
    times = [item["time"] for item in events]
    batch = decode_batch(encode_batch(len(events), columns_of(events)), bytes_max=1 << 26)
    when = max(times) + 1000 if received is None else received
    return DecodedBlock(
        BlockInfo(number, len(events), min(times), max(times), when, stream, sequence, "2026-11-21.blk"), batch
    )


def blocks_of(events: Sequence[Mapping[str, Any]], size: int = 100, received: int | None = None) -> list[DecodedBlock]:
    """Return events as blocks of one stream, in the order given."""
    return [
        block(events[start : start + size], number=start + 1, sequence=index + 1, received=received)
        for index, start in enumerate(range(0, len(events), size))
    ]
