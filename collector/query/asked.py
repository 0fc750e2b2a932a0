"""The parameters of a question, as they come from the face: JSON-able values by name.

What a person can write wrong raises QueryError with the parameter's name; what only a program can (a list where a text
belongs) is refused the same way.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from collector.query.errors import QueryError, nearest
from collector.query.fields import target_of
from collector.query.language import QUERY_CHARS_MAX, VALUES_MAX, parse_query
from collector.query.pattern import starred
from collector.query.plan import EVERYTHING, Equals, Not, Or, Plan, Term, all_of, any_of
from collector.query.ranges import TimeRange, resolve_range
from collector.query.terms import value_term

Parameters = Mapping[str, object]
Filters = Mapping[str, Sequence[str]]
_KindT = TypeVar("_KindT")

#: What ``exclude`` leaves out: logins of every outcome, and what the system itself did.
EXCLUDED: Final[Mapping[str, Plan]] = {
    "login": Term(("category",), Equals("authentication")),
    "system": Or((Term(("actor.type",), Equals("system")), Term(("flags",), Equals("system")))),
}

#: What catalogues call hidden: event types named by the parameter ``hidden_types``.
HIDDEN: Final = "hidden"


class Asked:
    """Reads the parameters of one question at one moment (``now``, microseconds)."""

    def __init__(self, parameters: Parameters, now: int, default_range_s: float) -> None:
        self._parameters = parameters
        self.now = now
        self._default_range_s = default_range_s

    def plan(self) -> Plan:
        """Return which events are meant by ``filters``, ``exclude`` and ``q``; raises QueryError."""
        filters = self.filters()
        if sum(map(len, filters.values())) > VALUES_MAX:
            raise QueryError(f"the request has more than {VALUES_MAX} values", parameter=next(iter(filters)))
        parts = [self._filter_plan(name, values) for name, values in filters.items() if values]
        parts += [self._without(name) for name in self.texts("exclude")]
        parts.append(parse_query(self.text("q") or "", self.now))
        return all_of([part for part in parts if part != EVERYTHING] or [EVERYTHING])

    def time_range(self) -> TimeRange:
        """Return the range of ``from`` and ``to``; raises QueryError."""
        return resolve_range(self.text("from"), self.text("to"), self.now, self._default_range_s)

    def filters(self) -> Filters:
        """Return ``filters``: alternatives by name; raises QueryError."""
        given = self._read("filters", dict) or {}
        return {str(name): _texts(values, str(name)) for name, values in given.items()}

    def text(self, name: str) -> str | None:
        """Return a text, None when it is not given; raises QueryError."""
        return self._read(name, str)

    def texts(self, name: str) -> Sequence[str]:
        """Return texts; raises QueryError."""
        return _texts(self._parameters.get(name) or (), name)

    def number(self, name: str, default: int | None = None, *, least: int = 1, most: int | None = None) -> int:
        """Return a whole number from ``least`` to ``most``; raises QueryError."""
        given = self._parameters.get(name)
        number = default if given is None else given
        if not isinstance(number, int) or isinstance(number, bool) or number < least or (most and number > most):
            upper = f" to {most}" if most else " on"
            raise QueryError(f"expected a whole number from {least}{upper}, found {str(given)[:40]!r}", parameter=name)
        return number

    def truth(self, name: str) -> bool:
        """Return whether something is asked for."""
        return self._parameters.get(name) is True

    def _without(self, name: str) -> Plan:
        """Return what is left when a class of events is; which are hidden the question itself says."""
        if name != HIDDEN:
            return Not(_excluded(name))
        target = target_of("event_type")
        return all_of(
            [Not(value_term(target, starred(each), self.now)) for each in self.texts("hidden_types")] or [EVERYTHING]
        )

    def _read(self, name: str, kind: type[_KindT]) -> _KindT | None:
        given = self._parameters.get(name)
        if given is not None and not isinstance(given, kind):
            raise QueryError(f"expected a {kind.__name__}, found {str(given)[:40]!r}", parameter=name)
        return given

    def _filter_plan(self, name: str, values: Sequence[str]) -> Plan:
        try:
            if name == "exclude":
                return all_of([self._without(value) for value in values])
            target = target_of(name)
            for value in values:
                if not value or len(value) > QUERY_CHARS_MAX:
                    raise QueryError(f"expected a value of 1 to {QUERY_CHARS_MAX} characters")
            return any_of([value_term(target, starred(value), self.now) for value in values])
        except QueryError as error:
            error.parameter = name
            raise


def asked_plan(parameters: Parameters, now: int) -> Plan | None:
    """Return which events parameters mean, None for all of them; raises QueryError."""
    plan = Asked(parameters, now, 0.0).plan()
    return None if plan == EVERYTHING else plan


def asked_range(parameters: Parameters, now: int, default_range_s: float) -> TimeRange:
    """Return the range that parameters mean; raises QueryError."""
    return Asked(parameters, now, default_range_s).time_range()


def _excluded(name: str) -> Plan:
    if name not in EXCLUDED:
        raise QueryError(
            f"'exclude' is one of {', '.join((*EXCLUDED, HIDDEN))}; found {name[:40]!r}",
            suggestion=nearest(name, (*EXCLUDED, HIDDEN)),
            parameter="exclude",
        )
    return EXCLUDED[name]


def _texts(values: Any, name: str) -> Sequence[str]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not all(isinstance(v, str) for v in values):
        raise QueryError(f"expected a list of texts, found {str(values)[:40]!r}", parameter=name)
    return cast(Sequence[str], values)
