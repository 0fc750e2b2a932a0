"""Receiving over HTTP into a real store: what is acknowledged is there, what is wrong is named, the rest stays."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from prometheus_client import CollectorRegistry
from pytest_aiohttp import AiohttpClient

from collector.access import Principal
from collector.problem import ApiProblem
from collector.receive import Receiver, ReceiveSettings
from collector.refusals import problem_of
from collector.store import Store, StoreSettings, StoreUnavailableError
from collector.web import make_application
from tests.collector.store.batches import batch_of
from watchbook import wire
from watchbook.clock import parse_rfc3339
from watchbook.event import flatten
from watchbook.units import Bytes

STREAM = "a" * 32
NOW = 1_763_733_909_000_000
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(
        tmp_path, StoreSettings(), batch_bytes_max=1 << 20, clock=lambda: NOW, on_committed=lambda _: None
    )
    yield opened
    await opened.close()


SETTINGS = ReceiveSettings(body_bytes_max=Bytes(100_000), batch_bytes_max=Bytes(1 << 20), post_events_max=10)


@pytest.fixture
async def client(store: Store, aiohttp_client: AiohttpClient) -> Client:
    return await client_of(store, aiohttp_client, SETTINGS)


async def client_of(store: Store, aiohttp_client: AiohttpClient, settings: ReceiveSettings) -> Client:
    def authorise(request: web.Request) -> Principal:
        if request.headers.get("Authorization") == "Bearer wrong":
            raise ApiProblem(401, "token-unknown", "who are you?")
        return Principal(1, "tester", frozenset({"ingest"}))

    receiver = Receiver(
        settings,
        append=store.append,
        own_stream=lambda: store.own_stream,
        authorise=authorise,
        translate=problem_of,
        clock=lambda: NOW,
        registry=CollectorRegistry(),
    )
    app = make_application(CollectorRegistry(), body_bytes_max=settings.body_bytes_max)
    receiver.add_routes(app)
    return await aiohttp_client(app)


async def post_batch(client: Client, sequence: Any, data: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    answer = await client.post(
        "/v1/batches",
        data=data,
        headers={
            "Content-Type": wire.CONTENT_TYPE,
            wire.STREAM_HEADER: STREAM,
            wire.SEQUENCE_HEADER: str(sequence),
            **headers,
        },
    )
    return answer.status, await answer.json(content_type=None)


async def post_events(client: Client, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await client.post("/v1/events", data=data, headers={"Content-Type": "application/json", **headers})
    return answer.status, await answer.json(content_type=None)


async def stored(store: Store) -> list[dict[str, Any]]:
    def read() -> list[dict[str, Any]]:
        blocks = [store.reader.read(info).batch for info in store.reader.arrived_after(0, 100)]
        return [batch.event(index) for batch in blocks for index in range(batch.n)]

    return await asyncio.to_thread(read)


async def test_a_batch_is_stored_and_its_repeat_is_known(client: Client, store: Store) -> None:
    data, _ = batch_of("a", "b")
    assert await post_batch(client, 1, data) == (200, {"duplicate": False, "sequence": 1, "events": 2})
    assert await post_batch(client, 1, data) == (200, {"duplicate": True, "sequence": 1, "events": 2})
    assert [event["actor.id"] for event in await stored(store)] == ["a", "b"]


async def test_a_gap_is_answered_with_the_sequence_expected(client: Client) -> None:
    status, problem = await post_batch(client, 5, batch_of("a")[0])
    assert (status, problem["expected"]) == (409, 1)
    assert problem["type"] == "urn:watchbook:problem:sequence-gap"


async def test_a_hole_that_the_sender_knows_of_is_taken_and_no_other(client: Client, store: Store) -> None:
    assert (await post_batch(client, 1, batch_of("a")[0]))[0] == 200
    later, _ = batch_of("e")
    for wrong in ("1", "3", "5"):
        status, problem = await post_batch(client, 5, later, **{wire.ELSEWHERE_HEADER: wrong})
        assert (status, problem["expected"]) == (409, 2), wrong
    status, problem = await post_batch(client, 5, later, **{wire.ELSEWHERE_HEADER: "0x2"})
    assert (status, problem["type"]) == (400, "urn:watchbook:problem:sequence")
    known = {wire.ELSEWHERE_HEADER: "2"}
    assert await post_batch(client, 5, later, **known) == (200, {"duplicate": False, "sequence": 5, "events": 1})
    assert await post_batch(client, 5, later, **known) == (200, {"duplicate": True, "sequence": 5, "events": 1})
    assert (await post_batch(client, 6, batch_of("f")[0]))[0] == 200
    assert [event["actor.id"] for event in await stored(store)] == ["a", "e", "f"]


async def test_a_hole_does_not_make_a_batch_that_was_stored_new(client: Client, store: Store) -> None:
    data, _ = batch_of("a")
    assert (await post_batch(client, 3, data, **{wire.ELSEWHERE_HEADER: "1"}))[0] == 200
    status, receipt = await post_batch(client, 3, data, **{wire.ELSEWHERE_HEADER: "4"})
    assert (status, receipt["duplicate"]) == (200, True)
    status, problem = await post_batch(client, 3, batch_of("other")[0], **{wire.ELSEWHERE_HEADER: "4"})
    assert (status, problem["type"]) == (409, "urn:watchbook:problem:sequence-conflict")
    assert [event["actor.id"] for event in await stored(store)] == ["a"]


async def test_a_wrong_token_stores_nothing(client: Client, store: Store) -> None:
    status, problem = await post_batch(client, 1, batch_of("a")[0], Authorization="Bearer wrong")
    assert (status, problem["status"]) == (401, 401)
    assert await stored(store) == []


BOMB = wire.compress(b" " * (8 << 20))
NO_TYPE = wire.compress(b'{"v":1,"n":2,"c":{"time":[1,1],"action":"read","actor.type":["user","alien"]}}')


@pytest.mark.parametrize(
    ("data", "status", "named"),
    [
        (b"no zstd", 422, "zstd"),
        (b"", 422, "zstd"),
        (BOMB, 413, "8388608 bytes"),
        (b"x" * 200_000, 413, "100000"),
        (wire.compress(b"{" * 5000), 422, "invalid-batch"),
        (NO_TYPE, 422, "alien"),
    ],
)
async def test_a_body_that_is_no_batch_is_refused_and_what_came_before_stays(
    client: Client, store: Store, data: bytes, status: int, named: str
) -> None:
    await post_batch(client, 1, batch_of("before")[0])
    found, problem = await post_batch(client, 2, data)
    assert found == status
    assert named in json.dumps(problem)
    assert [event["actor.id"] for event in await stored(store)] == ["before"]
    assert (await post_batch(client, 2, batch_of("after")[0]))[0] == 200


async def test_a_bad_value_names_the_event_and_the_field(client: Client) -> None:
    _, problem = await post_batch(client, 1, NO_TYPE)
    (error,) = problem["errors"]
    assert (error["index"], error["field"]) == (1, "actor.type")


@pytest.mark.parametrize("sequence", ["0", "-1", "x", "", "9" * 30, "１"])
async def test_a_sequence_that_is_no_number_from_one_is_refused(client: Client, sequence: str) -> None:
    try:
        status, problem = await post_batch(client, sequence, batch_of("a")[0])
    except ValueError:  # a header that the client itself refuses to send
        return
    assert status == 400
    assert "Watchbook-Sequence" in problem["detail"]


async def test_posted_events_are_completed_and_get_ids(client: Client, store: Store) -> None:
    event = {
        "time": "2026-11-21T14:00:00+02:00",
        "action": "update",
        "actor": {"id": "alice"},
        "resource": {"type": "plan", "id": "p"},
        "before": {"plan": "Premium", "seats": 3},
        "after": {"plan": "Enterprise", "seats": 3},
        "details": {"k": [1, None]},
    }
    status, answer = await post_events(client, [event, {"action": "tick"}])
    assert (status, answer["accepted"], answer["duplicate"]) == (200, 2, False)
    assert answer["ids"] == [f"{store.own_stream}-1-0", f"{store.own_stream}-1-1"]
    full, bare = await stored(store)
    assert full["time"] == 1_795_262_400_000_000
    assert full["actor.type"] == "user"
    assert full["changes"] == [{"field": "plan", "old": "Premium", "new": "Enterprise"}]
    assert full["details"] == {"k": [1, None]}
    assert "flags" not in full
    assert bare == {
        "time": NOW, "actor.type": "anonymous", "action": "tick", "flags": ["time_assumed", "no_resource"]
    }  # fmt: skip


async def test_ndjson_is_taken_line_by_line(client: Client, store: Store) -> None:
    body = b'{"action":"a"}\n\n{"action":"b"}\n'
    status, answer = await post_events(client, body, **{"Content-Type": "application/x-ndjson"})
    assert (status, answer["accepted"]) == (200, 2)
    assert [event["action"] for event in await stored(store)] == ["a", "b"]


GOOD = {"action": "read"}
DEEP = b'{"a":' + b"[" * 980 + b"%b" + b"]" * 980 + b"}"


@pytest.mark.parametrize(
    ("body", "index", "field"),
    [
        ([GOOD, {"actor": {"type": "user"}}], 1, None),
        ([GOOD, {"action": "read", "actor": {"type": "alien"}}], 1, "actor.type"),
        ([{"action": "read", "source": {"ip": "10.0.0.999"}}], 0, "source.ip"),
        ([{"action": "read", "time": "2026-11-21T14:00:00"}], 0, "time"),
        ([{"action": "read", "time": "yesterday"}], 0, "time"),
        ([{"action": "read", "outcome": "maybe"}], 0, "outcome"),
        ([{"action": "read", "colour": "red"}], 0, None),
        ([{"action": " "}], 0, "action"),
        ([{"action": 7}], 0, "action"),
        (b"[1,", 0, None),
        (b'{"action":"read","details":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", 0, "details"),
        (b'{"action":"read","details":' + b"[" * 20000 + b"]" * 20000 + b"}", 0, "details"),
        (b'{"action":"\xff"}', 0, None),
        (b'{"action":"\\ud800"}', 0, None),
        ([GOOD, {"action": "read", "origin": {"offset": -1}}], 1, "origin.offset"),
        ([{"action": "read", "origin": {"offset": 2**63}}], 0, "origin.offset"),
        ([{"action": "read", "details": []}], 0, "details"),
        (b'{"action":"read","details":{"n":1e999}}', 0, "details[...]"),
        (b'{"action":"read","details":{"n":' + b"9" * 5000 + b"}}", 0, "details[...]"),
        (b'{"action":"read","before":' + DEEP % b"1" + b',"after":' + DEEP % b"2" + b"}", 0, None),
        (b"[" * 10_000 + b"]" * 10_000, 0, None),
    ],
)
async def test_an_event_that_cannot_be_taken_is_named_and_nothing_of_its_request_is_stored(
    client: Client, store: Store, body: Any, index: int, field: str | None
) -> None:
    status, problem = await post_events(client, body)
    assert status == 422
    (error,) = problem["errors"]
    assert (error["index"], error.get("field")) == (index, field)
    assert await stored(store) == []


HOSTILE = "\0\u202e\"'\\=a:b, [{\r\n\u2028💥"


@pytest.mark.parametrize(
    "event",
    [
        {"action": "read", "time": "1970-01-01T00:00:00.000000Z"},
        {"action": "read", "time": "2100-12-31T23:59:59.999999Z"},
        {"action": "read", "message": "x" * 90_000},
        {"action": "read", "details": {f"field {number}": number for number in range(4000)}},
        {"action": HOSTILE, "actor": {"id": HOSTILE}, "details": {HOSTILE: [HOSTILE]}, "measures": {HOSTILE: 1}},
        {"action": "read", "origin": {"offset": 2**63 - 1}, "measures": {"large": 2**100, "small": -1e-300}},
    ],
    ids=["1970", "2100", "large", "many fields", "hostile", "large numbers"],
)
@pytest.mark.parametrize("others", [0, 1])
async def test_an_extreme_event_is_stored_as_it_was_sent(
    client: Client, store: Store, event: dict[str, Any], others: int
) -> None:
    status, answer = await post_events(client, [event, *[GOOD] * others])
    assert (status, answer["accepted"]) == (200, 1 + others)
    sent = flatten(event)
    kept = {name: value for name, value in (await stored(store))[0].items() if name in sent}
    assert kept == (sent | {"time": parse_rfc3339(event["time"])} if "time" in event else sent)


async def test_events_that_would_make_too_large_a_batch_are_refused(
    store: Store, aiohttp_client: AiohttpClient
) -> None:
    client = await client_of(store, aiohttp_client, replace(SETTINGS, batch_bytes_max=Bytes(200)))
    assert (await post_events(client, [GOOD]))[0] == 200
    status, problem = await post_events(client, [GOOD | {"message": "x" * 200}])
    assert (status, problem["type"]) == (413, "urn:watchbook:problem:batch-too-large")
    assert len(await stored(store)) == 1


async def test_too_many_events_in_one_request_are_refused(client: Client) -> None:
    status, problem = await post_events(client, [GOOD] * 11)
    assert (status, problem["type"]) == (413, "urn:watchbook:problem:too-many-events")


async def test_a_request_sent_again_with_its_key_is_stored_once(client: Client, store: Store) -> None:
    first = await post_events(client, [GOOD], **{"Idempotency-Key": "k1"})
    again = await post_events(client, [GOOD], **{"Idempotency-Key": "k1"})
    assert again == (200, {**first[1], "duplicate": True})
    status, problem = await post_events(client, [{"action": "other"}], **{"Idempotency-Key": "k1"})
    assert (status, problem["type"]) == (422, "urn:watchbook:problem:idempotency-key-reused")
    assert len(await stored(store)) == 1


async def test_a_media_type_that_is_not_ours_is_refused(client: Client) -> None:
    assert (await post_events(client, b"a=b", **{"Content-Type": "text/plain"}))[0] == 415
    assert (await post_batch(client, 1, b"", **{"Content-Type": "application/json"}))[0] == 415


@pytest.mark.parametrize("key", ["\udcff", "a\tb", "x" * 256])
async def test_a_key_that_is_no_plain_text_is_refused_and_the_writer_goes_on(client: Client, key: str) -> None:
    try:
        status, _ = await post_events(client, [GOOD], **{"Idempotency-Key": key})
    except (UnicodeEncodeError, ValueError):  # a header that the client itself refuses to send
        status = 400
    assert status == 400
    assert (await post_events(client, [GOOD]))[0] == 200


async def test_an_append_that_cannot_be_bound_is_answered_and_the_writer_goes_on(store: Store) -> None:
    with pytest.raises(StoreUnavailableError):
        await store.append(store.own_stream, None, *batch_of("a"), key=("\udcff", b"1"))
    assert not (await store.append(store.own_stream, None, *batch_of("b"))).repeat
