"""Events with the worst of values that the wire lets in."""

from typing import Any

from hypothesis import strategies as st

from watchbook.clock import TIME_MAX_US, TIME_MIN_US
from watchbook.event import FIELDS

_SAMPLES = st.sampled_from(
    [
        "",
        "\0",
        "a\0b",
        "\u202egnp.exe",
        "ß",
        "İ",
        "K",
        "'; DROP TABLE events; --",
        '"',
        "\\",
        "NULL",
        "🦆",
        "=1+1",
        "%_",
        "\n",
    ]
)
texts = _SAMPLES | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = (
    st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([3, 3.0, -0.0, 2**53, 2**53 + 1, float(2**60), 10**308, 10**309, 5e-324])
)
_json = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": texts,
    "integer": st.integers(0, 2**63 - 1),
    "number": numbers,
    "numbers": st.dictionaries(texts, numbers, max_size=3),
    "texts": st.lists(texts, max_size=3),
    "object": st.dictionaries(texts, _json, max_size=4),
    "changes": st.lists(st.fixed_dictionaries({"field": texts}, optional={"old": _json, "new": _json}), max_size=2),
}
times = st.integers(TIME_MIN_US, TIME_MAX_US) | st.sampled_from([TIME_MIN_US, TIME_MAX_US, 0, -1])


def _field(kind: str, values: frozenset[str] | None) -> st.SearchStrategy[Any]:
    return st.sampled_from(sorted(values)) if values else _VALUES[kind]


_required: dict[str, st.SearchStrategy[Any]] = {
    "time": times, "actor.type": st.sampled_from(["user", "system"]), "action": texts,
}  # fmt: skip
events: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    _required, optional={f.name: _field(f.kind, f.values) for f in FIELDS if f.name not in _required}
)
