"""The ledger: what became of every segment once it was finished, in the order in which it happened.

``segments/ledger.jsonl`` only grows: one JSON object a line.  Every entry has ``type``, ``time`` (microseconds since
the epoch), ``segment`` and ``events`` (for ``sealed``: that are in it; else: that went or moved)::

    sealed     first_number numbers tmin tmax received chain_start chain_end root bytes file store
    rewritten  root root_before left bytes file why    some events were taken out, ``left`` are still there
    archived   root sha256 left bytes why              moved to a Parquet file with this SHA-256
    rewritten  root sha256 left bytes why              some events were taken out of the Parquet file
    removed    tier root bytes why                     the segment is gone; ``root``: of the form that went

``chain_start`` and ``chain_end`` are the hashes before the segment's first and of its last block, ``numbers`` is how
many arrival numbers it covers; ``file`` is the SHA-256 of the sealed file, with the pages in which nothing lies (older
entries lack it); hashes are hexadecimal.  The entries, each without its newline, are the leaves of an RFC
6962 tree; ``segments/checkpoint`` signs its size and root (:mod:`collector.store.checkpoint`).

An entry and its checkpoint are on disk before any file takes its place or goes.  What lies behind the checkpoint was
cut off by a crash: nothing came of it, and it is dropped at the next start.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.store.checkpoint import LEDGER_FILE, Checkpoint, name_of_store, read_checkpoint, sign
from collector.store.durable import append_durably, write_durably
from collector.store.layout import NEW_SUFFIX
from collector.store.merkle import Tree, leaf_hash
from collector.store.signing import NoteError, Signer
from watchbook.clock import Clock

FILE: Final = "ledger.jsonl"

Entry = Mapping[str, Any]


class LedgerDamagedError(Exception):
    """The ledger is not what its checkpoint says: nothing may be added to it."""


def split_entries(data: bytes) -> list[bytes]:
    """Return the whole lines of a ledger, without their newlines."""
    return data.split(b"\n")[:-1]


def decode_entry(line: bytes) -> Entry:
    """Return an entry; raises msgspec.MsgspecError or UnicodeDecodeError."""
    return msgspec.json.decode(line, type=dict[str, Any])


class Ledger:
    """The ledger as the one process that writes it has it.  One thread at a time."""

    def __init__(self, folder: Path, store: str, signer: Signer, clock: Clock) -> None:
        """Read it; raises LedgerDamagedError."""
        self._folder = folder
        self._store = store
        self._signer = signer
        self._clock = clock
        self._tree = Tree()
        self._latest: dict[str, Entry] = {}
        self._load()

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._tree.size

    def latest(self, segment: str) -> Entry | None:
        """Return the last entry about a segment."""
        return self._latest.get(segment)

    def segments(self) -> list[str]:
        """Return the segments that there are entries about."""
        return list(self._latest)

    def entries(self, skip: int = 0) -> Iterator[Entry]:
        """Yield the entries after the first ``skip``."""
        for line in split_entries((self._folder / FILE).read_bytes())[skip : self.size] if self.size > skip else ():
            yield decode_entry(line)

    def add(self, entry: Entry) -> None:
        """Append an entry (``time`` is added) and sign the whole; returns when both are on disk."""
        line = msgspec.json.encode({"type": entry["type"], "time": self._clock(), **entry})
        tree, latest = self._tree.copy(), dict(self._latest)
        self._drop_after(self.size)
        try:
            append_durably(self._folder / FILE, line + b"\n")
            self._take(line)
            self._sign()
        except BaseException:
            self._tree, self._latest = tree, latest
            raise

    def _load(self) -> None:
        for name in (FILE, LEDGER_FILE):
            (self._folder / f"{name}{NEW_SUFFIX}").unlink(missing_ok=True)
        path = self._folder / FILE
        lines = split_entries(path.read_bytes()) if path.exists() else []
        signed = self._signed()
        if signed is None:
            if lines:  # the first checkpoint is signed before the first entry is written
                raise LedgerDamagedError(
                    f"{path}: there are {len(lines)} entries, but no checkpoint over them; run 'watchbook verify'"
                )
            self._drop_after(0)
            self._sign()
            return
        if len(lines) < signed.size:
            raise LedgerDamagedError(
                f"{path}: expected {signed.size} entries, found {len(lines)}; run 'watchbook verify'"
            )
        for line in lines[: signed.size]:
            self._take(line)
        if self._tree.root() != signed.hash:
            raise LedgerDamagedError(f"{path}: its entries are not those that were signed; run 'watchbook verify'")
        self._drop_after(signed.size)

    def _signed(self) -> Checkpoint | None:
        try:
            note = (self._folder / LEDGER_FILE).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return read_checkpoint(note, self._signer.verifier)
        except NoteError as error:
            raise LedgerDamagedError(f"{self._folder / LEDGER_FILE}: {error}; run 'watchbook verify'") from error

    def _take(self, line: bytes) -> None:
        try:
            entry = decode_entry(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise LedgerDamagedError(f"{self._folder / FILE}: an entry is no JSON object: {error}") from error
        self._tree.add(leaf_hash(line))
        self._latest[str(entry.get("segment"))] = entry

    def _drop_after(self, size: int) -> None:
        """Cut off what is behind the first ``size`` entries: it was never signed."""
        path = self._folder / FILE
        if path.exists():
            data = path.read_bytes()
            kept = b"".join(line + b"\n" for line in split_entries(data)[:size])
            if len(kept) < len(data):
                write_durably(path, kept)

    def _sign(self) -> None:
        checkpoint = Checkpoint(name_of_store(self._store), self.size, self._tree.root(), self._clock())
        write_durably(self._folder / LEDGER_FILE, sign(self._signer, checkpoint))
