"""What becomes of lines for which no profile was found: they are kept, unparsed, with the reason."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agent.records import Normalised, Unparsed

REASON: Final = "no profile was found for this log; name one in the input's 'profile'"


class Undecided:
    """See :class:`agent.records.Normaliser`.  ``redact`` is that of the redactor for texts."""

    name = "auto"
    fields: tuple[str, ...] = ("time", "flags")

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    @property
    def constants(self) -> Mapping[str, str]:
        """Nothing: there are no events."""
        return {}

    def __call__(self, lines: Sequence[bytes], read_us: int) -> Normalised:  # noqa: ARG002 - as of all
        """Return every line that is not blank as unparsed."""
        unparsed = [
            Unparsed(place, self._redact(line.decode(errors="replace")), REASON)
            for place, line in enumerate(lines)
            if line.strip()
        ]
        return Normalised([], [], unparsed, blank=len(lines) - len(unparsed))
