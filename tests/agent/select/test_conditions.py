"""What conditions mean, and how mistakes in them are named."""

from typing import Any

import pytest

from agent.select import Conditions
from agent.select.code import compile_conditions
from watchbook.configfile import ConfigError, parse

FIELDS = ("time", "actor.id", "action", "outcome", "duration_ms", "measures", "source.ip", "details", "flags")
CONSTANTS = {"category": "access", "origin.profile": "p"}
ROWS = [
    (1, "alice", "read", "success", 12.5, {"rows": 500}, "10.1.2.3",
     {"level": "info", "n": 404, "a.b": {"c": [7]}, "l": [{"t": "file", "n": 1}, {"t": "link", "n": 2}, "x"]}, None),
    (2, None, "delete", None, None, None, None, None, ["no_resource"]),
    (3, "bob", "read", "failure", 100, {"rows": 5, "bytes": 2}, "2001:db8::1", {"ok": True, "level": None}, None),
]  # fmt: skip


def wanted(text: str, fields: tuple[str, ...] = FIELDS) -> list[int]:
    """Return the places of the rows that conditions, as YAML, hold for."""
    find = compile_conditions([Conditions.from_node(parse(text, "t"))], fields, CONSTANTS)
    return [place for place, number in find(ROWS) if number == 0]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("action: read", [0, 2]),
        ("action: [delete, create]", [1]),
        ("{action: read, outcome: failure}", [2]),
        ("[{outcome: failure}, {action: delete}]", [1, 2]),
        ("outcome: {not: success}", [1, 2]),
        ("outcome: {not: [success, failure]}", [1]),
        ("actor.id: {present: false}", [1]),
        ("actor.id: {present: true, not: bob}", [0]),
        ("actor.id: {starts: al}", [0]),
        ("actor.id: {starts: [al, bo]}", [0, 2]),
        ("actor.id: {ends: b}", [2]),
        ("actor.id: {contains: [lic, zz]}", [0]),
        ("actor.id: {match: '^b.b$'}", [2]),
        ("duration_ms: {below: 50}", [0]),
        ("duration_ms: {above: 12, below: 100.5}", [0, 2]),
        ("duration_ms: 100", [2]),
        ("duration_ms: 12.5", [0]),
        ("measures.rows: {above: 100}", [0]),
        ("measures.rows: 5", [2]),
        ("measures.bytes: {present: false}", [0, 1]),
        ("measures: {present: true}", [0, 2]),
        ("source.ip: 10.0.0.0/8", [0]),
        ("source.ip: ['2001:db8::/32', 192.0.2.1]", [2]),
        ("source.ip: {not: 10.0.0.0/8}", [1, 2]),
        ("details.level: info", [0]),
        ("details.level: {not: info}", [1, 2]),
        ("details.n: 404", [0]),
        ("details.n: {above: 400}", [0]),
        ("details.ok: true", [2]),
        ("details.\"a.b\".c[0]: 7", [0]),
        ("details.\"a.b\".c[-1]: {present: true}", [0]),
        ("details.\"a.b\".c[1]: {present: true}", []),
        ("details.level.deeper: {present: true}", []),
        ("details.l[].t: file", [0]),
        ("details.l[].t: {not: [link, other]}", [1, 2]),
        ("details.l[].t: {not: other}", [0, 1, 2]),
        ("details.l[].t: {present: false}", [1, 2]),
        ("details.l[t=link].n: {above: 1}", [0]),
        ("details.l[t=link].n: 1", []),
        ("details.l[t=none].n: {present: true}", []),
        ("details.l[].t.deeper[]: {present: true}", []),
        ("flags: no_resource", [1]),
        ("category: access", [0, 1, 2]),
        ("category: data", []),
        ("{category: access, action: delete}", [1]),
        ("org: {present: false}", [0, 1, 2]),
        ("org: acme", []),
    ],
)  # fmt: skip
def test_conditions_hold_for_the_rows_they_mean(text: str, places: list[int]) -> None:
    assert wanted(text) == places


def test_the_first_rule_that_wants_a_row_counts() -> None:
    rules = [
        Conditions.from_node(parse(text, "t"))
        for text in ("action: delete", "category: data", "action: [read, delete]")
    ]
    assert compile_conditions(rules, FIELDS, CONSTANTS)(ROWS) == [(0, 2), (1, 0), (2, 2)]


def test_a_rule_cannot_smuggle_code_in() -> None:
    assert wanted("actor.id: \"' or True or '\"") == []
    assert wanted('details."x\') or (True": 1') == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("acton: read", "1:1: 'acton': there is no event field 'acton'; did you mean 'action'?"),
        ("{action: read, x: 1, y: 2}", "1:16: 'x': there is no event field 'x'"),
        ("details: {x: 1}", "1:11: 'details.x': there is no such operator; known here: present, not,"),
        ("action: {start: x}", "1:10: 'action.start': there is no such operator; did you mean 'starts'?"),
        ("action: {}", "1:9: 'action': expected a value or operators, found none"),
        ("action: []", "1:9: 'action': expected a value or a list of values, found an empty list"),
        ("action:", "1:8: 'action': expected a value, found nothing"),
        ("outcome: failed", "1:10: 'outcome': expected one of failure, in_progress, pending, success, found 'failed'"),
        ("source.ip: 10.0.0.0/33", "1:12: 'source.ip': expected an address or a network such as 10.0.0.0/8"),
        ("action: {match: '('}", "1:17: 'action.match': is no regular expression: missing )"),
        ("duration_ms: {below: fast}", "1:22: 'duration_ms.below': expected a number, found 'fast'"),
        ("action: {present: yes}", "1:19: 'action.present': expected true or false, found 'yes'"),
        ("details.a..b: 1", "1:1: 'details.a..b': expected a path such as details.user.groups[0], found 'a..b'"),
        ("details.a.: 1", "1:1: 'details.a.': expected a path such as details.user.groups[0], found 'a.'"),
        ("raw: x", "1:1: 'raw': 'raw' is no field that rules can look at: it is set after them"),
        ("origin.file: x", "1:1: 'origin.file': 'origin.file' is no field that rules can look at"),
        ("time: x", "1:1: 'time': 'time' is no field that rules can look at"),
        ("[]", "1:1: expected conditions, found an empty list"),
        ("{}", "1:1: expected at least one field and what it must be"),
        ("[{action: read}, x]", "1:18: '[1]': expected a mapping of options, found 'x'"),
    ],
)
def test_a_mistake_names_its_place_and_what_was_expected(text: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Conditions.from_node(parse(text, "t"))
    assert str(caught.value).startswith(f"t:{wrong}"), caught.value


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Conditions.from_node(parse("[{acton: x, action: {}}, {measures.x: {above: y}}]", "t"))
    assert len(caught.value.problems) == 3


def test_equal_conditions_are_equal_values_so_that_a_reload_sees_what_changed() -> None:
    def read(text: str) -> Any:
        return Conditions.from_node(parse(text, "t"))

    assert read("{action: read}") == read("action:   read")
    assert read("{action: read}") != read("{action: log}")
