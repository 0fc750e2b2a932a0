"""Blocks as a sealed segment gives them, made of flat events."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.block import BlockInfo, DecodedBlock, Identity
from watchbook.wire import columns_of, decode_batch, encode_batch

STREAM = "0123456789abcdef" * 2
DAY = "2026-11-21"


def sealed_blocks(
    events: Sequence[Mapping[str, Any]], size: int = 512, identities: Sequence[Identity] | None = None
) -> Iterator[DecodedBlock]:
    """Yield the events in order of time, in blocks of ``size``, through the wire's own bytes."""
    named = identities or [Identity(STREAM, 1 + i // 512, i % 512, 1_000_000 + i, i + 1) for i in range(len(events))]
    pairs = sorted(zip(events, named, strict=True), key=lambda pair: (pair[0]["time"], pair[1][:3]))
    row = 0
    while piece := list(itertools.islice(pairs, row, row + size)):
        flat = [event for event, _ in piece]
        batch = decode_batch(encode_batch(len(flat), columns_of(flat)), bytes_max=1 << 30)
        info = BlockInfo(0, len(flat), flat[0]["time"], flat[-1]["time"], 0, "", 0, DAY, row)
        yield DecodedBlock(info, batch, [identity for _, identity in piece])
        row += size


def contents(blocks: Iterator[DecodedBlock]) -> list[tuple[Identity, dict[str, Any]]]:
    """Return every event with its identity, ``details`` and ``changes`` as the bytes they were sent as."""
    return [
        (block.identity(index), {name: _plain(value) for name, value in block.batch.row(index).items()})
        for block in blocks
        for index in range(block.batch.n)
    ]


def _plain(value: Any) -> Any:
    # The type too: 3 and 3.0 are equal to Python, and not the same to whoever reads an answer.
    return bytes(value) if hasattr(value, "copy") and not isinstance(value, dict | list) else (type(value), value)
