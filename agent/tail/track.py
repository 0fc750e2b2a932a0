"""What the agent remembers of one file's content, from start to start.

A track follows content, not a name: it is known again by device and inode together with the head of the content
(``head_hash`` over the first ``head_bytes``), and by the anchor (``anchor_hash`` over the last ``anchor_bytes`` before
``offset``).  Hashes, because the bytes themselves may hold what redaction keeps out of the spool.  The head grows with
the file until it is long enough, so that short files are told apart too.  A track is stored as a JSON document in
the same transaction as the batch that holds the lines up to its ``offset``.
"""

from typing import Final, Literal

import msgspec

try:
    from _blake2 import blake2b  # the same function; hashlib takes all digests of OpenSSL along, 0.6 MB
except ImportError:  # a Python that was built without it has OpenSSL's
    from hashlib import blake2b

from agent.tail.listing import Found

#: How many bytes before the offset are compared on every read.
ANCHOR_BYTES: Final = 1024

#: live: under a name that its input names.  rotated: no longer, being read to its end.  finished: read to its end, kept
#: so that it is known when it is met again.  ignored: was there before the input was first started; never read.
#: missing: nowhere to be found; kept for a while, in case it comes back (a folder that was unmounted).
State = Literal["live", "rotated", "finished", "ignored", "missing"]


class Account(msgspec.Struct, omit_defaults=True):
    """What became of a file's bytes: ``read = delivered + dropped + unparsed + lost``, always.

    ``read``: all that was gone past, and what was gone before it could be read.  ``delivered``: lines that became
    events; ``dropped``: blank lines, NUL bytes; ``unparsed``: lines that are kept as they were; ``lost``: beyond the
    limit of a line, or gone.  And of lines: how many there were, stayed unparsed, were cut, held bytes that had to be
    replaced; ``nuls``: NUL bytes met.
    """

    read: int = 0
    delivered: int = 0
    dropped: int = 0
    unparsed: int = 0
    lost: int = 0
    lines: int = 0
    lines_unparsed: int = 0
    lines_cut: int = 0
    lines_replaced: int = 0
    nuls: int = 0

    def add(self, other: "Account") -> None:
        """Add the counts of another."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Track(msgspec.Struct, kw_only=True):
    """One file's content.  ``offset``: bytes handed on as whole lines; ``size``: as last seen, both in bytes.

    ``account`` is since the track began.  ``encoding``: how its bytes were read last, for people.
    ``missing_since``: microseconds since the epoch.  ``packed_bytes`` and ``packed_modified`` (nanoseconds): size and
    time of the compressed file that holds the content, which never changes again; 0 where it is not compressed.
    """

    id: int
    input: str
    path: str
    device: int
    inode: int
    state: State = "live"
    offset: int = 0
    size: int = 0
    head_bytes: int = 0
    head_hash: bytes = b""
    anchor_bytes: int = 0
    anchor_hash: bytes = b""
    skipping: bool = False
    account: Account = msgspec.field(default_factory=Account)
    encoding: str = ""
    missing_since: int = 0
    packed_bytes: int = 0
    packed_modified: int = 0

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    @property
    def is_blank(self) -> bool:
        """Whether nothing is remembered by which the content could be known again: the file was empty."""
        return not self.head_bytes and not self.offset

    def set_anchor(self, before: bytes) -> None:
        """Note the bytes that stand before the offset; the last of them become the anchor."""
        anchor = before[-ANCHOR_BYTES:]
        self.anchor_bytes, self.anchor_hash = len(anchor), hash_bytes(anchor)

    def is_packed_in(self, found: Found) -> bool:
        """Return whether a compressed file is the very one that the content was found in: it is known then."""
        known = self.packed_bytes, self.packed_modified
        return bool(found.packed_bytes) and known == (found.packed_bytes, found.modified)

    def note_packed(self, found: Found) -> None:
        """Note the compressed file that holds the content, or that the file is not compressed."""
        self.packed_bytes, self.packed_modified = found.packed_bytes, found.modified if found.packed_bytes else 0

    @property
    def is_read(self) -> bool:
        """Whether lines are read from it."""
        return self.state in ("live", "rotated")


def hash_bytes(data: bytes) -> bytes:
    """Return the fingerprint of a head or an anchor."""
    return blake2b(data, digest_size=16).digest()


def encode_track(track: Track) -> bytes:
    """Return the document of a track."""
    return msgspec.json.encode(track)


def decode_track(document: bytes) -> Track:
    """Return the track of a document; raises msgspec.ValidationError when it is none."""
    return msgspec.json.decode(document, type=Track)
