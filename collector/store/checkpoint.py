"""Checkpoints: small signed texts that say how far a record goes and what it hashes to (C2SP tlog-checkpoint).

``segments/checkpoint`` covers the ledger: its origin is ``watchbook/STORE``, its size the number of entries, its hash
the RFC 6962 root over them.
``segments/checkpoint.head`` covers the chain of the newest segment: its origin is ``watchbook/STORE/head``, its size
the arrival number of the last event, its hash the chain's at that event.  A text is::

    ORIGIN
    SIZE
    base64(HASH)
    time 2026-11-21T14:05:09.123456Z
    state running
    every 10

The last three lines are extensions.  ``state`` of a head checkpoint is ``closed`` when the store was closed after it:
nothing may follow; ``running`` when more was to come, then covered by the next one within ``every`` seconds.
"""

import base64
import binascii
from typing import Final, Literal, NamedTuple

from collector.store.signing import NoteError, Signer, VerifierKey
from watchbook.clock import format_rfc3339, parse_rfc3339

LEDGER_FILE: Final = "checkpoint"
HEAD_FILE: Final = "checkpoint.head"
KEY_FILE: Final = "checkpoint.pub"
HEAD_ORIGIN: Final = "/head"
State = Literal["running", "closed"]


class Checkpoint(NamedTuple):
    """What a checkpoint says.  ``time`` is when it was signed, microseconds since the epoch."""

    origin: str
    size: int
    hash: bytes
    time: int
    state: State = "running"
    every_s: float = 0.0

    @property
    def is_head(self) -> bool:
        """Whether it covers the chain of the newest segment (not the ledger)."""
        return self.origin.endswith(HEAD_ORIGIN)


def name_of_store(store: str) -> str:
    """Return the name of a store's key, which is the origin of its checkpoints."""
    return f"watchbook/{store}"


def sign(signer: Signer, checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as a signed note."""
    lines = (
        checkpoint.origin,
        str(checkpoint.size),
        base64.b64encode(checkpoint.hash).decode(),
        f"time {format_rfc3339(checkpoint.time)}",
        f"state {checkpoint.state}",
        f"every {checkpoint.every_s:g}",
    )
    return signer.signed("\n".join(lines) + "\n")


def read_checkpoint(note: bytes, key: VerifierKey) -> Checkpoint:
    """Return what a signed note says; raises NoteError when it is not signed with the key, or is no checkpoint."""
    lines = key.opened(note).splitlines()
    try:
        origin, size, encoded, *extensions = lines
        known = dict(line.split(" ", 1) for line in extensions)
        checkpoint = Checkpoint(
            origin, int(size), base64.b64decode(encoded, validate=True), parse_rfc3339(known["time"]),
            "closed" if known.get("state") == "closed" else "running", float(known.get("every", 0)),
        )  # fmt: skip
    except (ValueError, KeyError, binascii.Error) as error:
        raise NoteError("it is signed, but no checkpoint of a store") from error
    if origin.removesuffix(HEAD_ORIGIN) != key.name or len(checkpoint.hash) != 32 or checkpoint.size < 0:
        raise NoteError(f"it is a checkpoint of {origin}, not of {key.name}")
    return checkpoint
