"""What the agent's rooms hand to each other: lines on their way to becoming events."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

#: What stands in the place of a secret.
REDACTED: Final = "[REDACTED]"
_NOTHING_DROPPED: Final[Mapping[str, int]] = MappingProxyType({})


class NotAnEventError(ValueError):
    """A line that is well understood and tells of nothing that happened, such as the heading of a CSV file.

    ``kind`` is what it is, in one word.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"is no event: {kind}")
        self.kind = kind


class OptionError(ValueError):
    """An option of a format that cannot be used; ``reason`` reads on after the option's name."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"the option '{option}' {reason}")
        self.option = option
        self.reason = reason


class Unparsed(NamedTuple):
    """A line that no profile understood: its place among the lines given, its (redacted) text, and why."""

    line: int
    raw: str
    reason: str


class Normalised(NamedTuple):
    """What a profile made of some lines.

    ``rows`` are tuples in the order of the profile's ``fields``.  ``row_lines`` gives, for each row, the place of its
    line among the lines given, in order; None when every line became the row at its own place.  A line that holds
    several events has several rows: its place comes several times.  ``blank`` counts the lines of nothing but
    whitespace: they are no events, and neither rows nor unparsed.  ``replaced`` counts the lines that held bytes which
    are no UTF-8.  ``dropped`` counts the events left out on purpose, by the name of the kind or rule that did it; a
    line whose every event was dropped has neither a row nor an Unparsed.
    """

    rows: list[tuple[Any, ...]]
    row_lines: list[int] | None
    unparsed: list[Unparsed]
    blank: int = 0
    replaced: int = 0
    dropped: Mapping[str, int] = _NOTHING_DROPPED


class Piece(NamedTuple):
    """What a line of a container's log holds: text of one of its streams, all of a line or (not ``whole``) a part."""

    stream: str
    text: bytes
    whole: bool


#: Takes the wrapper off a line; None for a line that is not wrapped.
Peel = Callable[[bytes], Piece | None]


class Normaliser(Protocol):
    """A compiled profile: turns lines into rows of event fields."""

    @property
    def name(self) -> str:
        """The profile's name."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The event fields of a row, in order.  ``time`` (microseconds) is among them."""
        ...

    @property
    def constants(self) -> Mapping[str, str]:
        """Text fields that every event has with the same value."""
        ...

    def __call__(self, lines: Sequence[bytes], read_us: int) -> Normalised:
        """Normalise lines (without their newline) that were read at ``read_us``.  Never raises for a strange line."""
        ...


class Redactor(Protocol):
    """Takes secrets out of what is on its way to the spool."""

    def suspects(self, chunk: bytes) -> bool:
        """Return whether some bytes may hold a secret: a quick yes or no, never a wrong no."""
        ...

    def suspected(self, lines: Sequence[bytes]) -> list[int]:
        """Return the places of the lines that may hold a secret, in order; never misses one."""
        ...

    def for_source(self, without: Collection[str], keep: Collection[str]) -> "Redactor":
        """Return the redactor for a source that some rules do not apply to, and where some keys hold no secrets.

        It counts together with this one.
        """
        ...

    def hides(self, key: str) -> bool:
        """Return whether a value under a key is a secret, whatever it is."""
        ...

    def text(self, text: str) -> str:
        """Return a text with the secrets in it replaced."""
        ...

    def value(self, value: Any) -> Any:
        """Return a decoded JSON value with secrets replaced, by key name and by the shape of values, at any depth."""
        ...


class Chunk(NamedTuple):
    """Whole lines (or records of several) that came from one source in one go.

    ``lines`` come without their newline; ``offsets`` are their byte offsets in the file, None for lines that come from
    no file.  ``truncated`` are the places of lines that were longer than ``max_line_bytes`` and cut there, ``cuts`` how
    many bytes each of them lost.

    ``size``: bytes of the source that are done with, up to ``end``; of these ``lost`` beyond the limit of a line,
    ``passed`` NUL bytes that are no part of any.  ``nuls``: NUL bytes met.  ``track``: the number of the file they were
    read from.
    """

    input: str
    file: str
    lines: list[bytes]
    offsets: Sequence[int | None]
    truncated: tuple[int, ...] = ()
    cuts: tuple[int, ...] = ()
    size: int = 0
    end: int = 0
    lost: int = 0
    passed: int = 0
    nuls: int = 0
    track: int | None = None


def opened(line: bytes) -> int:
    """Return how many objects and lists a line may open: the number of its ``{`` and ``[``.

    Taking them out and measuring what is left takes a third of the time of counting them.
    """
    return 2 * len(line) - len(line.replace(b"{", b"")) - len(line.replace(b"[", b""))
