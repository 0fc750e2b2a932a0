"""The heartbeat: what it says of a real spool, how it is sent, and that its failures cost nothing."""

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from agent.heartbeat import Heartbeat, describe_agent
from agent.ship import Journal, Session, Shipper, ShipSettings
from agent.spool import Group, Mark, Spool
from agent.status import read_status
from collector.agents.records import Heartbeat as Taken
from watchbook import wire

STATUS: Mapping[str, Any] = {"name": "web01", "version": "1.0", "paused": None, "ship": {"state": "idle"}}


def report_of(folder: Path, **counters: int) -> dict[str, Any]:
    """Return the report of a spool with one batch of two events that was made at 10 s, asked for at 70 s."""
    spool = Spool(folder, lambda: 10_000_000)
    data = wire.encode_json(2, {"time": [1, 2], "actor.type": "user", "action": "read"})
    counted = {("app", name): value for name, value in counters.items()}
    spool.commit(Group([(2, data)], {}, [], counted), Mark(spool.stream, 0))
    spool.close()
    return read_status(folder, 70_000_000)


def described(report: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = describe_agent(STATUS, "host1", "2026-11-21T14:00:00Z", lambda: report)
    return document


def test_it_says_what_is_unsent_and_every_counter_also_new_ones(tmp_path: Path) -> None:
    document = described(report_of(tmp_path, lines=5, unparsed=2, invented_later=9))
    assert document["backlog"] == {"batches": 1, "events": 2, "bytes": document["backlog"]["bytes"],
                                   "oldest_age_s": 60.0}  # fmt: skip
    assert document["counters"] == {"app": {"lines": 5, "unparsed": 2, "invented_later": 9}}
    assert document["problems"] == []  # "not running" is what a look from outside would say
    taken = msgspec.json.decode(msgspec.json.encode({**document, "interval_s": 30, "stopping": False}), type=Taken)
    assert (taken.total("unparsed"), taken.backlog.events, taken.host) == (2, 2, "host1")


def test_it_says_how_much_is_unread_and_where_most(tmp_path: Path) -> None:
    report = report_of(tmp_path)
    report["files"] = [{"path": "/a", "lag_bytes": 3}, {"path": "/b", "lag_bytes": 7}, {"path": "/c", "lag_bytes": 0}]
    assert described(report)["lag"] == {"bytes": 10, "worst_bytes": 7, "worst_file": "/b"}


def test_its_problems_are_bounded_and_the_collector_takes_the_most_there_can_be(tmp_path: Path) -> None:
    report = report_of(tmp_path)
    report["problems"] = [f"{number} {'x' * 5000}" for number in range(100)]
    report["counters"] = {f"input{number}": {"lines": number} for number in range(1000)}
    document = described(report)
    assert len(document["problems"]) == 20
    assert document["problems"][-1] == "and 81 more"
    assert max(map(len, document["problems"])) == 500
    data = msgspec.json.encode(document)
    assert len(data) < 64 << 10
    msgspec.json.decode(data, type=Taken)


def test_a_spool_that_cannot_be_read_is_said() -> None:
    def fail() -> dict[str, Any]:
        raise sqlite3.DatabaseError("malformed")

    document = describe_agent(STATUS, "host1", "x", fail)
    assert document["problems"] == ["the spool cannot be read: malformed"]
    assert document["name"] == "web01"


class Bench:
    """A server that answers heartbeats with a status, and what it got."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.arrived = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        self.tokens.append(request.headers["Authorization"])
        self.arrived.set()
        return web.json_response({"enrolled": True, "detail": "because"}, status=self.status)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def shipper_of(session: Session, server: AiohttpServer, bench: Bench, **settings: Any) -> Shipper:
    app = web.Application()
    app.router.add_post("/v1/heartbeat", bench.handle)
    url = str((await server(app)).make_url("/"))

    async def never() -> Any:
        raise AssertionError

    journal = Journal(never, lambda _: None, lambda *_: never(), lambda _: never(), lambda _: never(), lambda *_: None)
    return Shipper(ShipSettings(url=url, **({"token": "t"} | settings)), session, journal, clock=lambda: 0)


async def test_it_is_sent_by_the_shippers_session_and_counted(aiohttp_server: AiohttpServer, bench: Bench) -> None:
    async with Session() as session:
        shipper = await shipper_of(session, aiohttp_server, bench)
        heartbeat = Heartbeat(0.001, lambda: {"name": "web01"}, shipper.tell)
        running = asyncio.ensure_future(heartbeat.run())
        while len(bench.got) < 3:
            bench.arrived.clear()
            await bench.arrived.wait()
        running.cancel()
        await heartbeat.say_goodbye(5)
    assert bench.got[0] == {"name": "web01", "interval_s": 0.001, "stopping": False}
    assert bench.got[-1]["stopping"]
    assert set(bench.tokens) == {"Bearer t"}
    assert heartbeat.state.sent >= 3
    assert heartbeat.state.failed == 0
    assert shipper.state.state == "starting"  # a heartbeat is no batch


async def test_what_is_no_text_or_too_long_does_not_stop_it(aiohttp_server: AiohttpServer, bench: Bench) -> None:
    document: dict[str, Any] = {"name": "web01", "lag": {"worst_file": "/var/log/caf\udce9"}, "problems": ["a"]}
    async with Session() as session:
        shipper = await shipper_of(session, aiohttp_server, bench)
        heartbeat = Heartbeat(30, lambda: document, shipper.tell)
        await heartbeat.say_goodbye(5)
        document["counters"] = {"x" * 70_000: {"lines": 1}}
        await heartbeat.say_goodbye(5)
    assert heartbeat.state.failed == 0
    assert [each["lag"] for each in bench.got] == [{"worst_file": "/var/log/caf?"}] * 2
    assert "counters" not in bench.got[1]
    assert bench.got[1]["problems"] == ["a"]


async def test_one_that_fails_is_counted_and_a_new_token_is_taken(
    aiohttp_server: AiohttpServer, bench: Bench, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    async with Session() as session:
        shipper = await shipper_of(session, aiohttp_server, bench, token=None, token_file=token)
        heartbeat = Heartbeat(30, dict, shipper.tell)
        for status in (503, 404, 401):
            bench.status = status
            await heartbeat.say_goodbye(5)
        assert (heartbeat.state.failed, heartbeat.state.last_error) == (3, "401 because")
        token.write_text("new")
        bench.status = 200
        await heartbeat.say_goodbye(5)
    assert (heartbeat.state.sent, heartbeat.state.last_error) == (1, None)
    assert bench.tokens == ["Bearer old"] * 3 + ["Bearer new"]


async def test_a_collector_that_does_not_answer_holds_up_no_stop(bench: Bench) -> None:
    async def hang(path: str, body: bytes) -> str | None:
        await asyncio.Event().wait()
        return None

    heartbeat = Heartbeat(30, dict, hang)
    await heartbeat.say_goodbye(0.01)
    assert heartbeat.state.failed == 1
