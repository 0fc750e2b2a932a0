"""A profile with the wrapper taken off before it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agent.records import Normalised, Normaliser, Redactor, Unparsed
from agent.unwrap.wrapper import Wrapped, Wrapper
from watchbook.clock import parse_rfc3339
from watchbook.event import FLAG_TIME_ASSUMED

#: Where the wrapper's values stand in the details; ``_log`` is added where an event has a detail of that name.
NAME: Final = "container"

#: Returns the places of lines that begin a record.
Begins = Callable[[list[bytes]], list[int]]


class _Line(NamedTuple):
    """A line of the program, the record it stood in (its place), and the wrapper of its first part."""

    text: bytes
    place: int
    wrapped: Wrapped


class Unwrapping:
    """See :class:`agent.records.Normaliser`.  ``begins`` tells which of the program's lines make one record."""

    def __init__(self, inner: Normaliser, wrapper: Wrapper, redactor: Redactor, begins: Begins | None = None) -> None:
        self._inner = inner
        self._wrapper = wrapper
        self._redactor = redactor
        self._begins = begins
        self._fields = inner.fields if "details" in inner.fields else (*inner.fields, "details")
        self._flags = self._fields.index("flags")
        self._time = self._fields.index("time")
        self._details = self._fields.index("details")

    @property
    def name(self) -> str:
        """The profile's name."""
        return self._inner.name

    @property
    def fields(self) -> tuple[str, ...]:
        """The event fields of a row, in order."""
        return self._fields

    @property
    def constants(self) -> Mapping[str, str]:
        """Text fields that every event has with the same value."""
        return self._inner.constants

    def __call__(self, lines: Sequence[bytes], read_us: int) -> Normalised:
        """Normalise records of wrapped lines.  Never raises for a strange line."""
        inner: list[_Line] = []
        refused: list[Unparsed] = []
        for place, record in enumerate(lines):
            try:
                inner += self._lines(record, place)
            except ValueError as error:
                if record.strip():
                    refused.append(Unparsed(place, self._raw(record), str(error)))
        made = self._inner([line.text for line in inner], read_us)
        places = range(len(inner)) if made.row_lines is None else made.row_lines
        rows = [self._row(row, inner[place].wrapped) for row, place in zip(made.rows, places, strict=True)]
        unparsed = [
            each._replace(line=inner[each.line].place, raw=self._raw(lines[inner[each.line].place]))
            for each in made.unparsed
        ]
        row_lines = [inner[place].place for place in places]
        blank = len(lines) - len({line.place for line in inner}) - len(refused)
        return made._replace(
            rows=rows,
            row_lines=None if row_lines == list(range(len(lines))) else row_lines,
            unparsed=sorted([*refused, *unparsed]),
            blank=made.blank + blank,
        )

    def _lines(self, record: bytes, place: int) -> list[_Line]:
        """Return the program's lines (or records) in a record; raises ValueError when one of its lines is strange."""
        if b"\n" not in record:
            wrapped = self._wrapper.open(record)
            return [_Line(wrapped.piece.text, place, wrapped)]
        streams: dict[str, list[_Line]] = {}
        parts: dict[str, _Line] = {}
        for line in record.split(b"\n"):
            wrapped = self._wrapper.open(line)
            stream, text, whole = wrapped.piece
            before = parts.pop(stream, None)
            found = _Line(text, place, wrapped) if before is None else before._replace(text=before.text + text)
            if whole:
                streams.setdefault(stream, []).append(found)
            else:
                parts[stream] = found
        for stream, found in parts.items():  # ended by a limit: the rest comes as a line of its own
            streams.setdefault(stream, []).append(found)
        return [line for found in streams.values() for line in self._records(found)]

    def _records(self, lines: list[_Line]) -> list[_Line]:
        """Join the lines of one stream that make one record."""
        if self._begins is None or len(lines) == 1:
            return lines
        begins = self._begins([line.text for line in lines])
        return [
            lines[begin]._replace(text=b"\n".join(line.text for line in lines[begin:end]))
            for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True)
        ]

    def _row(self, row: tuple[Any, ...], wrapped: Wrapped) -> tuple[Any, ...]:
        values = list(row)
        if len(values) < len(self._fields):
            values.append(None)
        more: dict[str, Any] = {"stream": wrapped.piece.stream} if wrapped.piece.stream else {}
        if wrapped.more:
            more |= self._redactor.value(dict(wrapped.more))
        time = wrapped.time
        if time and values[self._flags] is not None and FLAG_TIME_ASSUMED in values[self._flags]:
            try:
                values[self._time] = parse_rfc3339(time)
            except ValueError:
                pass
            else:
                time = ""
                values[self._flags] = [flag for flag in values[self._flags] if flag != FLAG_TIME_ASSUMED] or None
        if time:
            more["time"] = time
        if more:
            details, name = values[self._details] or {}, NAME
            while name in details:
                name += "_log"
            values[self._details] = {**details, name: more}
        return tuple(values)

    def _raw(self, record: bytes) -> str:
        return self._redactor.text(record.decode(errors="replace"))
