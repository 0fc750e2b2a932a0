"""Which profile understands the last lines of a file, or which several do together."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.config import record_settings
from agent.parse import FORMATS
from agent.profile import CompiledProfile, Definition, compile_profile
from agent.redact import RedactSettings, make_redactor
from agent.routes import candidates_of
from agent.routing import choose
from agent.tail import MultilineSettings, join_lines
from agent.tail.ending import last_lines
from agent.tryout import first_event
from watchbook.event import nest

_SAMPLE_LINES: Final = 20
_RECORD_BYTES_MAX: Final = 256 << 10


class Trial(NamedTuple):
    """How a file's last lines fared: with the best profile (none: no profile understood any), how many of how many.

    Several ``profiles`` are those of a known log of several programs.  ``lines`` counts records where the profile says
    what makes one.  ``sample`` is an event of one of the last lines, redacted.
    """

    profiles: tuple[str, ...]
    lines: int
    understood: int
    sample: dict[str, Any] | None

    @property
    def share(self) -> float:
        """The share of lines that were understood."""
        return self.understood / self.lines if self.lines else 0.0


class Trier:
    """Tries profiles on the last ``lines_max`` lines of files; ``read_us`` is now."""

    def __init__(self, profiles: Mapping[str, Definition], lines_max: int, read_us: int) -> None:
        redactor = make_redactor(RedactSettings())
        self._profiles = {name: compile_profile(each, FORMATS, redactor) for name, each in sorted(profiles.items())}
        known = dict(sorted(profiles.items()))
        self._candidates = candidates_of(known, self._profiles.__getitem__)
        self._framings = {
            name: record_settings(each.record_node) for name, each in profiles.items() if each.record_node is not None
        }
        self._lines_max = lines_max
        self._read_us = read_us

    def try_file(self, path: str, preferred: tuple[str, ...]) -> Trial:
        """Return how the file's last lines fare; the ``preferred`` profiles win unless another does much better.

        Raises OSError.
        """
        lines = [line for line in last_lines(path, self._lines_max) if line.strip()]
        records = self._records(lines)
        names: list[tuple[str, ...]] = [(candidate.name,) for candidate in self._candidates]
        names += [choose(lines, self._candidates, self._read_us, path).profiles, preferred]
        ways = {way: self._score(way, records[self._framing(way)]) for way in dict.fromkeys(names) if way}
        best = max(ways, key=lambda way: ways[way], default=())
        if not best or not ways[best][0]:
            return Trial((), len(lines), 0, None)
        if preferred in ways and ways[preferred][0] * 2 >= ways[best][0]:
            best = preferred
        tried = records[self._framing(best)]
        return Trial(best, len(tried), ways[best][1], self._sample(best, tried))

    def _framing(self, names: tuple[str, ...]) -> MultilineSettings | None:
        return next((self._framings[name] for name in names if name in self._framings), None)

    def _records(self, lines: list[bytes]) -> dict[MultilineSettings | None, list[bytes]]:
        """Return the records that the lines make, by what says how."""
        made: dict[MultilineSettings | None, list[bytes]] = {None: lines}
        for framing in self._framings.values():
            if framing not in made:
                made[framing] = join_lines(lines, framing, _RECORD_BYTES_MAX) if lines else []
        return made

    def _score(self, names: tuple[str, ...], records: list[bytes]) -> tuple[float, int, int]:
        """Return which share of some records is understood, how many, and how many fields are filled."""
        understood: set[int] = set()
        fields = 0
        for name in names:
            made = self._profiles[name](records, self._read_us)
            places = range(len(records)) if made.row_lines is None else made.row_lines
            for place, row in zip(places, made.rows, strict=True):
                if place not in understood:
                    fields += sum(value is not None for value in row)
            understood.update(places)
        return (len(understood) / len(records) if records else 0.0), len(understood), fields

    def _sample(self, names: tuple[str, ...], records: Sequence[bytes]) -> dict[str, Any] | None:
        """Return the event of one of the last records: the one that says most."""
        profiles = [self._profiles[name] for name in names]
        made = self._events(profiles, records[-_SAMPLE_LINES:]) or self._events(profiles, records)
        return nest(max(made, key=len)) if made else None

    def _events(self, profiles: Sequence[CompiledProfile], records: Sequence[bytes]) -> list[dict[str, Any]]:
        found = []
        for record in records:
            events = (first_event(profile, record, self._read_us) for profile in profiles)
            found.append(next((event for event in events if event is not None), None))
        return [event for event in found if event is not None]
