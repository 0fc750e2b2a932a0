"""A profile at work: the normaliser.

A line goes the quick way: decode, take the plan for its keys, make the row.  Whatever fails there goes the lenient way,
alone: repaired text, then either a row, or unparsed with the reason, or blank.  A line that the redactor suspects is
redacted before its fields are made; only what changed is worked out from the line as it was.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from agent.profile.choice import Choice
from agent.profile.learning import Learner
from agent.profile.states import take_changes, take_redacted_changes
from agent.records import REDACTED, Normalised, Redactor, Unparsed
from watchbook.event import FLAG_REPLACED

#: Shorter ones are not looked for in the rest of a line: they would be found in other words.
_SECRET_CHARACTERS_MIN: Final = 3
#: Longest reason.
_REASON_CHARACTERS_MAX: Final = 300

Row = tuple[Any, ...]


class LineFormat(Protocol):
    """A way to take a line apart; see :class:`agent.parse.Format`."""

    @property
    def keys(self) -> frozenset[str] | None:
        """All the keys a line can have; None when it brings its own."""
        ...

    @property
    def decode(self) -> Callable[[bytes], dict[str, Any]]:
        """Decode a line in order; raises for any other."""
        ...

    @property
    def decode_leniently(self) -> Callable[[bytes], tuple[dict[str, Any], bool]]:
        """Repair and decode; returns the values and whether characters were replaced; raises ValueError."""
        ...

    @property
    def decoder_of(self) -> Callable[[Any], Any] | None:
        """Make a decoder for lines of a msgspec type; None when the format is no JSON."""
        ...


class CompiledProfile:
    """A compiled profile: see :class:`agent.records.Normaliser`.  Not for several threads at once."""

    def __init__(
        self,
        name: str,
        line_format: LineFormat,
        redactor: Redactor,
        choice: Choice,
        learner: Learner | None,
        fields: tuple[str, ...],
        constants: Mapping[str, str],
        *,
        keep_raw: bool,
        secret_keys: frozenset[str] = frozenset(),
    ) -> None:
        self._name = name
        self._format = line_format
        self._redactor = redactor
        self._choice = choice
        self._learner = learner
        self._fields = (*fields, "raw") if keep_raw else fields
        self._constants = constants
        self._keep_raw = keep_raw
        # Columns of secrets, and groups of patterns: no line says that name, so that no scan of it can tell.
        self._secret_keys = secret_keys
        self._taken: set[str] = set()

    @property
    def name(self) -> str:
        """The profile's name."""
        return self._name

    @property
    def fields(self) -> tuple[str, ...]:
        """The event fields of a row, in order."""
        return self._fields

    @property
    def constants(self) -> Mapping[str, str]:
        """Text fields that every event has with the same value."""
        return self._constants

    def __call__(self, lines: Sequence[bytes], read_us: int) -> Normalised:
        """Normalise lines (without their newline) that were read at ``read_us``.  Never raises for a strange line."""
        self._taken.clear()
        suspects = list(range(len(lines))) if self._secret_keys else self._redactor.suspected(lines)
        done = _Done()
        start = 0
        for place in suspects:
            self._quickly(lines[start:place], read_us, done)
            self._carefully(lines[place], read_us, done)
            start = place + 1
        self._quickly(lines[start:] if start else lines, read_us, done)
        made = done.normalised()
        return self._with_raws(made, lines, frozenset(suspects)) if self._keep_raw else made

    def source(self, line: bytes) -> str:
        """Return the Python code that makes the row of a line, for whoever looks into a profile; raises ValueError."""
        values, _ = self._format.decode_leniently(line)
        plans = self._choice.choose(values)
        return plans.source(tuple(values))

    def _quickly(self, lines: Sequence[bytes], read_us: int, done: "_Done") -> None:
        """Normalise lines without secrets."""
        make_rows = None if self._learner is None else self._learner.make_rows
        if make_rows is None:
            self._plainly(lines, read_us, done)
        else:
            make_rows(lines, read_us, done.rows.append, lambda line: self._plainly((line,), read_us, done))

    def _plainly(self, lines: Sequence[bytes], read_us: int, done: "_Done") -> None:
        """Normalise lines without secrets with the code for any keys."""
        decode, choose, plans = self._format.decode, self._choice.choose, self._choice.only
        learn = None if self._learner is None else self._learner.see
        append = done.rows.append
        for line in lines:
            try:
                values = decode(line)
                if learn is not None:
                    learn(values)
                find_states, make_row = (choose(values) if plans is None else plans)[tuple(values)]
                changes = None if find_states is None else take_changes(*find_states(values))
                append(make_row(values, changes, read_us, None))
            except Exception:  # noqa: BLE001 - whatever a strange line provokes: it goes the lenient way, alone
                self._leniently(line, read_us, done)

    def _carefully(self, line: bytes, read_us: int, done: "_Done") -> None:
        """Normalise a line that may hold a secret."""
        try:
            done.rows.append(self._redacted_row(self._format.decode(line), None, read_us))
        except Exception:  # noqa: BLE001 - as in _plainly
            self._leniently(line, read_us, done)

    def _leniently(self, line: bytes, read_us: int, done: "_Done") -> None:
        """Find out what a line is that could not be decoded, or had no row."""
        if not line.strip():
            done.blank()
            return
        try:
            values, replaced = self._format.decode_leniently(line)
            done.rows.append(self._redacted_row(values, [FLAG_REPLACED] if replaced else None, read_us))
            done.replaced += replaced
        except Exception as error:  # noqa: BLE001 - a line may provoke anything; the event of it says what
            strange = not isinstance(error, ValueError)
            reason = f"the profile failed: {type(error).__name__}: {error}" if strange else str(error)
            done.replaced += not _is_utf8(line)
            done.unparsed(self._raw(line), self._redactor.text(reason)[:_REASON_CHARACTERS_MAX])

    def _redacted_row(self, values: dict[str, Any], flags: list[str] | None, read_us: int) -> Row:
        redacted = self._redactor.value(values)
        plans = self._choice.choose(redacted)
        for key in self._secret_keys & redacted.keys():
            self._hide(redacted, key)
        find_given = plans[tuple(values)].find_states
        given = (None, None) if find_given is None else find_given(values)
        find_states, make_row = plans[tuple(redacted)]
        changes = None
        if find_states is not None:
            changes = take_redacted_changes(given, find_states(redacted), self._redactor)
        return make_row(redacted, changes, read_us, flags)

    def _hide(self, values: dict[str, Any], key: str) -> None:
        """Take a secret out that only the profile knows as one: it stands in the text that it was found in, too."""
        given, shown = values[key], self._redactor.value({key: values[key]})[key]
        values[key] = shown
        if given.__class__ is not str or shown == given or len(given) < _SECRET_CHARACTERS_MIN:
            return
        self._taken.add(given)
        for other, value in values.items():
            if value.__class__ is str and given in value:
                values[other] = value.replace(given, shown)

    def _with_raws(self, made: Normalised, lines: Sequence[bytes], suspects: frozenset[int]) -> Normalised:
        places = range(len(lines)) if made.row_lines is None else made.row_lines
        raws = [
            self._raw(lines[place]) if place in suspects else lines[place].decode(errors="replace") for place in places
        ]
        return made._replace(rows=[(*row, raw) for row, raw in zip(made.rows, raws, strict=True)])

    def _raw(self, line: bytes) -> str:
        text = self._redactor.text(line.decode(errors="replace"))
        for secret in self._taken:
            text = text.replace(secret, REDACTED)
        return text


class _Done:
    """What became of the lines of a chunk so far."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._unparsed: list[Unparsed] = []
        self._without_row: list[int] = []
        self._blank = 0
        self.replaced = 0

    def unparsed(self, raw: str, reason: str) -> None:
        self._unparsed.append(Unparsed(self._place(), raw, reason))
        self._without_row.append(self._place())

    def blank(self) -> None:
        self._blank += 1
        self._without_row.append(self._place())

    def _place(self) -> int:
        return len(self.rows) + len(self._without_row)

    def normalised(self) -> Normalised:
        row_lines = None
        if self._without_row:
            gaps = set(self._without_row)
            row_lines = [place for place in range(self._place()) if place not in gaps]
        return Normalised(self.rows, row_lines, self._unparsed, self._blank, self.replaced)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
