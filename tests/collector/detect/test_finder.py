"""Many rules find together what each of them finds alone."""

from ipaddress import ip_network
from typing import Any

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.detect.expression import Atom, Equals, Expression, Glob, InNetwork, Matches, Not, Piece, all_of, any_of
from collector.detect.finder import Finder
from collector.detect.matcher import Matcher
from collector.detect.view import BatchView
from collector.detect.witness import literal_of_regex, witnesses_of
from tests.collector.detect.blocks import block, event
from tests.collector.detect.test_matching import ATOMS
from watchbook import wire

EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "action": st.sampled_from(["a", "A", "b"]),
            "message": st.sampled_from([None, "", "curl evil", "EVIL curl", "bash -c x", "a\nEvil\n"]),
            "source.ip": st.sampled_from([None, "10.0.0.1", "192.0.2.7", "none"]),
            "origin.profile": st.sampled_from(["web", "Web", "sshd", None]),
            "measures": st.sampled_from([None, {"rows": 7}]),
            "changes": st.sampled_from(
                [
                    None,
                    [],
                    [{"field": "Role", "old": "user", "new": "Admin"}],
                    [{"field": "a", "new": 5}, {"field": "role", "old": None, "new": ["admin", True]}],
                    [{"field": "a\u212a", "new": {"role": "admin"}}],
                ]
            ),
            "flags": st.sampled_from([None, ["a"], ["b", "a"]]),
            "details": st.sampled_from(
                [None, {}, {"x": "a"}, {"x": ["b", 5]}, {"x": 5.0}, {"x": True}, {"x": {"y": "Curl"}}, {"x.y": "evil"}]
            ),
        }
    ),
    min_size=1,
    max_size=12,
)
MORE_ATOMS = [
    Atom("message", Glob((Piece(""), Piece("evil"), Piece("")))),
    Atom("message", Glob((Piece("curl"), Piece("")))),
    Atom("message", Glob((Piece(""), Piece("CURL"), Piece("")), cased=True)),
    Atom("message", Glob((Piece(""), Piece("e?il", (1,)), Piece("")))),
    Atom("message", Glob((Piece(""), Piece("")))),
    Atom("message", Matches("evil c[uv]rl", re2.compile("evil c[uv]rl"))),
    Atom("message", Matches("(?i)EVIL$|^b", re2.compile("(?i)EVIL$|^b"))),
    Atom("source.ip", InNetwork(ip_network("192.0.2.0/24"))),
    Atom("origin.profile", Equals(frozenset({"web"}))),
    Atom("origin.profile", Equals(frozenset({"sshd", "cron"}))),
    Atom("details.x", Equals(frozenset({"5", "true"}))),
    Atom("details.x", Glob((Piece(""), Piece("b"), Piece("")))),
    Atom("details.x.y", Equals(frozenset({"curl", "evil"}))),
    Atom("changes.field", Equals(frozenset({"role", "ak"}))),
    Atom("changes.new", Equals(frozenset({"admin", "5"}))),
    Atom("changes.new", Glob((Piece("adm"), Piece("")))),
    Atom("changes.old", Equals(frozenset({"user"}))),
]
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(ATOMS, st.sampled_from(MORE_ATOMS)),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=1, max_size=3).map(any_of),
        st.lists(inner, min_size=1, max_size=3).map(all_of),
    ),
    max_leaves=6,
)


def named(fields: dict[str, Any]) -> dict[str, Any]:
    return {name.replace(".", "__"): value for name, value in fields.items() if value is not None}


@settings(deadline=None, max_examples=400)
@given(st.lists(EXPRESSIONS, min_size=1, max_size=12), EVENTS, st.integers(1, 40), st.booleans())
def test_rules_find_together_what_each_finds_alone(
    expressions: list[Expression], events: list[dict[str, Any]], times: int, plain: bool
) -> None:
    batch = block([event(**named(fields)) for fields in events * times]).batch
    if plain:  # columns that nobody coded
        batch = wire.Batch(batch.n, {name: batch.columns[name] for name in batch.columns})
    matchers = [Matcher(expression) for expression in expressions]
    alone = {number: list(found) for number, each in enumerate(matchers) if (found := each(BatchView(batch)))}
    finder = Finder(matchers, few=0)
    for _ in range(10):  # what texts were told is remembered, and then it is known which witnesses are rare
        assert {number: list(found) for number, found in finder.find(BatchView(batch)).items()} == alone


def test_a_rule_is_asked_only_where_its_witness_is() -> None:
    rules = [
        all_of([Atom("outcome", Equals(frozenset({"failure"}))), Atom("event_type", Equals(frozenset({f"type{n}"})))])
        for n in range(50)
    ]
    events = [event(event_type=f"type{n}", outcome="failure") for n in (7, 7, 60, 80)] * 20
    finder = Finder([Matcher(rule) for rule in rules])
    assert {number: len(found) for number, found in finder.find(BatchView(block(events).batch)).items()} == {7: 40}
    assert sum(finder.asked) <= len(events)
    assert [number for number, asked in enumerate(finder.asked) if asked] == [7]
    assert finder.cost_ns[7] > 0


def test_the_rarest_witness_is_learnt() -> None:
    often, seldom = Atom("action", Equals(frozenset({"read"}))), Atom("outcome", Equals(frozenset({"failure"})))
    finder = Finder([Matcher(all_of([often, seldom]))], few=0)
    batch = block([event(action="read", outcome="failure" if n == 7 else "success") for n in range(100)]).batch
    asked = []
    for _ in range(12):
        assert list(finder.find(BatchView(batch))[0]) == [7]
        asked.append(finder.asked[0])
    assert asked[6] == 700  # guessed: actions are rarer than outcomes
    assert asked[11] - asked[8] == 3


def test_what_was_learnt_of_other_profiles_does_not_count() -> None:
    often, seldom = Atom("action", Equals(frozenset({"read"}))), Atom("outcome", Equals(frozenset({"failure"})))
    finder = Finder([Matcher(all_of([often, seldom]))], few=0)
    for _ in range(10):
        finder.find(BatchView(block([event(action="read", origin__profile="web")] * 10).batch))
    before = finder.asked[0]
    finder.find(BatchView(block([event(action="write", outcome="failure", origin__profile="sshd")] * 10).batch))
    assert finder.asked[0] == before


@given(
    st.lists(st.one_of(st.none(), st.text("ab\nΣσ", max_size=5)), min_size=1, max_size=80),
    st.lists(st.text("abσ", min_size=1, max_size=2), min_size=1, max_size=3),
)
def test_texts_are_looked_for_in_all_values_at_once(values: list[str | None], texts: list[str]) -> None:
    view = BatchView(wire.Batch(len(values), {"message": values}))
    holding = [
        index for index, value in enumerate(values) if value is not None and any(t in value.lower() for t in texts)
    ]
    found = view.where_any("message", texts)
    assert set(holding) <= set(found)
    assert list(found) == sorted(set(found))
    if not any("\n" in (value or "") for value in values) and len(values) < 20:
        assert list(found) == holding


def test_rules_of_other_profiles_are_put_aside() -> None:
    profile = Atom("origin.profile", Equals(frozenset({"sshd"})))
    rules = [Matcher(all_of([profile, Not(Atom("action", Equals(frozenset({str(n)}))))])) for n in range(20)]
    finder = Finder(rules)
    assert not finder.find(BatchView(block([event(origin__profile="nginx")]).batch))
    assert not any(finder.asked)
    assert len(finder.find(BatchView(block([event(origin__profile="SSHD")]).batch))) == 20


@pytest.mark.parametrize(
    ("source", "literal"),
    [
        ("Evil", "evil"),
        ("^curl .*evil[0-9]+", "curl "),
        ("a|b", ""),
        ("(?i)task-Kill", "ill"),
        (r"\\pipe\\x", "\\pipe\\x"),
        (r"\pL+abc", ""),
        ("(abc)?d", "d"),
        ("x{2,}yz", "yz"),
        ("[", ""),
        ("x[[:digit:]]abcdef", ""),
        ("x[^a[:digit:]]abcdef", ""),
    ],
)
def test_the_text_that_a_regular_expression_needs(source: str, literal: str) -> None:
    assert literal_of_regex(source) == literal


_REGEX = st.lists(
    st.sampled_from(
        [*"abk.*|()[]{}?+\\^$S,1-&", "[:digit:]", "[:^alpha:]", "(?i)", "(?:", "\\x41", "\\z", "\\Q", "\\101"]
    ),
    max_size=12,
).map("".join)


@settings(max_examples=300)
@given(_REGEX, st.text("abkKsS1]A\n", max_size=12))
def test_a_text_in_which_a_regular_expression_is_found_has_its_literal(source: str, text: str) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(source, options)
    except re2.error:
        return
    if pattern.search(text):
        assert literal_of_regex(source) in text.lower()


_CHANGING = "a\N{GREEK CAPITAL LETTER SIGMA}\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}\N{KELVIN SIGN}. "


@settings(max_examples=300)
@given(st.text(_CHANGING, min_size=1, max_size=3), st.lists(st.text(_CHANGING, max_size=5), min_size=1, max_size=4))
@example("a\N{GREEK CAPITAL LETTER SIGMA}", ["a\N{GREEK CAPITAL LETTER SIGMA}a", ""])
def test_no_text_is_missed_because_of_how_it_looks_in_lower_case(piece: str, values: list[str]) -> None:
    batch = wire.Batch(len(values), {"message": values})
    for text, cased in ((piece, True), (piece.lower(), False)):
        matcher = Matcher(Atom("message", Glob((Piece(""), Piece(text), Piece("")), cased=cased)))
        alone = {0: list(found)} if (found := matcher(BatchView(batch))) else {}
        together = Finder([matcher], few=0).find(BatchView(batch))
        assert {number: list(found) for number, found in together.items()} == alone


def test_only_what_must_hold_is_a_witness() -> None:
    rare, common = Atom("actor.id", Equals(frozenset({"eve"}))), Atom("outcome", Equals(frozenset({"failure"})))
    assert witnesses_of(Not(rare)) is None
    assert witnesses_of(any_of([rare, Not(common)])) is None
    found = witnesses_of(all_of([common, rare, Not(common)]))
    assert found is not None
    assert found.atoms == (rare,)
    both = witnesses_of(any_of([rare, common]))
    assert both is not None
    assert set(both.atoms) == {rare, common}
