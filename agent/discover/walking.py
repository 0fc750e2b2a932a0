"""What lies in the folders: every log under the name that its application writes, with its rotated files.  I/O."""

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Final, NamedTuple

from agent.discover.places import Places
from agent.tail.names import live_names
from agent.tail.packed import is_packed

#: How deep folders are followed, and how many files are looked at.
DEPTH_MAX: Final = 8
FILES_MAX: Final = 20_000
_HEAD_BYTES: Final = 4096
_STAMPED: Final = re.compile(r"(?P<stem>.+?)(?P<sign>[._-])\d[\d._:T-]*(?P<extension>\.[A-Za-z]+)")
_ARCHIVES: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z", ".zip", ".tar", ".tgz")
_TEXT_CONTROLS: Final = frozenset(b"\t\n\r\x1b\x0c\x08")


class Log(NamedTuple):
    """A log: the pattern that names it, the file whose lines are tried (None: it has none), and how many were rotated.

    Paths are those of the host that is looked at; ``real`` is where the file lies here.
    """

    pattern: str
    path: str
    real: str | None
    size: int
    rotated: int


class Unread(NamedTuple):
    """A file or folder that is not read, and why."""

    path: str
    why: str


class _File(NamedTuple):
    path: str
    real: str
    size: int
    modified: int


class Walker:
    """Looks at a host whose files lie below ``root``.  ``unread`` collects what is left out."""

    def __init__(self, root: str, places: Places) -> None:
        self._root = root.rstrip("/")
        self._places = places
        self._seen: set[tuple[int, int]] = set()
        self.unread: list[Unread] = []

    def logs(self, paths: Iterable[str] | None) -> list[Log]:
        """Return the logs in the folders of the table and of its known logs, or in ``paths`` (files or folders)."""
        found: dict[str, _File] = {}
        for real in self._starts(paths):
            for file in self._files(real, 0):
                found[file.path] = file
                if len(found) >= FILES_MAX:
                    self.unread.append(Unread(self._shown(real), f"only the first {FILES_MAX} files were looked at"))
                    return self._grouped(found)
        return self._grouped(found)

    def _starts(self, paths: Iterable[str] | None) -> Iterator[str]:
        if paths is not None:
            for path in paths:
                yield self._root + path
            return
        for folder in self._places.folders:
            if os.path.isdir(self._root + folder):  # noqa: PTH112
                yield self._root + folder
        for log in self._places.logs:
            for pattern in log.files:
                yield from sorted(glob.glob(glob.escape(self._root) + pattern, recursive=True))  # noqa: PTH207

    def _shown(self, real: str) -> str:
        return real.removeprefix(self._root) or "/"

    def _files(self, real: str, depth: int) -> Iterator[_File]:
        shown = self._shown(real)
        try:
            status = os.stat(real)  # noqa: PTH116
            if stat.S_ISDIR(status.st_mode):
                yield from self._within(real, shown, depth)
            elif stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in self._seen:
                self._seen.add((status.st_dev, status.st_ino))
                if (why := self._why_unread(real, shown)) is None:
                    yield _File(shown, real, status.st_size, status.st_mtime_ns)
                else:
                    self.unread.append(Unread(shown, why))
        except OSError as error:
            self.unread.append(Unread(shown, f"cannot be read: {error.strerror}"))

    def _within(self, real: str, shown: str, depth: int) -> Iterator[_File]:
        if why := self._places.why_unread(f"{shown}/."):
            self.unread.append(Unread(shown, why))
        elif depth >= DEPTH_MAX:
            self.unread.append(Unread(shown, f"more than {DEPTH_MAX} folders deep"))
        else:
            with os.scandir(real) as entries:
                inner = sorted((entry.name, entry.is_dir() and entry.is_symlink()) for entry in entries)
            for name, leads_away in inner:
                if not leads_away:
                    yield from self._files(f"{real.rstrip('/')}/{name}", depth + 1)

    def _why_unread(self, real: str, shown: str) -> str | None:
        if why := self._places.why_unread(shown):
            return why
        try:
            shown.encode()
        except UnicodeEncodeError:
            return "its name is not UTF-8"
        if is_packed(shown) or shown.endswith(_ARCHIVES):
            is_log = live_names(PurePath(shown).name) and not PurePath(shown).stem.endswith(".tar")
            return None if is_log else "an archive, no log"
        with open(real, "rb") as file:  # noqa: PTH123
            head = file.read(_HEAD_BYTES)
        return "binary" if is_binary(head) else None

    def _grouped(self, files: dict[str, _File]) -> list[Log]:
        groups: dict[str, list[_File]] = {}
        for file in files.values():
            folder = PurePath(file.path).parent
            names = live_names(PurePath(file.path).name)
            live = sorted(path for path in (str(folder / name) for name in names) if path in files)
            groups.setdefault(live[0] if live else _key(file.path, names), []).append(file)
        return [log for key in sorted(groups) if (log := self._log(key, groups[key], key in files)) is not None]

    def _log(self, key: str, members: list[_File], is_live: bool) -> Log | None:
        plain = [file for file in members if not file.path.endswith(_ARCHIVES)]
        tried = next((file for file in plain if file.path == key), None)
        tried = tried or max(plain, key=lambda file: file.modified, default=None)
        if tried is None:
            self.unread.append(Unread(key, f"{len(members)} compressed files, and the log itself is not there"))
            return None
        pattern = key if not is_live and "*" in PurePath(key).name else glob.escape(key)
        return Log(pattern, tried.path, tried.real, tried.size, len(members) - 1)


def _key(path: str, names: frozenset[str]) -> str:
    """Return what files without a live one belong together under: a pattern where the date is in the name."""
    name = PurePath(path).name
    stamped = _STAMPED.fullmatch(name.removesuffix(".gz"))
    if not names:
        return path
    if stamped is not None:
        name = f"{stamped['stem']}{stamped['sign']}*{stamped['extension']}"
        return str(PurePath(glob.escape(str(PurePath(path).parent)), name))
    return str(PurePath(path).with_name(min(names, key=len)))


def is_binary(head: bytes) -> bool:
    """Return whether the first bytes of a file are no text: a NUL, or more than a tenth of control characters."""
    controls = sum(byte < 32 and byte not in _TEXT_CONTROLS for byte in head)
    return b"\0" in head or controls * 10 > len(head)
