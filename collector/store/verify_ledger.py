"""Looks over the ledger: its tree against its checkpoint, checkpoints kept elsewhere against it, its entries as a tale.

What the ledger tells of a segment is what the files are then held against.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from collector.store.checkpoint import LEDGER_FILE, Checkpoint, read_checkpoint
from collector.store.findings import Finding
from collector.store.layout import HOT_SUFFIX, form_of
from collector.store.ledger import FILE, Entry, decode_entry, split_entries
from collector.store.merkle import Tree, leaf_hash
from collector.store.signing import NoteError, VerifierKey

Found = Callable[[Finding], None]


@dataclass
class Tale:
    """What the ledger tells: of each segment its sealing and the last entry; ``roots`` after each number of entries."""

    sealed: dict[str, Entry] = field(default_factory=dict)
    latest: dict[str, Entry] = field(default_factory=dict)
    roots: list[bytes] = field(default_factory=list)


def check_ledger(folder: Path, key: VerifierKey, found: Found) -> Tale:
    """Look over the ledger and its checkpoint; return what it tells."""
    checkpoint = _checkpoint(folder, key, found)
    path = folder / FILE
    data = path.read_bytes() if path.exists() else b""
    if data and not data.endswith(b"\n"):
        found(Finding("unfinished", FILE, "its last entry is cut off in the middle; start the collector once"))
    lines = split_entries(data)
    tale = _told(lines, found)
    if checkpoint is None:
        if lines:
            found(Finding("unsigned", FILE, f"no checkpoint vouches for its {len(lines)} entries"))
        return tale
    check_against(checkpoint, tale, found, LEDGER_FILE)
    if len(lines) > checkpoint.size:
        text = f"{len(lines) - checkpoint.size} entries are not under the checkpoint: it is older, or they were added"
        found(Finding("unsigned", FILE, text))
    return tale


def check_against(checkpoint: Checkpoint, tale: Tale, found: Found, place: str) -> None:
    """Hold the ledger against a checkpoint over it, of now or of earlier."""
    size = len(tale.roots) - 1
    if checkpoint.size > size:
        found(Finding("cut_off", FILE, f"{checkpoint.size - size} of {checkpoint.size} entries are missing ({place})"))
    elif tale.roots[checkpoint.size] != checkpoint.hash:
        text = (
            f"the first {checkpoint.size} entries are not those that were signed ({place}): changed, moved or exchanged"
        )
        found(Finding("changed", FILE, text))


def _checkpoint(folder: Path, key: VerifierKey, found: Found) -> Checkpoint | None:
    try:
        checkpoint = read_checkpoint((folder / LEDGER_FILE).read_bytes(), key)
    except FileNotFoundError:
        return None
    except NoteError as error:
        found(Finding("changed", LEDGER_FILE, f"it is not the store's: {error}"))
        return None
    if checkpoint.is_head:
        found(Finding("moved", LEDGER_FILE, "it is a checkpoint over the chain, not one over the ledger"))
        return None
    return checkpoint


def _told(lines: list[bytes], found: Found) -> Tale:
    tale, tree = Tale(), Tree()
    tale.roots.append(tree.root())
    for number, line in enumerate(lines, 1):
        tree.add(leaf_hash(line))
        tale.roots.append(tree.root())
        try:
            msgspec.json.decode(line, type=_Written)
            entry = decode_entry(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            found(Finding("changed", FILE, f"entry {number} is none that a collector writes: {error}"))
            continue
        segment, kind = str(entry["segment"]), str(entry["type"])
        if form_of(f"{segment}{HOT_SUFFIX}") is None:
            found(Finding("changed", FILE, f"entry {number} names no segment: {segment!r}"))
            continue
        tale.latest[segment] = entry
        if kind == "sealed":
            tale.sealed[segment] = entry
    return tale


class _Sealed(msgspec.Struct, tag_field="type", tag="sealed"):
    time: int
    segment: str
    first_number: int
    numbers: int
    events: int
    tmin: int
    tmax: int
    received: int
    chain_start: str
    chain_end: str
    root: str
    store: str
    file: str = ""


class _Rewritten(msgspec.Struct, tag_field="type", tag="rewritten"):
    time: int
    segment: str
    root: str
    left: int
    sha256: str = ""
    file: str = ""


class _Archived(msgspec.Struct, tag_field="type", tag="archived"):
    time: int
    segment: str
    root: str
    sha256: str
    events: int
    left: int


class _Removed(msgspec.Struct, tag_field="type", tag="removed"):
    time: int
    segment: str
    root: str
    events: int


_Written = _Sealed | _Rewritten | _Archived | _Removed
