"""Reads the few bytes that tell contents apart: the head of a file, and the anchor before an offset.  I/O only."""

import os
from collections.abc import Iterable
from contextlib import closing
from typing import Protocol

from agent.tail.encodings import encoding_of, ends_a_line, is_wide
from agent.tail.listing import Found
from agent.tail.packed import PackedDamagedError, PackedFile
from agent.tail.track import ANCHOR_BYTES, Track, hash_bytes


class UnreadableError(Exception):
    """A file cannot be looked into just now: that says nothing of its content."""


class Contents(Protocol):
    """The port through which decisions look into files."""

    def read(self, found: Found, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` of a file, fewer at its end.

        Raises UnreadableError when it cannot be read, or is no longer the file that was found.
        """
        ...


class DiskContents:
    """Reads files on disk.  ``errors``: by path, why a file could not be read; whoever reports them empties it."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self._sizes: dict[tuple[int, int, int, int], int] = {}

    def read(self, found: Found, offset: int, size: int) -> bytes:
        """See :class:`Contents`."""
        try:
            if found.packed_bytes:
                return self._read_packed(found, offset, size)
            descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                status = os.fstat(descriptor)
                if (status.st_dev, status.st_ino) != found.identity:
                    raise UnreadableError(f"{found.path} is another file now")
                return os.pread(descriptor, size, offset)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unreadable(found, error) from error

    def unpacked(self, found: Found) -> Found:
        """Return a compressed file with the size of its content, found out once for each state of the file.

        Raises UnreadableError when it cannot be read, is damaged, or is not finished yet.
        """
        key = (*found.identity, found.size, found.modified)
        known = self._sizes.get(key)
        if known is None:
            try:
                with closing(PackedFile(found.path)) as file:
                    if not _is(file.stat(), found):  # renamed since it was listed: nothing is known of either
                        raise UnreadableError(f"{found.path} is another file now")
                    known = file.size()
            except PackedDamagedError as error:
                self._sizes[key] = -1  # not looked at again before it changes
                raise self._unreadable(found, error) from error
            except OSError as error:
                raise self._unreadable(found, error) from error
            self._sizes[key] = known
        if known < 0:
            self.errors[found.path] = "the compressed file is damaged, cut off, or not finished yet"
            raise UnreadableError(found.path)
        return found._replace(size=known, packed_bytes=max(1, found.size))

    def forget_sizes(self, found: Iterable[Found]) -> None:
        """Forget what was found out about compressed files that are not there any more."""
        there = {file.identity for file in found}
        self._sizes = {key: size for key, size in self._sizes.items() if key[:2] in there}

    def _read_packed(self, found: Found, offset: int, size: int) -> bytes:
        with closing(PackedFile(found.path)) as file:
            if not _is(file.stat(), found):
                raise UnreadableError(f"{found.path} is another file now")
            return file.pread(size, offset)

    def _unreadable(self, found: Found, error: OSError) -> UnreadableError:
        if not isinstance(error, FileNotFoundError):
            self.errors[found.path] = error.strerror or str(error)
        return UnreadableError(f"{found.path}: {error}")


def _is(status: os.stat_result, found: Found) -> bool:
    return (status.st_dev, status.st_ino) == found.identity


def has_head_of(contents: Contents, found: Found, track: Track) -> bool:
    """Return whether a file begins like a track's content; False when the track has no head yet."""
    if not track.head_bytes or found.size < track.head_bytes:
        return False
    head = contents.read(found, 0, track.head_bytes)
    return len(head) == track.head_bytes and hash_bytes(head) == track.head_hash


def has_anchor_of(contents: Contents, found: Found, track: Track) -> bool:
    """Return whether a file has, just before the track's offset, the bytes that the track read there."""
    size = track.anchor_bytes
    return not size or hash_bytes(contents.read(found, track.offset - size, size)) == track.anchor_hash


def go_to_end(contents: Contents, found: Found, track: Track, encoding_setting: str) -> None:
    """Begin a track at the end of a file: after its last whole line, or within one whose rest is passed over."""
    encoding = encoding_of(encoding_setting, contents.read(found, 0, 2))
    track.offset = found.size - (found.size % 2 if is_wide(encoding) else 0)
    size = min(track.offset, ANCHOR_BYTES)
    before = contents.read(found, track.offset - size, size)
    track.set_anchor(before)
    track.skipping = not ends_a_line(before, encoding)


def continues(contents: Contents, found: Found, track: Track) -> bool:
    """Return whether a file holds a track's content at least up to its offset."""
    if found.size < track.offset:
        return False
    return (not track.head_bytes or has_head_of(contents, found, track)) and has_anchor_of(contents, found, track)


def same_ends(contents: Contents, one: Found, two: Found, size: int) -> bool:
    """Return whether two files are equal in the first and the last ``size`` of the bytes that both have."""
    read = contents.read
    first, second = read(one, 0, size), read(two, 0, size)
    shared = min(len(first), len(second))
    if not shared or first[:shared] != second[:shared]:
        return False
    both = min(one.size, two.size)
    begin = max(0, both - size)
    return read(one, begin, both - begin) == read(two, begin, both - begin)
