"""Which profiles a log is of, told by some of its lines.  Pure.

A profile that looks for signs of its own in a line (its ``match``, its patterns, a format that only it has) comes
before one that takes any line of a format.  A log of several programs gets several profiles: those that understand a
line which the ones before do not.  A few lines that look like another log's are no reason for its profile where one
for any line of the format understands them too.  In a syslog file any program may turn up later, so it gets all the
profiles of syslog programs, those seen first, and then the one for any syslog line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from agent.records import Normaliser

#: The format whose files are written by many programs.
SHARED_FORMAT: Final = "syslog"
#: The least share of lines that must be understood.
SHARE_MIN: Final = 0.5
#: Profiles that are named in the reason.
_NAMED_MAX: Final = 6


@dataclass(frozen=True)
class Candidate:
    """A profile that may be chosen: ``is_specific`` when not every line of its format is of it."""

    name: str
    format: str
    is_specific: bool
    normalise: Normaliser


class Chosen(NamedTuple):
    """The profiles chosen, in order (none when no profile understands enough), and why, in words.

    ``understood``: how many of the lines looked at (blank ones not counted) the profiles understand that understand
    most together, chosen or not.
    """

    profiles: tuple[str, ...]
    reason: str
    understood: int = 0


class _Trial(NamedTuple):
    candidate: Candidate
    understood: frozenset[int]
    filled: int
    is_named: bool


def choose(lines: Sequence[bytes], candidates: Sequence[Candidate], read_us: int, path: str = "") -> Chosen:
    """Return the profiles for a log that begins with some lines; of two that are as good, one that ``path`` names."""
    wanted = frozenset(place for place, line in enumerate(lines) if line.strip())
    if not wanted:
        return Chosen((), "there are no lines yet")
    trials = [_try(candidate, lines, wanted, read_us, path) for candidate in candidates]
    general = [trial for trial in trials if not trial.candidate.is_specific]
    specific = [trial for trial in trials if trial.candidate.is_specific and not _is_chance(trial, general, wanted)]
    taken = [*_cover(specific, wanted)]
    left = wanted.difference(*(trial.understood for trial in taken))
    taken += _cover(general, left)[:1]
    understood = wanted.difference(left) | frozenset().union(*(trial.understood for trial in taken))
    if len(understood) < SHARE_MIN * len(wanted):
        words = f"{_count(understood, wanted)} {_named(taken) or 'by any profile'}; name one in 'profile'"
        return Chosen((), words, len(understood))
    names = [trial.candidate.name for trial in _with_syslog(taken, trials)]
    words = f"{_count(understood, wanted)} {_named(taken)}{_next_best(taken, trials)}"
    return Chosen(tuple(names), words, len(understood))


def _try(candidate: Candidate, lines: Sequence[bytes], wanted: frozenset[int], read_us: int, path: str) -> _Trial:
    made = candidate.normalise(lines, read_us)
    filled = sum(value is not None for row in made.rows for value in row)
    is_named = candidate.name.partition("-")[0] in path.lower()
    return _Trial(candidate, wanted.difference(each.line for each in made.unparsed), filled, is_named)


def _is_chance(trial: _Trial, general: Sequence[_Trial], wanted: frozenset[int]) -> bool:
    """Return whether a profile understands just some of the lines that one for any line of its format does."""
    if trial.candidate.format == SHARED_FORMAT or len(trial.understood) >= SHARE_MIN * len(wanted):
        return False
    alike = [each for each in general if each.candidate.format == trial.candidate.format]
    return any(trial.understood <= each.understood for each in alike)


def _cover(trials: Sequence[_Trial], wanted: frozenset[int]) -> list[_Trial]:
    """Return trials that understand lines which those before do not, each time the one that understands most."""
    taken: list[_Trial] = []
    left = wanted
    while left and trials:
        best = max(trials, key=lambda trial: (len(trial.understood & left), trial.is_named, trial.filled))
        if not best.understood & left:
            break
        taken.append(best)
        left -= best.understood
    return taken


def _with_syslog(taken: list[_Trial], trials: Sequence[_Trial]) -> list[_Trial]:
    if not any(trial.candidate.format == SHARED_FORMAT for trial in taken):
        return taken
    others = [trial for trial in trials if trial.candidate.format == SHARED_FORMAT and trial not in taken]
    specific = [trial for trial in (*taken, *others) if trial.candidate.is_specific]
    return specific + [trial for trial in (*taken, *others) if not trial.candidate.is_specific]


def _count(understood: frozenset[int], wanted: frozenset[int]) -> str:
    return f"{len(understood)} of the {len(wanted)} lines looked at are understood"


def _named(trials: Sequence[_Trial]) -> str:
    named = ", ".join(f"{trial.candidate.name} {len(trial.understood)}" for trial in trials[:_NAMED_MAX])
    return f"({named})" if named else ""


def _next_best(taken: list[_Trial], trials: Sequence[_Trial]) -> str:
    others = [trial for trial in trials if trial not in taken and trial.understood]
    if not others:
        return ""
    best = max(others, key=lambda trial: (len(trial.understood), trial.filled))
    why = "" if best.candidate.is_specific else ", which takes any line of its format"
    return f"; next best: {best.candidate.name} {len(best.understood)}{why}"
