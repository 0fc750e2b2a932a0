"""Holds the segments against each other, and the end of the row against the checkpoints over the chain.

Numbers go on without a gap from segment to segment, and each chain begins with the hash that the one before ended with;
what the ledger tells of segments that were removed stands in the row like those that are there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from collector.store.checkpoint import HEAD_FILE, Checkpoint, read_checkpoint
from collector.store.findings import Finding, Kind
from collector.store.segment import CHAIN_ZERO
from collector.store.signing import NoteError, VerifierKey
from collector.store.verify_ledger import Tale, check_against
from watchbook.clock import SECOND_US, format_rfc3339

#: How much later than it says a head checkpoint may come: the writer may wait for a slow disk.
_HEAD_SLACK_US: Final = 30 * SECOND_US


@dataclass
class Link:
    """One segment in the row of all that ever were.

    ``ends`` are the chain's hashes at numbers inside, where they are known; ``received`` is the latest of a hot one.
    """

    name: str
    first_number: int
    next_number: int
    chain_start: bytes
    chain_end: bytes
    ends: dict[int, bytes] = field(default_factory=dict)
    received: int = 0

    @property
    def is_hot(self) -> bool:
        """Whether its blocks were looked at one by one."""
        return self.received > 0

    def chain_at(self, number: int) -> bytes | None:
        """Return the hash of the chain at an event's number, None where it is not known."""
        if number == self.first_number - 1:
            return self.chain_start
        return self.chain_end if number == self.next_number - 1 else self.ends.get(number)


class Row:
    """The row of segments with the checkpoints over it.  ``links`` are to be filled in before :meth:`check`."""

    def __init__(self, folder: Path, key: VerifierKey, kept: Sequence[bytes], found: Callable[[Finding], None]) -> None:
        self.links: list[Link] = []
        self._found = found
        self._head = self._read_head(folder, key)
        self._kept = [checkpoint for note in kept if (checkpoint := self._read_kept(note, key)) is not None]

    @property
    def numbers(self) -> set[int]:
        """The numbers of events at which the chain's hash is wanted."""
        heads = [self._head, *self._kept]
        return {checkpoint.size for checkpoint in heads if checkpoint is not None and checkpoint.is_head}

    @property
    def last_number(self) -> int:
        """The number of the last event there is."""
        return self.links[-1].next_number - 1 if self.links else 0

    @property
    def covered_to(self) -> int:
        """The number of the last event under the head checkpoint."""
        return 0 if self._head is None else self._head.size

    def check(self, tale: Tale) -> None:
        """Hold everything against each other."""
        self._check_links()
        if self._head is not None:
            self._check_chain(self._head, HEAD_FILE)
            self._check_age(self._head)
        for checkpoint in self._kept:
            place = f"a checkpoint kept from {format_rfc3339(checkpoint.time)}"
            if checkpoint.is_head:
                self._check_chain(checkpoint, place)
            else:
                check_against(checkpoint, tale, self._found, place)

    def _check_links(self) -> None:
        number, chain, before = 1, CHAIN_ZERO, "the beginning"
        for link in self.links:
            first = link.first_number
            if first > number:
                text = f"the events between {before} and {link.name} are gone, and the ledger says nothing of them"
                self._say("vanished", link.name, text, number, first - 1)
            elif first < number:
                self._say("moved", link.name, f"it begins with event {first}; after {before} comes {number}", first)
            elif link.chain_start != chain:
                self._say("changed", link.name, f"its chain does not go on from where {before} ended", first)
            number, chain, before = link.next_number, link.chain_end, link.name

    def _check_chain(self, checkpoint: Checkpoint, place: str) -> None:
        """Hold the chain against a checkpoint over it, of now or of earlier."""
        last, size = self.last_number, checkpoint.size
        name = self.links[-1].name if self.links else "segments"
        if size > last:
            text = f"the end is cut off: {place} was signed over event {size}, the last one there is {last}"
            self._say("cut_off", name, text, last + 1, size)
            return
        link = next((each for each in self.links if each.first_number - 1 <= size < each.next_number), None)
        known = None if link is None else link.chain_at(size)
        if link is None or (known is None and link.is_hot):
            self._say("changed", name, f"no block ends with event {size}, over which {place} was signed", last=size)
        elif known is not None and known != checkpoint.hash:
            text = f"the chain up to event {size} is not the one that {place} was signed over"
            self._say("changed", link.name, text, last=size)

    def _check_age(self, head: Checkpoint) -> None:
        later = [link.received for link in self.links if link.is_hot and link.next_number - 1 > head.size]
        text = ""
        if later and head.state == "closed":
            text = f"it says that the store was closed with event {head.size}, yet there are later ones"
        elif later and max(later) > head.time + int(head.every_s * SECOND_US) + _HEAD_SLACK_US:
            text = f"it was signed at {format_rfc3339(head.time)}, long before the last event came"
        elif self.links and head.size < self.links[-1].first_number - 1:
            text = "it was signed before the newest segment was begun"
        if text:
            text = f"{text}: it is an older one, or events were added"
            self._say("changed", HEAD_FILE, text, head.size + 1, self.last_number)

    def _read_head(self, folder: Path, key: VerifierKey) -> Checkpoint | None:
        try:
            head = read_checkpoint((folder / HEAD_FILE).read_bytes(), key)
        except FileNotFoundError:
            self._say("vanished", HEAD_FILE, "it is gone: nothing tells whether the newest events are all there")
            return None
        except NoteError as error:
            self._say("changed", HEAD_FILE, f"it is not the store's: {error}")
            return None
        if not head.is_head:
            self._say("moved", HEAD_FILE, "it is a checkpoint over the ledger, not one over the chain")
            return None
        return head

    def _read_kept(self, note: bytes, key: VerifierKey) -> Checkpoint | None:
        try:
            return read_checkpoint(note, key)
        except NoteError as error:
            self._say("changed", "kept checkpoint", f"it is not the store's: {error}")
            return None

    def _say(self, kind: Kind, place: str, text: str, first: int | None = None, last: int | None = None) -> None:
        self._found(Finding(kind, place, text, first, last))


def hash_of(text: str) -> bytes:
    """Return the hash that hexadecimal digits stand for, nothing when they are none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
