"""The query language: what texts mean, and what their mistakes say."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.query.canonical import canonical
from collector.query.errors import QueryError
from collector.query.fields import ACTOR_FIELDS, ADDRESS_FIELDS, NAMES, TEXT_FIELDS, target_of
from collector.query.language import DEPTH_MAX, QUERY_CHARS_MAX, VALUES_MAX
from collector.query.language import parse_query as parse_at
from collector.query.plan import (
    EVERYTHING,
    AddressPrefix,
    And,
    Between,
    Compare,
    Equals,
    HasLike,
    HasWords,
    InNetwork,
    Like,
    LocalPart,
    Not,
    Or,
    Plan,
    Present,
    StartsWith,
    Term,
)  # fmt: skip
from watchbook.clock import format_rfc3339, parse_rfc3339

NOW = parse_rfc3339("2026-11-21T12:00:00Z")
HOUR_US = 3_600_000_000
CREATE = Term(("action",), Equals("create"))
UPDATE = Term(("action",), Equals("update"))
ALICE = Or((Term(ACTOR_FIELDS, Equals("alice")), Term(ADDRESS_FIELDS, LocalPart("alice"))))


def parse_query(text: str) -> Plan:
    return parse_at(text, NOW)


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
        ("org:*", Term(("org",), Present())),
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
        ('"details.my key":x', Term(("details.my key",), Equals("x"))),
        ('"details.a:\\"b":>5', Term(('details.a:"b',), Compare(">", 5))),
        ('has:"details.my key"', Term(("details.my key",), Present())),
        ("changed:plan", Term(("changes.field",), Equals("plan"))),
        ("flags:unparsed", Term(("flags",), Equals("unparsed"))),
        ("reason:timeout", Term(("reason",), HasWords("timeout"))),
        ("(((action:create)))", CREATE),
        ("actor_type:api_key", Term(("actor.type",), Equals("api_key"))),
        ("resource_type:database", Term(("resource.type",), Equals("database"))),
        ("action:updated", Or((UPDATE, Term(("action",), Equals("updated"))))),
        ("has:org", Term(("org",), Present())),
        ("has:org,user", Or((Term(("org",), Present()), Term(ACTOR_FIELDS, Present())))),
        ("-has:changes", Not(Term(("changes.field",), Present()))),
        ("has:details,measures", Or((Term(("details",), Present()), Term(("measures",), Present())))),
        ("a*b", Term(TEXT_FIELDS, HasLike(("a", "b")))),
        ("*base", Term(TEXT_FIELDS, HasLike(("", "base")))),
        ("event_type:*x", Term(("event_type",), Like(("", "x")))),
        ("event_type:a**b*", Term(("event_type",), Like(("a", "b", "")))),
        ('event_type:"a b"*"c*"', Term(("event_type",), Like(("a b", "c*")))),
        ("ip:10.*.7", Term(("source.ip",), Like(("10.", ".7")))),
        ("reason:time*out", Term(("reason",), HasLike(("time", "out")))),
        ("duration_ms:100..500", Term(("duration_ms",), Between(100, 500))),
        ("duration:100ms..1.5s", Term(("duration_ms",), Between(100, 1500))),
        ("duration:>1.5s", Term(("duration_ms",), Compare(">", 1500))),
        ("duration_ms:..500", Term(("duration_ms",), Compare("<=", 500))),
        ("measures.rows:5..", Term(("measures.rows",), Compare(">=", 5))),
        ("measures.bytes:>1MiB", Term(("measures.bytes",), Compare(">", 1 << 20))),
        ("details.n:1..5", Term(("details.n",), Between(1, 5))),
        ("details.path:../x", Term(("details.path",), Equals("../x"))),
        ("resource.id:a..b", Term(("resource.id",), Equals("a..b"))),
        ("time:>2026-11-21T10:00Z", Term(("time",), Compare(">", NOW - 2 * HOUR_US))),
        ("received:>-1h", Term(("received",), Compare(">", NOW - HOUR_US))),
        ("time:-2h..-1h", Term(("time",), Between(NOW - 2 * HOUR_US, NOW - HOUR_US))),
        ("time:>=now", Term(("time",), Compare(">=", NOW))),
        ("time:2026-11-21", Term(("time",), Between(NOW - 12 * HOUR_US, NOW + 12 * HOUR_US - 1))),
        ("time:2026-11-20..2026-11-21", Term(("time",), Between(NOW - 36 * HOUR_US, NOW + 12 * HOUR_US - 1))),
        ("time:>2026-11-20", Term(("time",), Compare(">", NOW - 12 * HOUR_US - 1))),
        ("timestamp:<2026-11-21", Term(("time",), Compare("<", NOW - 12 * HOUR_US))),
    ],
)
def test_a_text_means_this_plan(text: str, plan: object) -> None:
    assert parse_query(text) == plan


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ('"acter":alice', 0, "did you mean 'actor'"),
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
        ("measures.rows:>many", 15, "expected one such as 1000, 2.5 or 10MiB, found 'many'"),
        ("measures.rows:1*", 14, "found '1*'"),
        ("duration_ms:>5,6", 14, "a comparison takes one number"),
        ("duration_ms:>=", 14, "found ''"),
        ("ip:300.1.2.3.4x", 3, "expected an IP address"),
        ("ip:10.0.0.0/99", 3, "is no network"),
        ("time:>2026", 6, "expected a time such as"),
        ("time:2026-13-01", 5, "is no date"),
        ("time:-1h", 5, "did you mean '>-1h'"),
        ("time:..", 5, "expected a time on a side"),
        ("time:2026-11-02..2026-11-01", 5, "the range is empty"),
        ("duration_ms:5..1", 12, "the range is empty"),
        ("duration_ms:..", 12, "expected a number on a side"),
        ("duration:>1.5parsec", 10, "expected one such as 250 (milliseconds), 250ms or 1.5s"),
        ("measures.rows:1e999", 14, "found '1e999'"),
        ("has:", 4, "expected a value for 'has'"),
        ("has:orgg", 4, "did you mean 'org'"),
        ("has:>5", 4, "there is no field '>5'"),
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


_WORDS = st.sampled_from(
    ["alice", "Alice@Corp.Example", "api_key", '"a b"', '"a\\"b"', "ß", "x*", "*x", "a*b", '"a"*"b c"', '"-x"',
     "10.0.0.1", "192.168", "10.0.0.0/8", "::1", "5", "-2.5", "1e6", "100..500", "..5", "2026-11-01", "-1h..now",
     "failed", "updated", ">5", ">=1.5s", "<2026-11-20T10:00Z", ">-1h", "..", '"1..2"', "time", "details", "*", "OR",
     '"OR"', "\u202e"]
)  # fmt: skip
_FIELDS = st.sampled_from(
    ["actor", "user", "action", "status", '"details.a \\"b:*"', "type", "resource", "ip",
     "duration", "measures.rows", "details.a.b", "time",
     "received", "changed", "flags", "message", "org", "has", "origin.offset", "category", "actor_type"]
)  # fmt: skip
_TERMS = (
    st.builds("{}:{}".format, _FIELDS, st.lists(_WORDS, min_size=1, max_size=3).map(",".join))
    | st.builds("{}:{}".format, _FIELDS, _WORDS)
    | _WORDS
)
_QUERIES = st.recursive(
    _TERMS,
    lambda inner: (
        st.builds("({} {})".format, inner, inner)
        | st.builds("({} OR {})".format, inner, inner)
        | st.builds("-({})".format, inner)
        | st.builds("NOT {}".format, inner)
    ),
    max_leaves=6,
)


@given(_QUERIES)
def test_the_canonical_text_of_a_plan_means_the_same_plan(text: str) -> None:
    try:
        plan = parse_query(text)
    except QueryError:
        return
    written = canonical(plan)
    assert parse_at(written, 0, chars_max=100_000) == plan
    assert canonical(parse_at(written, 0, chars_max=100_000)) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("user:Alice status:ok type:database", "actor:alice outcome:success resource.type:database"),
        ("a b OR -(c d)", "a b OR -(c d)"),
        ("a (b OR c)", "a (b OR c)"),
        ("action:create,update org:*", "action:create,update has:org"),
        ("time:>-1h", f"time:>{format_rfc3339(NOW - HOUR_US)}"),
        ('event_type:"a b"*"c"', 'event_type:"a b"*c'),
        ("user:a,b", "actor:a,b"),
    ],
)  # fmt: skip
def test_a_canonical_text_reads_well(text: str, written: str) -> None:
    assert canonical(parse_query(text)) == written
