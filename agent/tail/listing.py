"""What lies in the folders: every regular file with its stat, and which of them an input names.  I/O only."""

import contextlib
import glob
import os
import stat
from collections.abc import Iterable
from pathlib import PurePath
from typing import NamedTuple


class Found(NamedTuple):
    """A regular file under one of its names; ``modified`` in nanoseconds.

    ``size`` is that of the content; ``packed_bytes`` of the file, if it is a compressed one (else 0).
    """

    path: str
    device: int
    inode: int
    size: int
    modified: int
    packed_bytes: int = 0

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode


class Listing(NamedTuple):
    """``files`` by path; by folder, why it could not be listed (``unreadable``), what was left out (``strange``).

    ``links`` are the paths that are symbolic links.
    """

    files: dict[str, Found]
    unreadable: dict[str, str]
    strange: dict[str, str]
    links: set[str]

    def take_in(self, more: "Listing") -> None:
        """Add what another listing found, in other folders."""
        self.files.update(more.files)
        self.unreadable.update(more.unreadable)
        self.strange.update(more.strange)


def expand(patterns: Iterable[str]) -> list[str]:
    """Return the paths that glob patterns match, each once, sorted within a pattern."""
    # Hints and folders come without doubled slashes too.
    plain = (str(PurePath(pattern)) for pattern in patterns)
    found = (sorted(glob.glob(pattern, recursive=True)) for pattern in plain)  # noqa: PTH207  # absolute patterns
    return list(dict.fromkeys(path for paths in found for path in paths if _is_text(path)))


def list_folders(folders: Iterable[str]) -> Listing:
    """Return every regular file in the folders; symbolic links are followed to the file they lead to."""
    files: dict[str, Found] = {}
    unreadable: dict[str, str] = {}
    strange: dict[str, str] = {}
    links: set[str] = set()
    for folder in folders:
        unreadable_names = 0
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not _is_text(entry.name):
                        unreadable_names += 1
                    else:
                        if entry.is_symlink():
                            links.add(entry.path)
                        if found := look_at(entry.path):
                            files[entry.path] = found
            if unreadable_names:
                unreadable_words = f"{unreadable_names} names of files in it are not UTF-8; those files are not read"
                strange[folder] = unreadable_words
        except FileNotFoundError:
            continue
        except OSError as error:
            unreadable[folder] = error.strerror or str(error)
    return Listing(files, unreadable, strange, links)


def _is_text(name: str) -> bool:
    """Return whether a name is UTF-8: no other can be stored or sent."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def look_at(path: str) -> Found | None:
    """Return the regular file at a path, None when there is none."""
    with contextlib.suppress(OSError):
        status = os.stat(path)  # noqa: PTH116  # on every file of every rescan: a Path object each is measurable
        if stat.S_ISREG(status.st_mode):
            return Found(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return None
