"""Which profile understands the last lines of a file."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.parse import FORMATS
from agent.profile import CompiledProfile, Definition, compile_profile
from agent.redact import RedactSettings, make_redactor
from agent.tail.ending import last_lines
from agent.tryout import first_event
from watchbook.event import nest

_SAMPLE_LINES: Final = 20


class Trial(NamedTuple):
    """How a file's last lines fared: with the best profile (None: no profile understood any), how many of how many.

    ``sample`` is an event of one of the last lines, redacted.
    """

    profile: str | None
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
        self._lines_max = lines_max
        self._read_us = read_us

    def try_file(self, path: str, preferred: str | None) -> Trial:
        """Return how the file's last lines fare; the ``preferred`` profile wins unless another does much better.

        Raises OSError.
        """
        lines = [line for line in last_lines(path, self._lines_max) if line.strip()]
        scores = {name: self._score(profile, lines) for name, profile in self._profiles.items()}
        best = max(scores, key=lambda name: scores[name], default=None)
        if best is None or not scores[best][0]:
            return Trial(None, len(lines), 0, None)
        if preferred in scores and scores[preferred][0] * 2 >= scores[best][0]:
            best = preferred
        return Trial(best, len(lines), scores[best][0], self._sample(self._profiles[best], lines))

    def _score(self, profile: CompiledProfile, lines: list[bytes]) -> tuple[int, int]:
        """Return how many lines a profile understands, and how many fields it fills."""
        rows = profile(lines, self._read_us).rows
        return len(rows), sum(value is not None for row in rows for value in row)

    def _sample(self, profile: CompiledProfile, lines: Sequence[bytes]) -> dict[str, Any] | None:
        """Return the event of one of the last lines: the one that says most."""
        made = self._events(profile, lines[-_SAMPLE_LINES:]) or self._events(profile, lines)
        return nest(max(made, key=len)) if made else None

    def _events(self, profile: CompiledProfile, lines: Sequence[bytes]) -> list[dict[str, Any]]:
        events = [first_event(profile, line, self._read_us) for line in lines]
        return [event for event in events if event is not None]
