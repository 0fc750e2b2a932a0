"""Several profiles at work on one log.

A line is decoded once for all profiles in a row that share a format; each is asked whether the line is of it, in their
order, and the first makes the row.  Whatever fails there goes the slow way, alone: to one profile after the other, as a
log of its own.  A line that no profile makes an event of stays unparsed, with the reason of the first profile that it
is of, or of the last.

All rows have the same fields: those that any of the profiles has, and the constants in which the profiles differ.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol

from agent.records import Normalised, Normaliser, NotAnEventError, Unparsed, opened
from watchbook.event import FIELD_NAMES

Row = tuple[Any, ...]
Values = dict[str, Any]

#: How a profile's reason begins when a line is not of it, or not of its format.
NOT_OF_IT: Final = ("is not ", "is no ")
_SCANNED_TOGETHER: Final = 16
#: A line that opens more containers may nest deeply; it goes the slow way.
_OPENED_MAX: Final = 64


class Routable(Normaliser, Protocol):
    """A compiled profile that can take a line which is decoded already."""

    @property
    def decode(self) -> Callable[[bytes], Values]:
        """Decode a line in order; raises for any other.  How deep its values nest is not looked at."""
        ...

    @property
    def is_of(self) -> Callable[[Values], bool] | None:
        """Tell whether a decoded line is of the profile; None when every line is."""
        ...

    def row_of(self, values: Values, read_us: int) -> Row:
        """Return the row of a decoded line that holds no secret and does not nest deeply.

        Raises ValueError when the line is not of the profile, NotAnEventError when it is to be left out, and anything
        else when it takes more than its values to make its rows.
        """
        ...


class _Member(NamedTuple):
    """A profile in a row of those that share a format."""

    is_of: Callable[[Values], bool]
    row_of: Callable[[Values, int], Row]
    fit: Callable[[Row], Row]


class _Group(NamedTuple):
    decode: Callable[[bytes], Values]
    members: tuple[_Member, ...]


class Router:
    """See :class:`agent.records.Normaliser`.  ``suspects`` is that of the redactor."""

    def __init__(self, profiles: Sequence[Routable], suspects: Callable[[bytes], bool]) -> None:
        self._profiles = tuple(profiles)
        self._suspects = suspects
        constants = [profile.constants for profile in profiles]
        filled = {name for profile in profiles for name in profile.fields}
        names = {name for each in constants for name in each}
        self._constants = {
            name: constants[0][name]
            for name in names - filled
            if all(each.get(name) == constants[0].get(name) for each in constants)
        }
        wanted = (names | filled) - self._constants.keys()
        self._fields = tuple(name for name in FIELD_NAMES if name in wanted)
        self._fits = [_fit(profile, self._fields) for profile in profiles]
        self._groups = self._grouped()

    @property
    def name(self) -> str:
        """The names of the profiles."""
        return ", ".join(profile.name for profile in self._profiles)

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
        done = _Done()
        quickly, rows, places = self._quickly, done.rows, done.places
        suspects = self._places_of_suspects(lines)
        for place, line in enumerate(lines):
            if place in suspects:
                self._slowly(line, place, read_us, done)
                continue
            try:
                row = quickly(line, read_us)
            except NotAnEventError as error:
                done.drop(error.kind)
            except Exception:  # noqa: BLE001 - whatever a strange line provokes: it goes the slow way, alone
                self._slowly(line, place, read_us, done)
            else:
                rows.append(row)
                places.append(place)
        return done.normalised(len(lines))

    def _quickly(self, line: bytes, read_us: int) -> Row:
        if opened(line) > _OPENED_MAX:
            raise ValueError
        for decode, members in self._groups:
            try:
                values = decode(line)
            except NotAnEventError:
                raise
            except Exception:  # noqa: BLE001, S112 - whatever it says: the line is not in order for this format
                continue
            for is_of, row_of, fit in members:
                if not is_of(values):
                    continue
                try:
                    return fit(row_of(values, read_us))
                except NotAnEventError:
                    raise
                except ValueError:
                    values = decode(line)  # the profile may have changed them
        raise ValueError

    def _slowly(self, line: bytes, place: int, read_us: int, done: "_Done") -> None:
        """Find the first profile that makes something of a line by itself."""
        unparsed: Unparsed | None = None
        for profile, fit in zip(self._profiles, self._fits, strict=True):
            made = profile([line], read_us)
            if not made.unparsed:
                done.take(made, place, fit)
                return
            if unparsed is None or unparsed.reason.startswith(NOT_OF_IT):
                unparsed = made.unparsed[0]
        assert unparsed is not None
        done.take(Normalised([], [], [unparsed], replaced=made.replaced), place, fit)

    def _places_of_suspects(self, lines: Sequence[bytes]) -> frozenset[int]:
        """Return the places of the lines that may hold a secret."""
        if not self._suspects(b"\n".join(lines)):
            return frozenset()
        found: list[int] = []
        for start in range(0, len(lines), _SCANNED_TOGETHER):
            group = lines[start : start + _SCANNED_TOGETHER]
            if self._suspects(b"\n".join(group)):
                found += [start + index for index, line in enumerate(group) if self._suspects(line)]
        return frozenset(found)

    def _grouped(self) -> list[_Group]:
        groups: list[_Group] = []
        for profile, fit in zip(self._profiles, self._fits, strict=True):
            member = _Member(profile.is_of or _always, profile.row_of, fit)
            if groups and groups[-1].decode == profile.decode:
                groups[-1] = groups[-1]._replace(members=(*groups[-1].members, member))
            else:
                groups.append(_Group(profile.decode, (member,)))
        return groups


class _Done:
    """What became of the lines so far."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.places: list[int] = []
        self._unparsed: list[Unparsed] = []
        self._blank = self._replaced = 0
        self._dropped: Counter[str] = Counter()

    def drop(self, kind: str) -> None:
        """Note a line that is left out on purpose."""
        self._dropped[kind] += 1

    def take(self, made: Normalised, place: int, fit: Callable[[Row], Row]) -> None:
        """Take in what a profile made of the line at a place."""
        self.rows += map(fit, made.rows)
        self.places += [place] * len(made.rows)
        self._unparsed += [each._replace(line=place) for each in made.unparsed]
        self._blank += made.blank
        self._replaced += made.replaced
        self._dropped.update(made.dropped)

    def normalised(self, lines: int) -> Normalised:
        """Return it all, of so many lines."""
        is_plain = len(self.rows) == lines and self.places == list(range(lines))
        places = None if is_plain else self.places
        return Normalised(self.rows, places, self._unparsed, self._blank, self._replaced, self._dropped)


def _always(_: Values) -> bool:
    return True


def _fit(profile: Routable, fields: Sequence[str]) -> Callable[[Row], Row]:
    """Return what makes a row of a profile one of all the fields."""
    own = {name: place for place, name in enumerate(profile.fields)}
    fixed = tuple(profile.constants.values())
    constants = {name: len(own) + place for place, name in enumerate(profile.constants)}
    nothing = len(own) + len(fixed)
    pick = itemgetter(*(own.get(name, constants.get(name, nothing)) for name in fields))
    behind = (*fixed, None)
    return lambda row: pick(row + behind)
