"""Which profiles understand the last lines of a file."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.parse import FORMATS
from agent.profile import Definition, compile_profile
from agent.records import Normaliser
from agent.redact import RedactSettings, make_redactor
from agent.routes import candidates_of
from agent.routing import Router, choose
from agent.tail.ending import last_lines
from agent.tryout import first_event
from watchbook.event import nest

_SAMPLE_LINES: Final = 20


class Trial(NamedTuple):
    """How a file's last lines fared: with the best profiles (none: too few were understood), how many of how many.

    ``sample`` is an event of one of the last lines, redacted.
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
        self._redactor = make_redactor(RedactSettings())
        known = dict(sorted(profiles.items()))
        self._profiles = {name: compile_profile(each, FORMATS, self._redactor) for name, each in known.items()}
        self._candidates = candidates_of(known, self._profiles.__getitem__)
        self._lines_max = lines_max
        self._read_us = read_us

    def try_file(self, path: str, preferred: str | None) -> Trial:
        """Return how the file's last lines fare; the ``preferred`` profile wins unless others do much better.

        Raises OSError.
        """
        lines = [line for line in last_lines(path, self._lines_max) if line.strip()]
        chosen = choose(lines, self._candidates, self._read_us, path)
        profiles, understood = chosen.profiles, chosen.understood
        if preferred in self._profiles and preferred not in profiles:
            count = len(self._profiles[preferred](lines, self._read_us).rows)
            if count and count * 2 >= understood:
                profiles, understood = (preferred,), count
        return Trial(profiles, len(lines), understood, self._sample(profiles, lines) if profiles else None)

    def _sample(self, names: Sequence[str], lines: Sequence[bytes]) -> dict[str, Any] | None:
        """Return the event of one of the last lines: the one that says most."""
        chosen = [self._profiles[name] for name in names]
        normalise: Normaliser = chosen[0] if len(chosen) == 1 else Router(chosen, self._redactor.suspects)
        made = self._events(normalise, lines[-_SAMPLE_LINES:]) or self._events(normalise, lines)
        return nest(max(made, key=len)) if made else None

    def _events(self, normalise: Normaliser, lines: Sequence[bytes]) -> list[dict[str, Any]]:
        events = [first_event(normalise, line, self._read_us) for line in lines]
        return [event for event in events if event is not None]
