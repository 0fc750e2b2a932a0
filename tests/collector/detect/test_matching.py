"""What a detection matches: modifiers, kinds of values, conditions, in any spelling of a batch."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.detect.expression import (
    Absent,
    And,
    Atom,
    Compares,
    Equals,
    Expression,
    Glob,
    Not,
    Or,
    Piece,
    all_of,
    any_of,
)
from collector.detect.masks import indices_of
from collector.detect.matcher import Matcher, generate_predicate
from collector.detect.survey import surveyor_of
from collector.detect.values import glob_predicate
from collector.detect.view import BatchView
from tests.collector.detect.blocks import block, event
from tests.collector.detect.rules import detection, ruleset
from watchbook import wire


def matched(folder: Path, rule: str, *events: dict[str, Any]) -> list[int]:
    (compiled,) = ruleset(folder, rule).rules
    return list(compiled.matchers[0](BatchView(block([event(**fields) for fields in events]).batch)))


def matches(folder: Path, lines: str, fields: dict[str, Any]) -> bool:
    return matched(folder, detection(lines), fields) == [0]


CASES = [
    # lines of a selection, fields that match, fields that do not
    ("action: login", {"action": "login"}, {"action": "logout"}),
    ("action: LOGIN", {"action": "Login"}, {"action": "log in"}),
    ("action|cased: Login", {"action": "Login"}, {"action": "login"}),
    ("action: [login, logout]", {"action": "LOGOUT"}, {"action": "read"}),
    ("message|contains: secret", {"message": "a SECRET thing"}, {"message": "a thing"}),
    ("message|contains|cased: Secret", {"message": "a Secret thing"}, {"message": "a secret thing"}),
    ("message|contains|all: [red, blue]", {"message": "blue and red"}, {"message": "red"}),
    ("actor.id|startswith: svc-", {"actor__id": "SVC-build"}, {"actor__id": "a-svc-"}),
    ("actor.id|endswith: '@example.com'", {"actor__id": "a@Example.com"}, {"actor__id": "a@example.com.evil"}),
    ("actor.id: 'a*z'", {"actor__id": "abcz"}, {"actor__id": "abczd"}),
    ("actor.id: 'a*m*z'", {"actor__id": "a12m34z"}, {"actor__id": "a12z34m"}),
    ("actor.id: 'u?er'", {"actor__id": "user"}, {"actor__id": "uer"}),
    ("actor.id: '?'", {"actor__id": "x"}, {"actor__id": "xy"}),
    (r"actor.id: 'a\*'", {"actor__id": "a*"}, {"actor__id": "ab"}),
    ("actor.id: '*'", {"actor__id": ""}, {}),
    ("actor.id|re: '^a[0-9]+$'", {"actor__id": "a42"}, {"actor__id": "A42"}),
    ("actor.id|re|i: '^a[0-9]+$'", {"actor__id": "A42"}, {"actor__id": "xA42"}),
    ("message|re: 'b+'", {"message": "abbba"}, {"message": "aca"}),
    ("source.ip|cidr: 10.0.0.0/8", {"source__ip": "10.1.2.3"}, {"source__ip": "11.1.2.3"}),
    ("source.ip|cidr: [10.0.0.0/8, '2001:db8::/32']", {"source__ip": "2001:db8::1"}, {"source__ip": "no address"}),
    ("measures.rows|gte: 100", {"measures": {"rows": 100}}, {"measures": {"rows": 99}}),
    ("measures.rows|gt: 100", {"measures": {"rows": 100.5}}, {"measures": {"rows": 100}}),
    ("measures.rows|lt: 1", {"measures": {"rows": 0}}, {"measures": {"bytes": 0}}),
    ("measures.rows|lte: 0", {"measures": {"rows": 0}}, {}),
    ("measures.rows: 5", {"measures": {"rows": 5.0}}, {"measures": {"rows": 6}}),
    ("measures.rows|exists: true", {"measures": {"rows": 0}}, {"measures": {}}),
    ("duration_ms|gt: 1000", {"duration_ms": 1000.5}, {}),
    ("reason|exists: true", {"reason": "x"}, {}),
    ("reason|exists: false", {}, {"reason": "x"}),
    ("reason: null", {}, {"reason": "x"}),
    ("reason: ''", {"reason": ""}, {"reason": "x"}),
    ("details|exists: true", {"details": {"a": 1}}, {}),
    ("changes: null", {}, {"changes": [{"field": "a"}]}),
    ("details.ticket: ab-1", {"details": {"ticket": "AB-1"}}, {"details": {"ticket": ["x"]}}),
    ("details.a.b|contains: x", {"details": {"a": {"b": "axb"}}}, {"details": {"a": "x"}}),
    ("details.a.b: 1", {"details": {"a.b": "1"}}, {"details": {"a.b": 1.5}}),
    ("details.list.name: b", {"details": {"list": [{"name": "a"}, {"name": "b"}]}}, {"details": {"list": []}}),
    ("details.ok: true", {"details": {"ok": True}}, {"details": {"ok": 1}}),
    ("details.code|gte: 500", {"details": {"code": "503"}}, {"details": {"code": "5xx"}}),
    ("details.code: 403", {"details": {"code": "403"}}, {"details": {"code": 404}}),
    ("details.gone: null", {"details": {"gone": None}}, {"details": {"gone": 0}}),
    ("flags: unparsed", {"flags": ["time_assumed", "unparsed"]}, {"flags": ["time_assumed"]}),
    ("changes.field: role", {"changes": [{"field": "name"}, {"field": "Role"}]}, {"changes": [{"field": "roles"}]}),
    ("changes.new: public", {"changes": [{"field": "v", "new": "public"}]}, {"changes": [{"field": "public"}]}),
    ("action|neq: login", {"action": "read"}, {"action": "login"}),
    ("'|contains': abc", {"raw": "xABCx"}, {"actor__id": "abc"}),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "hit", "miss"), CASES, ids=[case[0] for case in CASES])
def test_a_selection_matches_what_it_says_and_nothing_else(
    tmp_path: Path, lines: str, hit: dict[str, Any], miss: dict[str, Any]
) -> None:
    assert matches(tmp_path, lines, hit)
    assert not matches(tmp_path, lines, miss)
    # The same in the middle of a batch, where columns are lists.
    assert matched(tmp_path, detection(lines), miss, hit, miss) == [1]


def test_keywords_are_searched_in_the_message_and_in_the_raw_line(tmp_path: Path) -> None:
    rule = detection("keywords: [segfault, 'out of * memory', 42]", condition="keywords")
    events = (
        {"message": "SEGFAULT at 0"},
        {"raw": "out of all memory"},
        {"details": {"x": "segfault"}},
        {"raw": "code 142"},
    )
    assert matched(tmp_path, rule, *events) == [0, 1, 3]


def test_all_keywords_must_be_found_with_the_all_modifier(tmp_path: Path) -> None:
    rule = detection("words: {'|all': [red, blue]}", condition="words")
    assert matched(tmp_path, rule, {"message": "red", "raw": "x blue"}, {"message": "red"}) == [0]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a and b", [3]),
        ("a or b", [1, 2, 3]),
        ("a and not b", [1]),
        ("not (a or b)", [0]),
        ("1 of them", [1, 2, 3]),
        ("all of them", [3]),
        ("not 1 of a*", [0, 2]),
        ("[a and b, not a and not b]", [0, 3]),
    ],
)
def test_conditions_combine_selections(tmp_path: Path, condition: str, expected: list[int]) -> None:
    rule = detection("a: {action: login}\nb: {outcome: failure}", condition=condition)
    events = [{"action": a, "outcome": o} for a in ("read", "login") for o in ("success", "failure")]
    assert matched(tmp_path, rule, events[0], events[2], events[1], events[3]) == expected


def test_a_list_of_mappings_means_any_of_them(tmp_path: Path) -> None:
    rule = detection("s:\n  - action: login\n    outcome: failure\n  - action: read", condition="s")
    events = ({"action": "login"}, {"action": "read"}, {"action": "login", "outcome": "failure"})
    assert matched(tmp_path, rule, *events) == [1, 2]


def test_the_log_source_narrows_by_category_and_profile(tmp_path: Path) -> None:
    rule = detection("action: login").replace(
        "product: watchbook", "product: watchbook\n  category: authentication\n  service: sshd"
    )
    right = {"action": "login", "category": "authentication", "origin__profile": "sshd"}
    assert matched(tmp_path, rule, right, {**right, "category": "access"}, {**right, "origin__profile": "nginx"}) == [0]


def test_a_value_of_a_rule_never_becomes_code(tmp_path: Path) -> None:
    text = "'); raise SystemExit('"
    lines = f'action: read\ndetails.{"x" * 3}: "{text}"\nmessage|contains: "{text}"'
    assert matches(tmp_path, lines, {"details": {"xxx": text}, "message": text})


def view_of(*events: dict[str, Any]) -> BatchView:
    return BatchView(block([event(**fields) for fields in events]).batch)


def test_objects_are_decoded_only_when_the_columns_leave_it_open(tmp_path: Path) -> None:
    (rule,) = ruleset(tmp_path, detection("action: share\ndetails.to: everyone")).rules
    quiet = view_of({"details": {"to": "everyone"}}, {"details": {"to": "bob"}})
    assert list(rule.matchers[0](quiet)) == []
    assert quiet.decoded("details") == 0


def test_an_object_that_many_events_share_is_decoded_once(tmp_path: Path) -> None:
    (rule,) = ruleset(tmp_path, detection("details.to: everyone")).rules
    shared = view_of(*[{"details": {"to": to}} for to in ("everyone", "bob") * 3])
    assert list(rule.matchers[0](shared)) == [0, 2, 4]
    assert shared.decoded("details") == 2


def test_of_objects_that_all_differ_only_candidates_are_decoded(tmp_path: Path) -> None:
    (rule,) = ruleset(tmp_path, detection("action: share\ndetails.to: everyone")).rules
    events: list[dict[str, Any]] = [{"details": {"to": "everyone", "n": number}} for number in range(9)]
    events[4]["action"] = "share"
    view = view_of(*events)
    assert list(rule.matchers[0](view)) == [4]
    assert view.decoded("details") == 1


# -- the survey -----------------------------------------------------------------------------------------------------

ACTION = Atom("action", Equals(frozenset({"login"})))
ROWS = Atom("measures.rows", Compares("gte", 5))
MESSAGE = Atom("message", Glob((Piece(""), Piece("x"), Piece(""))))
#: As many different texts as no column of codes holds.
MANY = [{"message": f"m{number} {'x' if number % 2 else ''}", "action": "login"} for number in range(200)]


def test_columns_of_few_distinct_values_decide_alone() -> None:
    sure, possible = surveyor_of(Or((Not(ACTION), And((ROWS, MESSAGE)))))(
        view_of({"action": "login", "measures": {"rows": 7}, "message": "x"}, {"action": "read"}, {"action": "login"})
    )
    assert sure is possible
    assert list(indices_of(sure, 3)) == [0, 1]


def test_a_test_of_many_different_texts_is_left_open_unless_it_is_for_equality() -> None:
    view = view_of(*MANY)
    assert surveyor_of(And((ACTION, MESSAGE)))(view) == (False, True)
    assert surveyor_of(And((Not(ACTION), MESSAGE)))(view) == (False, False)
    sure, possible = surveyor_of(Atom("message", Equals(frozenset({"m7 x"}))))(view)
    assert sure is possible
    assert list(indices_of(sure, len(MANY))) == [7]
    assert list(Matcher(And((ACTION, MESSAGE)))(view)) == list(range(1, 200, 2))


def test_codes_of_two_digits_are_looked_up() -> None:
    view = view_of(*[{"org": f"org-{number // 3}"} for number in range(450)])
    coded = view.coded("org")
    assert coded is not None
    assert coded.high is not None
    assert list(Matcher(Atom("org", Equals(frozenset({"org-149", "org-0"}))))(view)) == [0, 1, 2, 447, 448, 449]
    assert view.at("org", [0, 447, 3]) == ["org-0", "org-149", "org-1"]


# -- properties -----------------------------------------------------------------------------------------------------


def naive_glob(text: str, pattern: list[str]) -> bool:
    """Match character by character, with backtracking."""
    if not pattern:
        return not text
    head, *rest = pattern
    if head == "*":
        return any(naive_glob(text[start:], rest) for start in range(len(text) + 1))
    return bool(text) and head in ("?", text[0]) and naive_glob(text[1:], rest)


def pieces_of(pattern: list[str]) -> tuple[Piece, ...]:
    runs = "".join(pattern).split("*")
    return tuple(Piece(run, tuple(place for place, char in enumerate(run) if char == "?")) for run in runs)


@settings(deadline=None)
@given(st.lists(st.sampled_from("ab?*"), max_size=7), st.text("ab", max_size=8))
def test_globs_match_like_backtracking_does(pattern: list[str], text: str) -> None:
    assert glob_predicate(Glob(pieces_of(pattern), cased=True))(text) == naive_glob(text, pattern)


TEXTS = st.sampled_from(["a", "B", "ab", None])
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "action": st.sampled_from(["a", "A", "b"]),
            "reason": TEXTS,
            "measures": st.sampled_from([None, {}, {"rows": 1}, {"rows": 7}]),
            "details": st.sampled_from([None, {}, {"x": "a"}, {"x": ["b", 5]}]),
            "changes": st.sampled_from([None, [], [{"field": "a"}], [{"field": "b", "new": 5}, {"field": "A"}]]),
            "flags": st.sampled_from([None, ["a"], ["b", "a"]]),
            "duration_ms": st.sampled_from([None, 1, 7.5]),
        }
    ),
    min_size=1,
    max_size=6,
)
ATOMS = st.sampled_from(
    [
        Atom("action", Equals(frozenset({"a"}))),
        Atom("action", Equals(frozenset({"A"}), cased=True)),
        Atom("reason", Equals(frozenset({"a", "b"}))),
        Atom("reason", Glob((Piece("a"), Piece("")))),
        Atom("measures.rows", Compares("gte", 5)),
        Atom("measures.rows", Compares("lt", 5)),
        Atom("measures.rows", Equals(frozenset({"7"}))),
        Atom("details.x", Equals(frozenset({"a", "5"}))),
        Atom("details.x", Absent()),
        Atom("details", Absent()),
        Atom("changes.field", Equals(frozenset({"a"}))),
        Atom("changes.new", Compares("gte", 5)),
        Atom("changes.new", Absent()),
        Atom("flags", Equals(frozenset({"b"}))),
        Atom("duration_ms", Compares("gt", 5)),
        Atom("org", Absent()),
    ]
)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=1, max_size=3).map(any_of),
        st.lists(inner, min_size=1, max_size=3).map(all_of),
    ),
    max_leaves=8,
)


def holds(expression: Expression, fields: dict[str, Any]) -> bool:
    """Evaluate an expression for one event by its definition, using single atoms only."""
    if isinstance(expression, Not):
        return not holds(expression.arg, fields)
    if isinstance(expression, And):
        return all(holds(arg, fields) for arg in expression.args)
    if isinstance(expression, Or):
        return any(holds(arg, fields) for arg in expression.args)
    return generate_predicate(expression)(BatchView(block([event(**fields)]).batch), [0]) == [0]


@settings(deadline=None)
@given(EXPRESSIONS, EVENTS, st.booleans())
def test_survey_and_predicate_together_find_what_the_definition_says(
    expression: Expression, events: list[dict[str, Any]], plain: bool
) -> None:
    expected = [index for index, fields in enumerate(events) if holds(expression, fields)]
    batch = block([event(**fields) for fields in events]).batch
    if plain:  # as the events are that were posted: columns that nobody coded
        batch = wire.Batch(batch.n, {name: batch.columns[name] for name in batch.columns})
    assert list(Matcher(expression)(BatchView(batch))) == expected
