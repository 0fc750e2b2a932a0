"""Batches for the tests of the store."""

from typing import Any

from watchbook import wire

TIME = 1_763_733_909_000_000


def batch_of(*texts: str, time: int = TIME) -> tuple[bytes, wire.Batch]:
    """Return the bytes and the decoded form of a batch with one event a text."""
    events: list[dict[str, Any]] = [
        {"time": time + i, "actor.type": "user", "actor.id": text, "action": "read"} for i, text in enumerate(texts)
    ]
    data = wire.encode_batch(len(events), wire.columns_of(events))
    return data, wire.decode_batch(data, bytes_max=1 << 20)
