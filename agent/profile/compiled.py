"""A profile at work: the normaliser.

A line goes the quick way: decode, take the plan for its keys, make the row.  Whatever fails there goes the lenient way,
alone: repaired text, then either a row, or unparsed with the reason, or blank.  A line that the redactor suspects is
redacted before its fields are made; only what changed is worked out from the line as it was.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from agent.profile.changing import Changed
from agent.profile.checking import LineFormat
from agent.profile.choice import Choice
from agent.profile.doing import Done, Row, Several
from agent.profile.explaining import Explained
from agent.profile.learning import Learner
from agent.profile.origins import origins_of
from agent.profile.splitting import FindAll, split
from agent.profile.states import DEPTH_MAX, check_depth
from agent.records import REDACTED, Normalised, NotAnEventError, Redactor, Unparsed, opened
from watchbook.event import FLAG_REPLACED

#: Shorter ones are not looked for in the rest of a line: they would be found in other words.
_SECRET_CHARACTERS_MIN: Final = 3
#: Longest reason.
_REASON_CHARACTERS_MAX: Final = 300


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
        each: Sequence[FindAll],
        each_keys: frozenset[str],
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
        self._each = tuple(each)
        #: A line with none of these keys is one event; when there are none only looking tells.
        self._each_keys = each_keys
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
        if self._each:
            made = self._severally(lines, read_us, frozenset(suspects))
            return self._with_raws(made, lines, frozenset(suspects)) if self._keep_raw else made
        done = Done()
        start = 0
        for place in suspects:
            self._quickly(lines[start:place], read_us, done)
            self._carefully(lines[place], read_us, done)
            start = place + 1
        self._quickly(lines[start:] if start else lines, read_us, done)
        made = done.normalised()
        return self._with_raws(made, lines, frozenset(suspects)) if self._keep_raw else made

    @property
    def decode(self) -> Callable[[bytes], dict[str, Any]]:
        """Decode a line in order; raises for any other.  How deep its values nest is not looked at."""
        return self._format.decode

    @property
    def is_of(self) -> Callable[[dict[str, Any]], bool] | None:
        """Tell whether a decoded line is of the profile; None when every line is, or only its parts can tell."""
        return None if self._each else self._choice.is_of

    def row_of(self, values: dict[str, Any], read_us: int) -> Row:
        """Return the row of a decoded line that holds no secret and does not nest deeply.

        Raises ValueError when the line is not of the profile, NotAnEventError when it is to be left out, and anything
        else when it takes more than its values to make its rows.
        """
        if self._keep_raw or self._each:
            raise NotImplementedError
        take, make_row, _ = self._choice.choose(values)[tuple(values)]
        return make_row(values, take, read_us, None)

    def source(self, line: bytes) -> str:
        """Return the Python code that makes the row of a line, for whoever looks into a profile; raises ValueError."""
        values, _ = self._format.decode_leniently(line)
        plans = self._choice.choose(values)
        return plans.source(tuple(values))

    def explain(self, line: bytes, read_us: int) -> list[Explained]:
        """Return how each event of a line (read at ``read_us``) comes about; one with a reason when it has none."""
        try:
            values, _ = self._format.decode_leniently(line)
        except ValueError as error:
            return [Explained(None, None, {}, str(error))]
        values = self._redactor.value(values)
        return [self._explained(part, read_us) for part in split(values, self._each)]

    def _explained(self, values: dict[str, Any], read_us: int) -> Explained:
        try:
            pattern, case = self._choice.variants(values, self._redactor.value)
            meaning, traced, row = self._choice.plans(pattern, case).explain(values, read_us)
        except ValueError as error:
            return Explained(None, None, {}, str(error))
        event = [field for field, value in zip(self._fields, row, strict=False) if value is not None]
        names = self._choice.names(pattern, case)
        groups = self._choice.groups(pattern, case)
        origins = origins_of([*event, *self._constants], meaning, traced, groups, self._constants)
        return Explained(*names, origins)

    def _quickly(self, lines: Sequence[bytes], read_us: int, done: Done) -> None:
        """Normalise lines without secrets."""
        make_rows = None if self._learner is None else self._learner.make_rows
        if make_rows is None:
            self._plainly(lines, read_us, done)
        else:
            make_rows(lines, read_us, done.rows.append, lambda line: self._plainly((line,), read_us, done))

    def _plainly(self, lines: Sequence[bytes], read_us: int, done: Done) -> None:
        """Normalise lines without secrets with the code for any keys."""
        decode, choose, plans = self._format.decode, self._choice.choose, self._choice.only
        nests = self._format.keys is None
        learn = None if self._learner is None else self._learner.see
        append = done.rows.append
        row_of = None if nests or self._each else self._choice.row_of
        if row_of is not None:
            self._by_pattern(row_of, lines, read_us, done)
            return
        for line in lines:
            try:
                values = decode(line)
                if nests and opened(line) > DEPTH_MAX:  # what opens fewer cannot nest deeper
                    check_depth(values)
                if learn is not None:
                    learn(values)
                take, make_row, _ = (choose(values) if plans is None else plans)[tuple(values)]
                append(make_row(values, take, read_us, None))
            except NotAnEventError as error:
                done.drop(error.kind)
            except Exception:  # noqa: BLE001 - whatever a strange line provokes: it goes the lenient way, alone
                self._leniently(line, read_us, done)

    def _by_pattern(
        self, row_of: Callable[[dict[str, Any], int], Row], lines: Sequence[bytes], read_us: int, done: Done
    ) -> None:
        """Normalise lines without secrets whose rows are made from what a pattern finds in them."""
        decode, append = self._format.decode, done.rows.append
        for line in lines:
            try:
                append(row_of(decode(line), read_us))
            except NotAnEventError as error:
                done.drop(error.kind)
            except Exception:  # noqa: BLE001 - as in _plainly
                self._leniently(line, read_us, done)

    def _carefully(self, line: bytes, read_us: int, done: Done) -> None:
        """Normalise a line that may hold a secret."""
        try:
            values = self._format.decode(line)
            check_depth(values)
            done.rows.append(self._redacted_row(values, None, read_us))
        except NotAnEventError as error:
            done.drop(error.kind)
        except Exception:  # noqa: BLE001 - as in _plainly
            self._leniently(line, read_us, done)

    def _severally(self, lines: Sequence[bytes], read_us: int, suspects: frozenset[int]) -> Normalised:
        """Normalise lines that may hold several events each."""
        done = Several()
        decode, choose = self._format.decode, self._choice.choose
        add, each_keys = done.add, self._each_keys
        for place, line in enumerate(lines):
            if place not in suspects and self._each_keys:
                try:
                    values = decode(line)
                    # One event, like any other line.  Asked the other way round, all its keys would be looked up.
                    if values.keys().isdisjoint(each_keys) and opened(line) <= DEPTH_MAX:
                        take, make_row, _ = choose(values)[tuple(values)]
                        add(make_row(values, take, read_us, None), place)
                        continue
                except NotAnEventError as error:
                    done.dropped[error.kind] += 1
                    continue
                except Exception:  # noqa: BLE001, S110 - as in _plainly
                    pass
            self._several(line, place, read_us, done, redacts=place in suspects)
        return done.normalised(len(lines))

    def _several(self, line: bytes, place: int, read_us: int, done: Several, *, redacts: bool) -> None:
        """Normalise a line that may hold several events, or is strange."""
        if not line.strip():
            done.blank += 1
            return
        try:
            values, replaced = self._decoded(line)
        except NotAnEventError as error:
            done.dropped[error.kind] += 1
            return
        except Exception as error:  # noqa: BLE001 - as in _plainly
            done.replaced += not _is_utf8(line)
            done.unparsed.append(Unparsed(place, self._raw(line), self._reason(error)))
            return
        done.replaced += replaced
        parts = split(values, self._each)
        for index, part in enumerate(parts):
            try:
                row = self._row(part, [FLAG_REPLACED] if replaced else None, read_us, redacts=redacts)
            except NotAnEventError as error:
                done.dropped[error.kind] += 1
            except Exception as error:  # noqa: BLE001 - as in _plainly
                raw = self._raw(line) if len(parts) == 1 else self._raw_part(line, index)
                done.unparsed.append(Unparsed(place, raw, self._reason(error)))
            else:
                done.add(row, place)

    def _decoded(self, line: bytes) -> tuple[dict[str, Any], bool]:
        try:
            values = self._format.decode(line)
            if opened(line) > DEPTH_MAX:
                check_depth(values)
            return values, False
        except NotAnEventError:
            raise
        except Exception:  # noqa: BLE001 - as in _plainly
            values, replaced = self._format.decode_leniently(line)
            check_depth(values)
            return values, replaced

    def _row(self, values: dict[str, Any], flags: list[str] | None, read_us: int, *, redacts: bool) -> Row:
        if redacts:
            return self._redacted_row(values, flags, read_us)
        take, make_row, _ = self._choice.choose(values)[tuple(values)]
        return make_row(values, take, read_us, flags)

    def _reason(self, error: Exception) -> str:
        strange = not isinstance(error, ValueError)
        reason = f"the profile failed: {type(error).__name__}: {error}" if strange else str(error)
        return self._redactor.text(reason)[:_REASON_CHARACTERS_MAX]

    def _leniently(self, line: bytes, read_us: int, done: Done) -> None:
        """Find out what a line is that could not be decoded, or had no row."""
        if not line.strip():
            done.blank()
            return
        try:
            values, replaced = self._format.decode_leniently(line)
            check_depth(values)
            done.rows.append(self._redacted_row(values, [FLAG_REPLACED] if replaced else None, read_us))
            done.replaced += replaced
        except NotAnEventError as error:
            done.drop(error.kind)
        except Exception as error:  # noqa: BLE001 - a line may provoke anything; the event of it says what
            done.replaced += not _is_utf8(line)
            done.unparsed(self._raw(line), self._reason(error))

    def _redacted_row(self, values: dict[str, Any], flags: list[str] | None, read_us: int) -> Row:
        redacted = self._redactor.value(values)
        _, make_row, changers = self._choice.choose(redacted, self._redactor.value)[tuple(redacted)]
        for key in self._secret_keys & redacted.keys():
            self._hide(redacted, key)
        if changers is None:
            return make_row(redacted, None, read_us, flags)
        given: dict[str, Any] | None = None
        with suppress(ValueError):  # it may be that only the redacted line can be understood
            self._choice.choose(values)
            given = values

        def take(line: dict[str, Any], holed: list[list[Any]]) -> Changed:
            return changers.take_redacted(given, line, self._redactor, holed)

        return make_row(redacted, take, read_us, flags)

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

    def _raw_part(self, line: bytes, index: int) -> str:
        """Return the text of one event of a line as it was before anything was taken out of it."""
        part = split(self._decoded(line)[0], self._each)[index]
        return json.dumps(self._redactor.value(part), ensure_ascii=False)

    def _raw(self, line: bytes) -> str:
        text = self._redactor.text(line.decode(errors="replace"))
        for secret in self._taken:
            text = text.replace(secret, REDACTED)
        return text


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
