"""Reads the few bytes that tell contents apart: the head of a file, and the anchor before an offset.  I/O only."""

import hashlib
import os
from typing import Protocol

from agent.tail.listing import Found
from agent.tail.track import Track


class Contents(Protocol):
    """The port through which decisions look into files.  Bytes that cannot be read come back as shorter or empty."""

    def read(self, found: Found, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` of a file, if it still is the file that was found."""
        ...


class DiskContents:
    """Reads files on disk."""

    def read(self, found: Found, offset: int, size: int) -> bytes:
        """See :class:`Contents`."""
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != found.identity:
                return b""
            return os.pread(descriptor, size, offset)
        except OSError:
            return b""
        finally:
            os.close(descriptor)


def hash_head(head: bytes) -> bytes:
    """Return the fingerprint of a head."""
    return hashlib.blake2b(head, digest_size=16).digest()


def has_head_of(contents: Contents, found: Found, track: Track) -> bool:
    """Return whether a file begins like a track's content; False when the track has no head yet."""
    if not track.head_bytes or found.size < track.head_bytes:
        return False
    head = contents.read(found, 0, track.head_bytes)
    return len(head) == track.head_bytes and hash_head(head) == track.head_hash


def has_anchor_of(contents: Contents, found: Found, track: Track) -> bool:
    """Return whether a file has, just before the track's offset, the bytes that the track read there."""
    size = len(track.anchor)
    return contents.read(found, track.offset - size, size) == track.anchor


def continues(contents: Contents, found: Found, track: Track) -> bool:
    """Return whether a file holds a track's content at least up to its offset."""
    if found.size < track.offset:
        return False
    return (not track.head_bytes or has_head_of(contents, found, track)) and has_anchor_of(contents, found, track)


def same_start(contents: Contents, one: Found, two: Found, size: int) -> bool:
    """Return whether one of two files begins like the other, over what both have of the first ``size`` bytes."""
    first, second = contents.read(one, 0, size), contents.read(two, 0, size)
    shared = min(len(first), len(second))
    return shared > 0 and first[:shared] == second[:shared]
