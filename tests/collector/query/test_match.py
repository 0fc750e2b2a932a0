"""What a query finds, event by event."""

import pytest

from collector.query.language import parse_query
from collector.query.match import compile_plan
from tests.collector.query.memory_source import MemorySource, an_event

EVENTS = {
    "alice": an_event(actor_id="alice", actor_email="alice@corp.example", message="Alice opened the Database"),
    "mail": an_event(actor_id="Bob@Corp.example", action="export", measures={"rows": 5000}, duration_ms=12.5),
    "as bob": an_event(actor_id="root", actor_on_behalf_of="bob", outcome="failure", reason="connection timeout"),
    "key": an_event(actor_type="api_key", actor_id="key-1", source_ip="192.168.1.7", resource_type="database"),
    "ten": an_event(actor_id="x", source_ip="192.168.10.7", resource_id="db-orders", resource_name="Orders"),
    "six": an_event(actor_id="x", source_ip="2001:db8::1", event_type="Asset permissions edited"),
    "plan": an_event(
        actor_id="y", action="update", changes=[{"field": "plan", "old": "free", "new": "pro"}],
        details={"tags": ["red", "blue"], "nested": {"deep": 7}, "a.b": True, "big": 9007199254740993},
    ),
    "raw": an_event(actor_type="system", flags=["unparsed"], raw="? segfault_at", reason="no profile", origin_offset=9),
    "cjk": an_event(actor_id="z", message="创建用户成功"),
}  # fmt: skip


def found(query: str) -> set[str]:
    source = MemorySource()
    block = source.read(source.append(list(EVENTS.values())))
    hits = compile_plan(parse_query(query))(block, range(block.batch.n))
    assert list(hits) == sorted(hits)
    return {list(EVENTS)[index] for index in hits}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("actor:alice", {"alice"}),
        ("actor:ALICE@corp.example", {"alice"}),
        ("actor:bob", {"mail", "as bob"}),
        ("actor:ali", set()),
        ("actor:ali*", {"alice"}),
        ("actor.type:api_key", {"key"}),
        ("actor.id:bob", set()),
        ("status:failed", {"as bob"}),
        ("ip:192.168.1", {"key"}),
        ("ip:192.168.1.7", {"key"}),
        ("ip:192.168", {"key", "ten"}),
        ("ip:192.168.1*", {"key", "ten"}),
        ("ip:192.168.0.0/16", {"key", "ten"}),
        ("ip:2001:db8", {"six"}),
        ("ip:2001:db8::/32", {"six"}),
        ("ip:*", {"key", "ten", "six"}),
        ("-ip:* actor:x", set()),
        ("resource:orders", {"ten"}),
        ("resource:database,db-orders", {"key", "ten"}),
        ("measures.rows:>1000", {"mail"}),
        ("measures.rows:5000", {"mail"}),
        ("measures.rows:>5000", set()),
        ("measures.rows:>=5000", {"mail"}),
        ("duration_ms:<13", {"mail"}),
        ("origin.offset:9", {"raw"}),
        ("measures.cells:>0", set()),
        ("changed:plan", {"plan"}),
        ("changed:pl*", {"plan"}),
        ("details.tags:blue", {"plan"}),
        ("details.nested.deep:>6", {"plan"}),
        ("details.nested.deep:7", {"plan"}),
        ("details.nested.deep:7.0", {"plan"}),
        ("details.a.b:true", {"plan"}),
        ("details.big:9007199254740993", {"plan"}),
        ("details.big:9007199254740992", set()),
        ("details.nested:7", set()),
        ("flags:unparsed", {"raw"}),
        ("-flags:* action:read -actor:alice,x,z", {"as bob", "key"}),
        ("database", {"alice", "key"}),
        ("data", set()),
        ("data*", {"alice", "key"}),
        ("192.168.1", {"key"}),
        ('"CONNECTION TIMEOUT"', {"as bob"}),
        ('"timeout connection"', set()),
        ("timeout connection", {"as bob"}),
        ("reason:timeout", {"as bob"}),
        ("segfault", {"raw"}),
        ("用户", {"cjk"}),
        ("orders export", set()),
        ("orders OR export", {"mail", "ten"}),
        ("event_type:asset*", {"six"}),
        ('event_type:"asset permissions edited"', {"six"}),
        ("category:data", set()),
        ("-action:read", {"mail", "plan"}),
        ("", set(EVENTS)),
    ],
)
def test_a_query_finds_these_events(query: str, expected: set[str]) -> None:
    assert found(query) == expected


def test_details_that_nest_too_deeply_match_nothing_and_break_nothing() -> None:
    deep: object = 1
    for _ in range(400):
        deep = {"a": [deep]}
    source = MemorySource()
    block = source.read(source.append([an_event(details={"a": deep})]))
    select = compile_plan(parse_query("details" + ".a" * 30 + ":x"))
    assert list(select(block, range(1))) == []
