"""From the parameters of a request to the parameters of a question (see :class:`collector.block.Answerer`).  Pure."""

from collections.abc import Mapping
from typing import Final

from collector.web.parameters import Values, one, parameter_problem, read_number, read_truth, whole_number
from collector.web.vocabulary import FACETS_DEFAULT, FACETS_MAX, FILTERS, LATEST, LIMIT, ME, SIZE, VALUES_LIMIT

Asked = dict[str, object]

#: Arrival numbers fit into a signed 64-bit integer with room to spare.
NUMBER_MAX: Final = 2**62
#: The parameter whose ``me`` is the caller; ``actor=me`` goes on finding an actor of that name.
_USER: Final = "user"


def selected(values: Values, caller: str) -> Asked:
    """Return ``{filters, q, exclude}``: which events are meant."""
    return {
        "filters": _filters(values, caller),
        "q": one(values, "q"),
        "exclude": list(dict.fromkeys(values.get("exclude", ()))),
    }


def ranged(values: Values, caller: str) -> Asked:
    """Return :func:`selected` with ``from`` and ``to``."""
    return {**selected(values, caller), "from": one(values, "from"), "to": one(values, "to")}


def search_asked(values: Values, caller: str) -> Asked:
    """Return the parameters of ``search``; raises ApiProblem 400."""
    return {
        **ranged(values, caller),
        "limit": read_number(values, LIMIT),
        "cursor": one(values, "cursor"),
        "total": read_truth(values, "total"),
    }


def arrived_asked(values: Values, caller: str) -> Asked:
    """Return the parameters of ``arrived``: ``after`` is there; raises ApiProblem 400."""
    clashing = sorted({"from", "to", "cursor", "total"} & values.keys())
    if clashing:
        message = f"'after' answers in order of arrival and goes without {', '.join(map(repr, clashing))}"
        raise parameter_problem([{"parameter": "after", "message": message}])
    return {**selected(values, caller), "after": read_after(values), "limit": read_number(values, LIMIT)}


def facets_asked(values: Values, caller: str) -> Asked:
    """Return the parameters of ``facets``; raises ApiProblem 400."""
    fields = list(dict.fromkeys(values.get("field", FACETS_DEFAULT)))
    if len(fields) > FACETS_MAX:
        message = f"'field' is given {len(fields)} times, at most {FACETS_MAX} facets are counted at once"
        raise parameter_problem([{"parameter": "field", "message": message}])
    return {
        **ranged(values, caller),
        "fields": fields,
        "size": read_number(values, SIZE),
        "distinct": one(values, "distinct"),
    }


def histogram_asked(values: Values, caller: str) -> Asked:
    """Return the parameters of ``histogram``."""
    return {**ranged(values, caller), "interval": one(values, "interval"), "by": one(values, "by")}


def history_asked(values: Values, _caller: str) -> Asked:
    """Return the parameters of ``rollup``."""
    asked = {name: one(values, name) for name in ("from", "to", "interval", "by")}
    return {**asked, "gone": read_truth(values, "gone")}


def values_asked(values: Values, caller: str) -> Asked:
    """Return the parameters of ``values``; raises ApiProblem 400."""
    return {
        **ranged(values, caller),
        "field": one(values, "field"),
        "prefix": one(values, "prefix") or "",
        "limit": read_number(values, VALUES_LIMIT),
    }


def read_after(values: Values) -> int | None:
    """Return the number that ``after`` (which is there) gives, None for ``latest``; raises ApiProblem 400."""
    text = values["after"][0]
    return None if text == LATEST else whole_number("after", text, 0, NUMBER_MAX)


def _filters(values: Values, caller: str) -> Mapping[str, list[str]]:
    filters: dict[str, list[str]] = {}
    for parameter in FILTERS:
        if parameter.name in values:
            assert parameter.stands_for is not None
            given = values[parameter.name]
            meant = [caller if value == ME else value for value in given] if parameter.name == _USER else given
            filters.setdefault(parameter.stands_for, []).extend(meant)
    return filters
