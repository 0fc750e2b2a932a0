"""Random events, plans and stores: small enough to collide, odd enough to break what is not exact."""

from ipaddress import ip_network
from typing import Any, NamedTuple

from hypothesis import strategies as st

from collector.query.plan import (
    RECEIVED,
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
)
from collector.query.ranges import TimeRange
from tests.collector.query.memory_index import MemoryIndexes
from tests.collector.query.memory_source import MemorySource
from watchbook.clock import TIME_MAX_US, TIME_MIN_US
from watchbook.event import event_id

STREAMS = ("a" * 32, "b" * 32)
_NAMES = st.sampled_from(["alice", "Bob", "bob@corp.example", "al", "ALICE", "ß", "x y", "", "a=b\0c", "\u202eali"])
_TEXTS = st.sampled_from(
    [
        "connection timeout",
        "Timeout",
        "a_timeout b",
        "no",
        "",
        "time-out",
        "用户timeout",
        "ßx",
        "x 10.0.1.7",
        "tim timeout",
    ]
)
_ADDRESSES = st.sampled_from(
    [
        "10.0.1.7",
        "10.0.17.1",
        "192.168.1.7",
        "1.10.0.1",
        "2001:db8::1",
        "::ffff:10.0.1.7",
        "010.0.1.7",
        "10.0.1",
        "web-10",
    ]
)
_NUMBERS = st.sampled_from([0, 1, 2, 3, 2.5, -1, 2**53, 2**53 + 1, 1e300])


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


TIMES = st.integers(0, 12) | st.sampled_from([TIME_MIN_US, TIME_MAX_US, 5, 5])
EVENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "time": TIMES,
        "actor.type": st.sampled_from(["user", "system"]),
        "action": st.sampled_from(["read", "create"]),
        "actor.id": _optional(_NAMES),
        "actor.email": _optional(_NAMES),
        "resource.type": _optional(st.sampled_from(["a", "b", "ab"])),
        "message": _optional(_TEXTS),
        "source.ip": _optional(_ADDRESSES),
        "source.session_id": _optional(st.sampled_from(["s1", "S1", "s2"])),
        "duration_ms": _optional(_NUMBERS),
        "measures": _optional(st.dictionaries(st.sampled_from(["rows", "big", "x"]), _NUMBERS, max_size=2)),
        "details": _optional(
            st.dictionaries(
                st.sampled_from(["k", "l"]), st.sampled_from(["v", "V", 1, 1.0, True, None, ["v", 2], {"m": "v"}])
            )
        ),
        "changes": _optional(
            st.lists(st.fixed_dictionaries({"field": st.sampled_from(["plan", "Tier", "", "a\0b"])}), max_size=2)
        ),
        "flags": _optional(st.lists(st.sampled_from(["unparsed", "truncated", "system"]), max_size=2)),
    }
).map(lambda event: {name: value for name, value in event.items() if value is not None})

_PIECES = st.lists(st.sampled_from(["a", "time", "out", "ß", "10.", ".7", "0", " "]), max_size=2)
_EDGES = st.sampled_from(["", "a", "al", "t", "10", "7", "ss"])
_STARRED = st.builds(lambda first, inner, last: (first, *inner, last), _EDGES, _PIECES, _EDGES)
_BOUNDS = st.sampled_from([0, 1, 2, 2.5, 5, -1, 2**53, 2**53 + 1, 2**53 + 2, 1e300, TIME_MAX_US])
_TEXT_TESTS = (
    st.sampled_from(
        ["alice", "bob", "v", "1", "true", "plan", "unparsed", "ss", "", "s1", "a\0b", "10.0.1.7", "a"]
    ).flatmap(lambda text: st.sampled_from([Equals(text), StartsWith(text), LocalPart(text)]))
    | st.just(Present())
    | st.builds(Compare, st.sampled_from(["=", ">", ">=", "<", "<="]), _BOUNDS)
    | st.builds(Between, _BOUNDS, _BOUNDS)
    | st.builds(Like, _STARRED)
    | st.sampled_from(["10", "10.0", "10.0.1.7", "10.0.1.", "1", "2001:db8", "192.168.1.7."]).map(AddressPrefix)
    | st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "10.0.1.7/32", "::/0"])
    .map(ip_network)
    .map(InNetwork)
)
_WORDS = st.builds(
    HasWords,
    st.sampled_from(
        [
            "timeout",
            "connection timeout",
            "time",
            "ss",
            "no",
            "10",
            "0.1",
            ".1.7",
            "10.0.1",
            "7",
            "10.",
            ".",
            "1.7",
            "db8",
        ]
    ),
    st.booleans(),
) | st.builds(HasLike, _STARRED.filter(any))
_FIELDS = st.sampled_from(
    ["actor.id", "actor.type", "action", "message", "duration_ms", "measures.rows", "measures.big", "measures.x",
     "details.k", "details.k.m", "details", "measures", "changes.field", "flags", "org", "source.ip", "actor.email",
     "source.session_id", "time", RECEIVED, "resource.type", "origin.offset"]
)  # fmt: skip
_FIELD_TUPLES = st.lists(_FIELDS, min_size=1, max_size=3, unique=True).map(tuple)
_TERMS = st.builds(Term, _FIELD_TUPLES, _TEXT_TESTS) | st.builds(
    Term, st.just(("message", "actor.id", "source.ip")), _WORDS
)
PLANS: st.SearchStrategy[Plan] = st.recursive(
    _TERMS,
    lambda plans: (
        st.builds(Not, plans)
        | st.builds(And, st.lists(plans, max_size=3).map(tuple))
        | st.builds(Or, st.lists(plans, min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=6,
)
RANGES = st.builds(TimeRange, st.integers(0, 12), st.none() | st.integers(0, 13)) | st.just(
    TimeRange(TIME_MIN_US, None)
)


class World(NamedTuple):
    """A store, its indexes, and all events in it: flat, with ``id``, ``received`` and a position."""

    source: MemorySource
    indexes: MemoryIndexes
    events: list[dict[str, Any]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return stores of up to three segments, each sealed or hot, indexed wholly, partly or not at all."""
    source = MemorySource()
    indexes = MemoryIndexes(source, draw(st.integers(1, 9)), draw(st.sampled_from([0, 8, 100])))
    events: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(1, 3))):
        if turn:
            source.roll()
        name = source.kept[-1].name
        batches = st.lists(st.tuples(st.sampled_from(STREAMS), st.lists(EVENTS, min_size=1, max_size=6)), max_size=5)
        for stream, batch in draw(batches):
            info = source.append(batch, stream, draw(st.sampled_from([0, 1, 2, 5])))
            for index, event in enumerate(batch):
                position = (event["time"], stream, info.sequence, index)
                identity = {"id": event_id(stream, info.sequence, index), "received": info.received}
                events.append({**event, **identity, "position": position})
        indexes.reach[name] = draw(st.none() | st.integers(0, 20))
        if draw(st.booleans()):
            source.seal(name, draw(st.integers(1, 7)))
    return World(source, indexes, events)
