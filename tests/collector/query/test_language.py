"""The query language: what texts mean, and what their mistakes say."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.query.errors import QueryError
from collector.query.fields import ACTOR_FIELDS, ADDRESS_FIELDS, NAMES, TEXT_FIELDS, target_of
from collector.query.language import DEPTH_MAX, QUERY_CHARS_MAX, VALUES_MAX, parse_query
from collector.query.plan import (
    EVERYTHING,
    AddressPrefix,
    And,
    Compare,
    Equals,
    HasWords,
    InNetwork,
    LocalPart,
    Not,
    Or,
    StartsWith,
    Term,
)  # fmt: skip

CREATE = Term(("action",), Equals("create"))
UPDATE = Term(("action",), Equals("update"))
ALICE = Or((Term(ACTOR_FIELDS, Equals("alice")), Term(ADDRESS_FIELDS, LocalPart("alice"))))


def words(text: str, open_end: bool = False) -> Term:
    return Term(TEXT_FIELDS, HasWords(text, open_end))


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("", EVERYTHING),
        ("  \t\n", EVERYTHING),
        ("action:create", CREATE),
        ("ACTION:Create", CREATE),
        ("action:create action:update", And((CREATE, UPDATE))),
        ("action:create AND action:update", And((CREATE, UPDATE))),
        ("action:create,update", Or((CREATE, UPDATE))),
        ("action:create OR action:update", Or((CREATE, UPDATE))),
        ("-action:create", Not(CREATE)),
        ("NOT action:create", Not(CREATE)),
        ("-(action:create action:update)", Not(And((CREATE, UPDATE)))),
        ("action:create (timeout OR -action:update)", And((CREATE, Or((words("timeout"), Not(UPDATE)))))),
        ("a b OR c", Or((And((words("a"), words("b"))), words("c")))),
        ("OReilly", words("oreilly")),
        ("or", words("or")),
        ('action:"create"', CREATE),
        ('action:"say \\"hi\\", \\\\ ok"', Term(("action",), Equals('say "hi", \\ ok'))),
        ('event_type:"a, b",c', Or((Term(("event_type",), Equals("a, b")), Term(("event_type",), Equals("c"))))),
        ("event_type:asset*", Term(("event_type",), StartsWith("asset"))),
        ('event_type:"asset*"', Term(("event_type",), Equals("asset*"))),
        ("org:*", Term(("org",), StartsWith(""))),
        ("timeout", words("timeout")),
        ("Time*", words("time", open_end=True)),
        ('"connection timeout"', words("connection timeout")),
        ('-"connection timeout"', Not(words("connection timeout"))),
        ("db-orders", words("db-orders")),
        ("actor:alice", ALICE),
        ("user:Alice", ALICE),
        ("actor:ali*", Term(ACTOR_FIELDS, StartsWith("ali"))),
        ("status:failed", Term(("outcome",), Equals("failure"))),
        ('outcome:"In Progress"', Term(("outcome",), Equals("in_progress"))),
        ("outcome:fail*", Term(("outcome",), StartsWith("fail"))),
        ("type:database", Term(("resource.type",), Equals("database"))),
        ("resource:db-1", Term(("resource.id", "resource.name", "resource.type"), Equals("db-1"))),
        ("host:web1", Term(("origin.host",), Equals("web1"))),
        ("ip:192.168.1", Term(("source.ip",), AddressPrefix("192.168.1"))),
        ("ip:2001:DB8::0001", Term(("source.ip",), AddressPrefix("2001:db8::1"))),
        ("ip:10.0.0.0/8", Term(("source.ip",), InNetwork(ip_network("10.0.0.0/8")))),
        ("ip:192.168.*", Term(("source.ip",), StartsWith("192.168."))),
        ("duration_ms:>100", Term(("duration_ms",), Compare(">", 100))),
        ("measures.rows:>=1e6", Term(("measures.rows",), Compare(">=", 1e6))),
        ("measures.rows:<-2.5", Term(("measures.rows",), Compare("<", -2.5))),
        ("measures.rows:<=5", Term(("measures.rows",), Compare("<=", 5))),
        ("measures.rows:5", Term(("measures.rows",), Compare("=", 5))),
        ("details.Plan.tier:free", Term(("details.Plan.tier",), Equals("free"))),
        ("changed:plan", Term(("changes.field",), Equals("plan"))),
        ("flags:unparsed", Term(("flags",), Equals("unparsed"))),
        ("reason:timeout", Term(("reason",), HasWords("timeout"))),
        ("(((action:create)))", CREATE),
    ],
)
def test_a_text_means_this_plan(text: str, plan: object) -> None:
    assert parse_query(text) == plan


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("acter:alice", 0, "there is no field 'acter'; did you mean 'actor'?"),
        ("action:read  outcom:ok", 13, "did you mean 'outcome'?"),
        ("http://example", 0, "there is no field 'http'; to search for the text, quote it"),
        ("outcome:failled", 8, "did you mean 'failure'?"),
        ("category:read,acess", 9, "'category' is one of access, admin"),
        ("action:", 7, "expected a value for 'action'"),
        ("action:create,", 14, "expected a value for 'action'"),
        ("action:create,,b", 14, "expected a value for 'action'"),
        (":x", 0, "expected the name of a field before ':'"),
        ("action:>5", 7, "'action' holds no numbers to compare"),
        ("measures.rows:>many", 15, "expected one such as 1000 or 2.5, found 'many'"),
        ("measures.rows:1*", 14, "found '1*'"),
        ("duration_ms:>5,6", 14, "a comparison takes one number"),
        ("duration_ms:>=", 14, "found ''"),
        ("ip:300.1.2.3.4x", 3, "expected an IP address"),
        ("ip:10.0.0.0/99", 3, "is no network"),
        ("time:>2026", 0, "times are given as a range"),
        ("measures:5", 0, "measures.rows:>1000"),
        ("details:x", 0, "details.plan:free"),
        ("changes:x", 0, "changed:plan"),
        ('say "hello', 4, "this quote is never closed"),
        ("(a b", 0, "this '(' is never closed"),
        ("a)", 1, "closes nothing"),
        ("()", 1, "expected a word"),
        ("a OR", 4, "expected a word"),
        ("OR a", 0, "expected a word"),
        ("a AND OR b", 6, "expected a word"),
        ("- a", 0, "expected what to leave out right after '-'"),
        ("--since", 0, "expected what to leave out right after '-'"),
        ("a*b", 1, "a '*' is understood only at the end"),
        ("action:*x", 7, "a '*' is understood only at the end"),
        ("*", 0, "expected a word before '*'"),
        ('action:a"b"', 8, "expected a blank after the value"),
        ("action:a(b)", 8, "expected a blank after the value"),
    ],
)
def test_a_mistake_names_its_place_and_the_next_step(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert message in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * (DEPTH_MAX + 1) + "a" + ")" * (DEPTH_MAX + 1),
        "-(" * 2000,
        "NOT " * 1000 + "a",
        "x" * 1_000_000,
        "a " * (VALUES_MAX + 1),
        "action:" + "a," * (VALUES_MAX + 1),
        "details" + ".a" * 1000 + ":x",
    ],
)
def test_a_hostile_text_is_refused_with_a_position(text: str) -> None:
    with pytest.raises(QueryError):
        parse_query(text)


def test_the_longest_and_the_deepest_query_are_read() -> None:
    assert parse_query("x" * QUERY_CHARS_MAX) == words("x" * QUERY_CHARS_MAX)
    assert parse_query("(" * DEPTH_MAX + "a" + ")" * DEPTH_MAX) == words("a")


@given(st.text(alphabet=st.sampled_from('ab :,"\\()-*<>=ORND.1/\t\x00é\u202e'), max_size=40) | st.text(max_size=60))
def test_any_text_gives_a_plan_or_an_error_with_a_position(text: str) -> None:
    position: int | None = 0
    try:
        parse_query(text)
    except QueryError as error:
        position = error.position
    assert position is not None
    assert 0 <= position <= len(text)


def test_every_name_that_is_suggested_is_understood() -> None:
    assert all(target_of(name).fields for name in NAMES)
