"""What ``watchbook agent check`` finds about the log files: can they be reached, read, and by which input."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Final

from agent.config import AgentSettings
from agent.finding import Finding
from agent.tail.listing import expand

#: Files of a pattern that are named one by one.
_NAMED_MAX: Final = 10
Can = Callable[[str, int], bool]


def check_files(settings: AgentSettings, can: Can = os.access) -> Iterator[Finding]:
    """Yield what is right and wrong with the files of all inputs; ``can`` is asked as :func:`os.access` is."""
    owners: dict[str, str] = {}
    for each in settings.inputs:
        shared: dict[str, list[str]] = {}
        for pattern in each.files:
            yield from _check_pattern(each.name, pattern, can)
            for path in expand([pattern]):
                if owners.setdefault(path, each.name) != each.name:
                    shared.setdefault(owners[path], []).append(path)
        for owner, paths in shared.items():
            text = f"input {each.name}: {_listed(paths)}: input {owner} names it too, comes first and reads it"
            yield Finding(False, f"{text}; take it out of one of them", note=True)


def matched_files(settings: AgentSettings) -> int:
    """Return how many files the inputs name now."""
    return len({path for each in settings.inputs for path in expand(each.files)})


def barriers(pattern: str, can: Can = os.access) -> Iterator[tuple[str, str]]:
    """Yield (folder, what is not allowed in it) for each folder that hides files which a pattern may name."""
    folders = ["/"]
    parts = PurePath(pattern).parts[1:]
    for index, part in enumerate(parts):
        is_wild = any(sign in part for sign in "*?[")
        reached: list[str] = []
        for folder in folders:
            if not can(folder, os.X_OK):
                yield folder, "entered"
            elif is_wild and not can(folder, os.R_OK):
                yield folder, "listed"
            elif index < len(parts) - 1:
                reached.extend(_below(folder, part))
        folders = reached


def _below(folder: str, part: str) -> Iterator[str]:
    """Yield the folders in a folder that one part of a pattern names; all of any depth for ``**``."""
    if part == "**":
        yield folder
        for inner in _below(folder, "*"):
            yield from _below(inner, "**")
    elif not any(sign in part for sign in "*?["):
        inner = str(PurePath(folder, part))
        if os.path.isdir(inner):  # noqa: PTH112
            yield inner
    else:
        with suppress(OSError), os.scandir(folder) as entries:
            yield from sorted(entry.path for entry in entries if entry.is_dir() and fnmatchcase(entry.name, part))


def _check_pattern(name: str, pattern: str, can: Can) -> Iterator[Finding]:
    hidden = dict(barriers(pattern, can))
    for folder, what in hidden.items():
        yield Finding(
            True,
            f"input {name}: {folder} ({_mode(folder)}) cannot be {what}, so {pattern} is not found; "
            f"give the agent's user a way in: setfacl -m u:watchbook-agent:rx {folder}",
        )
    paths = expand([pattern])
    if not paths and not hidden:
        missing = _missing_folder(pattern)
        why = f"there is no folder {missing}" if missing else f"nothing matches {pattern} yet"
        yield Finding(False, f"input {name}: {why}; it will be read when it appears", note=True)
    strange = [path for path in paths if not os.path.isfile(path)]  # noqa: PTH113
    if strange:
        yield Finding(False, f"input {name}: {_listed(strange)}: no regular file, so it is not read", note=True)
    files = [path for path in paths if path not in strange]
    readable = [path for path in files if can(path, os.R_OK)]
    if readable:
        yield Finding(False, f"input {name}: {_listed(readable)}: readable")
    for path in [path for path in files if path not in set(readable)][:_NAMED_MAX]:
        yield Finding(
            True,
            f"input {name}: {path} ({_mode(path)}) is not readable; add the agent's user to the file's group, "
            f"or: setfacl -m u:watchbook-agent:r {path}",
        )
    hidden_files = len(files) - len(readable) - _NAMED_MAX
    if hidden_files > 0:
        yield Finding(True, f"input {name}: {hidden_files} more files of {pattern} are not readable")


def _missing_folder(pattern: str) -> str | None:
    """Return the first folder of a pattern, before any wildcard, that is not there."""
    path = PurePath("/")
    for part in PurePath(pattern).parts[1:-1]:
        if any(sign in part for sign in "*?["):
            return None
        path /= part
        if not os.path.isdir(path):  # noqa: PTH112
            return str(path)
    return None


def _listed(paths: Iterable[str]) -> str:
    every = list(paths)
    more = f" and {len(every) - _NAMED_MAX} more" if len(every) > _NAMED_MAX else ""
    return ", ".join(every[:_NAMED_MAX]) + more


def _mode(path: str) -> str:
    """Return mode and owner as ``ls`` shows them."""
    try:
        found = Path(path)
        status = found.stat()
        owner, group = _name(found.owner, status.st_uid), _name(found.group, status.st_gid)
        return f"{stat.filemode(status.st_mode)} {owner}:{group}"
    except OSError as error:
        return error.strerror or str(error)


def _name(ask: Callable[[], str], number: int) -> str:
    try:
        return ask()
    except KeyError:
        return str(number)
