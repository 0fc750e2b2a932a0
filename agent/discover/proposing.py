"""From what lies on a host to inputs that would read it."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from agent.discover.places import Places
from agent.discover.trying import Trial, Trier
from agent.discover.walking import Log, Unread, Walker
from agent.profile import Definition
from agent.tail.names import matches

#: A profile is proposed for an unknown file when it understands at least this share of its last lines.
SHARE_MIN: Final = 0.5
_JOURNALS: Final = ("/var/log/journal", "/run/log/journal")


@dataclass
class Proposal:
    """An input that would read some logs: the worst share of lines understood, and an event of the first of them."""

    name: str
    profiles: tuple[str, ...]
    zone: str | None = None
    logs: list[tuple[Log, Trial]] = field(default_factory=list)
    patterns: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        """The share of all lines tried that were understood, None when there was none to try."""
        lines = sum(trial.lines for _, trial in self.logs)
        return sum(trial.understood for _, trial in self.logs) / lines if lines else None


@dataclass
class Discovery:
    """All that was found.  ``journal``: where systemd's journal lies, None when there is none."""

    proposals: list[Proposal]
    not_understood: list[tuple[Log, Trial]]
    unread: list[Unread]
    journal: str | None


def discover(
    root: str, paths: Iterable[str] | None, places: Places, profiles: Mapping[str, Definition], trier: Trier
) -> Discovery:
    """Look at the host whose files lie below ``root`` ("" for this one); see :meth:`Walker.logs` for ``paths``."""
    walker = Walker(root, places)
    logs = walker.logs(paths)
    zone = _zone_of(root)
    proposals: dict[tuple[str, str, tuple[str, ...]], Proposal] = {}
    rest: list[tuple[Log, Trial]] = []
    for log in logs:
        known = places.log_of(log.path)
        preferred = tuple(name for name in known.profile_names if name in profiles) if known else ()
        try:
            trial = trier.try_file(log.real or "", preferred)
        except OSError as error:
            walker.unread.append(Unread(log.path, f"cannot be read: {error.strerror}"))
            continue
        names = trial.profiles if trial.lines else preferred
        if not names or (names != preferred and trial.share < SHARE_MIN):
            rest.append((log, trial))
            continue
        place = PurePath(log.pattern)
        key = (known.name if known else str(place.parent), place.suffix, names)
        proposal = proposals.setdefault(key, Proposal(known.name if known else _name_of(log), names))
        proposal.logs.append((log, trial))
        proposal.zone = zone if any(_has_no_zone(profiles[name]) for name in names) else None
    everything = [log.path for log in logs] + [each.path for each in walker.unread]
    for proposal in proposals.values():
        proposal.patterns = _patterns(proposal, everything)
    _make_names_unique(proposals.values())
    journal = next((place for place in _JOURNALS if os.path.isdir(root + place)), None)  # noqa: PTH112
    return Discovery(list(proposals.values()), rest, walker.unread, journal)


def _patterns(proposal: Proposal, everything: Iterable[str]) -> tuple[str, ...]:
    """Return one pattern for several logs of a folder where it matches nothing else, else each log's own."""
    own = tuple(log.pattern for log, _ in proposal.logs)
    folders = {PurePath(pattern).parent for pattern in own}
    suffixes = {PurePath(pattern).suffix for pattern in own}
    if len(own) < 2 or len(folders) > 1 or len(suffixes) > 1 or not min(suffixes):
        return own
    wide = str(folders.pop() / f"*{suffixes.pop()}")
    strange = [path for path in everything if matches(path, wide) and not any(matches(path, each) for each in own)]
    return own if strange else (wide,)


def _name_of(log: Log) -> str:
    """Return a name for the input of an unknown log: its folder, or the file where that is the folder of all logs."""
    path = PurePath(log.path)
    name = path.name.split(".")[0] if str(path.parent) == "/var/log" else path.parent.name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "log"


def _make_names_unique(proposals: Iterable[Proposal]) -> None:
    taken: set[str] = set()
    for proposal in proposals:
        name = base = proposal.name
        if name in taken:
            name = base = f"{base}-{proposal.profiles[0]}"
        number = 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        proposal.name = name
        taken.add(name)


def _has_no_zone(definition: Definition) -> bool:
    """Return whether the times of a profile do not name their zone, so that the host's own must be given."""
    return any(rule.format == "syslog" for rule in definition.time)


def _zone_of(root: str) -> str | None:
    """Return the time zone of the host, None when it is UTC or not known."""
    try:
        link = os.readlink(f"{root}/etc/localtime")  # noqa: PTH115
        name = link.partition("zoneinfo/")[2]
    except OSError:
        try:
            name = Path(f"{root}/etc/timezone").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
    return None if name in ("", "UTC", "Etc/UTC", "Universal", "Zulu") else name
