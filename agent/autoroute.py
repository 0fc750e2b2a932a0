"""Inputs whose profile is ``auto``: each file gets the profiles that understand its first lines.

What is chosen for a file stays, until the agent starts anew or reads its configuration again; only while fewer lines
than asked for were there to be looked at, it is looked at again as they come.

All the profiles to choose from take much memory.  They are kept for a while, for there may be many files, then let go.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.pump import Route
from agent.records import Chunk
from agent.routing import Candidate, Chosen, choose
from watchbook.clock import SECOND_US, Clock
from watchbook.logs import get_logger

log = get_logger("auto")
#: How much of a file's head is read to find its first lines.
_HEAD_BYTES: Final = 256 << 10
#: How long the profiles to choose from are kept behind the last choice.
_KEPT_US: Final = 60 * SECOND_US


@dataclass
class _Choice:
    """What was chosen for a file, by how many lines, and the lines so far while there are fewer than asked for."""

    chosen: Chosen
    route: Route
    looked_at: int
    lines: list[bytes]


class AutoRoutes:
    """Gives each file of an input its route.

    ``candidates`` makes the profiles to choose from, ``route_of`` the route of the ones chosen (none: of lines that
    nobody understands), and ``join`` records of lines.  ``choices`` says what was chosen, by file.
    """

    def __init__(
        self,
        name: str,
        lines_max: int,
        candidates: Callable[[], Sequence[Candidate]],
        route_of: Callable[[tuple[str, ...]], Route],
        join: Callable[[list[bytes]], list[bytes]],
        clock: Clock,
    ) -> None:
        self._name = name
        self._lines_max = lines_max
        self._make_candidates = candidates
        self._candidates: Sequence[Candidate] | None = None
        self._used_us = 0
        self._route_of = route_of
        self._join = join
        self._clock = clock
        self._routes: dict[tuple[str, ...], Route] = {}
        self._files: dict[str, _Choice] = {}

    @property
    def choices(self) -> dict[str, Chosen]:
        """What was chosen, by file."""
        return {file: choice.chosen for file, choice in self._files.items()}

    def __call__(self, chunk: Chunk) -> Route:
        """Return the route of some lines."""
        if self._candidates is not None and self._clock() - self._used_us > _KEPT_US:
            self._candidates = None
        choice = self._files.get(chunk.file)
        if choice is None:
            lines = self.head(chunk.file) or list(chunk.lines[: self._lines_max])
            return self._decide(chunk.file, lines).route
        if len(choice.lines) < self._lines_max:
            choice.lines += chunk.lines[: self._lines_max - len(choice.lines)]
            if len(choice.lines) >= min(2 * choice.looked_at, self._lines_max):
                return self._decide(chunk.file, choice.lines).route
        return choice.route

    def look(self, file: str) -> Chosen:
        """Return what would be chosen for a file; nothing is remembered."""
        return choose(self.head(file), self._all(), self._clock(), file)

    def head(self, file: str) -> list[bytes]:
        """Return the first records of a file, none when it cannot be read or is compressed."""
        with suppress(OSError), Path(file).open("rb") as opened:
            lines = opened.read(_HEAD_BYTES).split(b"\n")[:-1]
            if not any(b"\0" in line for line in lines):
                return self._join([line.removesuffix(b"\r") for line in lines])[: self._lines_max]
        return []

    def _decide(self, file: str, lines: list[bytes]) -> _Choice:
        chosen = choose(lines, self._all(), self._clock(), file)
        before = self._files.get(file)
        if before is None or before.chosen.profiles != chosen.profiles:
            say = log.info if chosen.profiles else log.warning
            say("profile_chosen", input=self._name, file=file, profiles=list(chosen.profiles), reason=chosen.reason)
        if chosen.profiles not in self._routes:
            self._routes[chosen.profiles] = self._route_of(chosen.profiles)
        choice = _Choice(chosen, self._routes[chosen.profiles], max(1, len(lines)), lines)
        self._files[file] = choice
        return choice

    def _all(self) -> Sequence[Candidate]:
        if self._candidates is None:
            self._candidates = self._make_candidates()
        self._used_us = self._clock()
        return self._candidates
