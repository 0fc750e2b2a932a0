"""What the index is asked for never asks for more than the rule: every event that matches fulfils the plan."""

from ipaddress import ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.backtest_candidates import plan_of
from collector.detect.expression import Absent, And, Atom, Compares, Equals, Expression, Glob, InNetwork, Not, Or, Piece
from collector.detect.matcher import Matcher
from collector.detect.view import BatchView
from collector.query import compile_plan
from tests.collector.detect.blocks import START, block

TEXTS = st.sampled_from(
    ["alice", "ALICE", "Kate", "\u212aate", "stra\u00dfe", "STRASSE", "a", "bob the builder", "\u0130x"]
)
LOWERED = st.sampled_from(["alice", "kate", "stra\u00dfe", "strasse", "a", "bob", "i\u0307x"])
FIELDS = st.sampled_from(["actor.id", "action", "resource.name", "details.x"])


@st.composite
def globs(draw: st.DrawFn) -> Glob:
    pieces = draw(st.lists(st.sampled_from(["", "a", "li", "te", "\u00df", "b"]), min_size=1, max_size=3))
    return Glob(tuple(Piece(text, (0,) if text and draw(st.booleans()) else ()) for text in pieces))


ATOMS = st.one_of(
    st.builds(Atom, FIELDS, st.builds(Equals, st.frozensets(LOWERED, min_size=1, max_size=3))),
    st.builds(Atom, FIELDS, st.builds(Equals, st.frozensets(TEXTS, min_size=1, max_size=3), st.just(True))),
    st.builds(Atom, FIELDS, globs()),
    st.builds(Atom, FIELDS, st.just(Absent())),
    st.builds(Atom, st.just("source.ip"), st.just(InNetwork(ip_network("10.0.0.0/30")))),
    st.builds(
        Atom,
        st.just("measures.rows"),
        st.builds(Compares, st.sampled_from(["lt", "lte", "gt", "gte"]), st.integers(0, 4)),
    ),
)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    event: dict[str, Any] = {"time": START, "actor.type": "user", "action": draw(TEXTS)}
    for name in ("actor.id", "resource.name"):
        if draw(st.booleans()):
            event[name] = draw(TEXTS)
    if draw(st.booleans()):
        event["source.ip"] = draw(st.sampled_from(["10.0.0.1", "10.0.0.9", "fe80::1", "nonsense"]))
    if draw(st.booleans()):
        event["measures"] = {"rows": draw(st.integers(0, 4))}
    if draw(st.booleans()):
        event["details"] = {"x": draw(TEXTS)}
    return event


@settings(max_examples=600, deadline=None)
@given(EXPRESSIONS, st.lists(events(), min_size=1, max_size=8))
def test_every_event_that_a_condition_matches_fulfils_its_plan(
    expression: Expression, given_events: list[dict[str, Any]]
) -> None:
    plan = plan_of(expression)
    if plan is None:
        return
    made = block(given_events)
    matched = list(Matcher(expression)(BatchView(made.batch)))
    assert set(matched) <= set(compile_plan(plan)(made, range(len(given_events))))
