"""Claims of batches and posted events against whose token they came under: over HTTP, into a real store."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from pytest_aiohttp import AiohttpClient

from collector.access import Principal
from collector.problem import ApiProblem
from collector.receive import Receiver, ReceiveSettings
from collector.receive.provenance import Sender, claim_of, marked, wrong_claims
from collector.refusals import problem_of
from collector.store import Store, StoreSettings
from collector.web import make_application
from watchbook import wire
from watchbook.event import FLAG_MISMATCH, FLAG_UNVERIFIED

STREAM: Final = "a" * 32
NOW: Final = 1_763_733_909_000_000
CLAIMS = st.lists(st.sampled_from([None, "web01", "web02", "db01"]), min_size=1, max_size=200)


class Known:
    """Senders with the names that they may claim, and what is refused."""

    def __init__(self) -> None:
        self.flag: str | None = FLAG_MISMATCH
        self.right = frozenset({"web01"})
        self.refusal: ApiProblem | None = None

    async def admit(self, sender: Sender, stream: str, claimed: str | None) -> None:
        if self.refusal:
            raise self.refusal

    def check_agent(self, sender: Sender) -> None:
        if self.refusal and self.refusal.status == 403:
            raise self.refusal

    def mark_of(self, sender: Sender) -> tuple[str | None, frozenset[str]]:
        return self.flag, self.right


class Desk:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.known = Known()
        self.registry = CollectorRegistry()
        self.client: TestClient[web.Request, web.Application]
        receiver = Receiver(
            ReceiveSettings(),
            append=store.append,
            own_stream=lambda: store.own_stream,
            authorise=lambda _: Principal(1, "agent:1", frozenset({"ingest"}), "1"),
            translate=problem_of,
            clock=lambda: NOW,
            registry=self.registry,
            senders=self.known,
            stored_event=self.stored_event,
        )
        self.app = make_application(CollectorRegistry(), body_bytes_max=1 << 20)
        receiver.add_routes(self.app)

    def stored_event(self, *place: Any) -> Mapping[str, Any] | None:
        found = self.store.reader.event(*place)
        return None if found is None else found[0].batch.event(found[1])

    async def batch(self, sequence: int, data: bytes) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": wire.CONTENT_TYPE, wire.STREAM_HEADER: STREAM, wire.SEQUENCE_HEADER: str(sequence)}
        async with self.client.post("/v1/batches", data=data, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def post(self, *events: dict[str, Any]) -> int:
        async with self.client.post("/v1/events", json=list(events)) as answer:
            return answer.status

    async def stored(self) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            blocks = [self.store.reader.read(info).batch for info in self.store.reader.arrived_after(0, 100)]
            return [batch.event(index) for batch in blocks for index in range(batch.n)]

        return await asyncio.to_thread(read)

    def marked(self, flag: str) -> float | None:
        return self.registry.get_sample_value("watchbook_receive_marked_total", {"flag": flag})


@pytest.fixture
async def desk(tmp_path: Path, aiohttp_client: AiohttpClient) -> AsyncIterator[Desk]:
    store = await Store.open(
        tmp_path, StoreSettings(), batch_bytes_max=1 << 30, clock=lambda: NOW, on_committed=lambda _: None
    )
    desk = Desk(store)
    desk.client = await aiohttp_client(desk.app)
    yield desk
    await store.close()


def events_of(claims: Sequence[str | None]) -> list[dict[str, Any]]:
    events = []
    for index, claim in enumerate(claims):
        event: dict[str, Any] = {
            "time": NOW + index, "actor.type": "user", "action": "read", "details": {"n": [index, 1e300]},
            "changes": [{"field": "a", "new": index}],
        }  # fmt: skip
        event |= {"flags": ["unparsed"]} if index % 3 == 0 else {}
        events.append(event | ({} if claim is None else {"origin.agent": claim}))
    return events


def data_of(*claims: str | None) -> bytes:
    events = events_of(claims)
    return wire.encode_batch(len(events), wire.columns_of(events))


async def test_what_claims_its_own_name_is_stored_as_the_very_bytes_that_came(desk: Desk) -> None:
    data = data_of("web01", "web01")
    assert (await desk.batch(1, data))[0] == 200
    assert await asyncio.to_thread(desk.store.reader.is_stored, STREAM, 1, data)
    assert desk.marked(FLAG_MISMATCH) == 0


async def test_what_claims_another_name_is_flagged_event_by_event(desk: Desk) -> None:
    assert (await desk.batch(1, data_of("web01", "db01", None, "web02")))[0] == 200
    expected = events_of(["web01", "db01", None, "web02"])
    expected[1]["flags"] = [FLAG_MISMATCH]
    expected[3]["flags"] = ["unparsed", FLAG_MISMATCH]
    assert await desk.stored() == expected
    assert desk.marked(FLAG_MISMATCH) == 2


async def test_a_repeat_of_a_flagged_batch_is_known_also_when_the_names_have_changed(desk: Desk) -> None:
    data = data_of("db01", "db01")
    assert (await desk.batch(1, data))[1]["duplicate"] is False
    assert (await desk.batch(1, data))[1]["duplicate"] is True
    desk.known.right = frozenset({"db01"})  # renamed between the storing and the answer that was lost
    assert (await desk.batch(1, data))[1] == {"duplicate": True, "sequence": 1, "events": 2}
    assert (await desk.batch(2, data))[1]["duplicate"] is False
    desk.known.right = frozenset({"web01"})
    assert (await desk.batch(2, data))[1]["duplicate"] is True
    desk.known.flag = FLAG_UNVERIFIED
    for sequence in (1, 2):
        assert (await desk.batch(sequence, data))[1]["duplicate"] is True
    assert (await desk.batch(3, data_of("db01", "web01", "web02")))[1]["duplicate"] is False
    desk.known.flag, desk.known.right = FLAG_MISMATCH, frozenset({"db01"})
    assert (await desk.batch(3, data_of("db01", "web01", "web02")))[1]["duplicate"] is True
    for other in (data_of("db01"), data_of("db01", "db01", "db01"), data_of("db01", "web01")):
        status, problem = await desk.batch(1, other)
        assert (status, problem["type"].rpartition(":")[2]) == (409, "sequence-conflict")
    assert len(await desk.stored()) == 7
    assert desk.marked(FLAG_MISMATCH) == 2


async def test_a_repeat_is_known_also_when_the_stream_is_another_agents_by_now(desk: Desk) -> None:
    data = data_of("db01")
    await desk.batch(1, data)
    desk.known.refusal = ApiProblem(409, "stream-owner", "it belongs to another")
    assert (await desk.batch(1, data))[1]["duplicate"] is True
    assert (await desk.batch(2, data))[0] == 409
    assert (await desk.batch(1, data_of("web01")))[0] == 409
    assert len(await desk.stored()) == 1


async def test_a_refused_sender_stores_nothing_and_is_counted(desk: Desk) -> None:
    desk.known.refusal = ApiProblem(403, "agent-unenrolled", "enrol it")
    assert (await desk.batch(1, data_of("web01")))[0] == 403
    assert await desk.post({"action": "read", "origin": {"agent": "web01"}}) == 403
    assert await desk.post({"action": "read"}) == 200  # it names no agent
    assert [event.get("origin.agent") for event in await desk.stored()] == [None]
    refused = desk.registry.get_sample_value("watchbook_receive_refused_total", {"kind": "agent-unenrolled"})
    assert refused == 2


async def test_of_a_sender_who_is_not_known_the_whole_batch_is_flagged_and_of_posts_what_names_an_agent(
    desk: Desk,
) -> None:
    desk.known.flag, desk.known.right = FLAG_UNVERIFIED, frozenset()
    await desk.batch(1, data_of("web01", None))
    await desk.post({"action": "a", "origin": {"agent": "web01"}}, {"action": "b", "resource": {"type": "x"}})
    flags = [FLAG_UNVERIFIED in event.get("flags", ()) for event in await desk.stored()]
    assert flags == [True, True, True, False]
    assert desk.marked(FLAG_UNVERIFIED) == 3


async def test_a_posted_event_with_another_name_is_flagged(desk: Desk) -> None:
    event = {"action": "read", "resource": {"type": "x"}, "time": "2026-11-21T14:00:00Z"}
    await desk.post({**event, "origin": {"agent": "db01"}}, {**event, "origin": {"agent": "web01"}}, event)
    assert [event.get("flags") for event in await desk.stored()] == [[FLAG_MISMATCH], None, None]


@given(CLAIMS)
def test_wrong_claims_are_found_in_every_form_of_a_column(claims: list[str | None]) -> None:
    right = frozenset({"web01", "db01"})
    wrong = [index for index, claim in enumerate(claims) if claim not in (None, *right)]
    events = events_of(claims)
    plain = wire.Batch(len(events), wire.columns_of(events))
    coded = wire.decode_batch(wire.encode_batch(plain.n, plain.columns), bytes_max=1 << 20)
    for batch in (plain, coded):
        assert list(wrong_claims(batch, right)) == wrong
        assert claim_of(batch) in {claim for claim in claims if claim is not None} | (
            {None} if set(claims) == {None} else set()
        )


@given(CLAIMS, st.sets(st.integers(0, 199)))
def test_marking_adds_the_flag_and_changes_nothing_else(claims: list[str | None], chosen: set[int]) -> None:
    events = events_of(claims)
    batch = wire.decode_batch(wire.encode_batch(len(events), wire.columns_of(events)), bytes_max=1 << 20)
    found = marked(batch, FLAG_MISMATCH, chosen)
    data = wire.encode_batch(found.n, found.columns)
    assert data == wire.encode_batch(found.n, marked(batch, FLAG_MISMATCH, chosen).columns)
    again = wire.decode_batch(data, bytes_max=1 << 20)
    for index, event in enumerate(events):
        expected = {**event, "flags": [*event.get("flags", ()), FLAG_MISMATCH]} if index in chosen else event
        assert again.event(index) == found.event(index) == json.loads(json.dumps(expected))
