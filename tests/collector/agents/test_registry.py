"""The registry over a real database: enrolling, silence, restarts, what is told once."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from collector.access import Principal
from collector.agents import AgentRegistry, AgentsSettings
from collector.agents.records import Heartbeat
from collector.agents.store import Asked
from collector.problem import ApiProblem
from collector.state import open_state
from tests.collector.web.registered import enrolments_of, registry_of
from watchbook.clock import SECOND_US
from watchbook.daemon import Stop
from watchbook.event import FLAG_MISMATCH, FLAG_UNVERIFIED
from watchbook.units import Seconds

INGEST: Final = frozenset({"ingest"})
PLAIN: Final = Principal(1, "plain", INGEST)
STREAM: Final = "a" * 32
SETTINGS: Final = AgentsSettings(silent_after=Seconds(10.0), write_every=Seconds(0.001))


class Desk:
    """A state file, a clock, and the registry of a collector that can be started again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.db"
        self.now = 1_000 * SECOND_US
        self.told: list[Mapping[str, Any]] = []
        self.keys: list[str] = []
        self.failure: str | None = None
        self.registry: AgentRegistry

    async def start(self, **settings: Any) -> AgentRegistry:
        await asyncio.to_thread(lambda: open_state(self.path).close())
        chosen = AgentsSettings(**{**vars(SETTINGS), **settings})
        self.registry = registry_of(self.path, lambda: self.now, chosen)
        await self.registry.load()
        return self.registry

    async def tell(self, events: Sequence[Mapping[str, Any]], key: str) -> str | None:
        if self.failure is None and key not in self.keys:
            self.keys.append(key)
            self.told += events
        return self.failure

    async def round(self, seconds: float = 0) -> list[str]:
        """Let time pass, and do what the registry does in every round; return what it told."""
        self.now += round(seconds * SECOND_US)
        already = len(self.told)
        self.registry.look_for_silence(self.now)
        stop = Stop()
        stop.asked.set()
        await self.registry.run(stop, self.tell)
        return [str(event["event_type"]) for event in self.told[already:]]

    async def one_time_token(self, name: str | None = None, uses: int = 1, ttl_s: float = 60) -> str:
        store = enrolments_of(self.path, lambda: self.now)
        token, _ = await asyncio.to_thread(
            lambda: store.create(ttl_s=ttl_s, uses=uses, name=name, note=None, user="root")
        )
        return token

    async def enrol(self, name: str) -> Principal:
        """Return the principal of a fresh agent."""
        agent, _ = await self.registry.enrol(asked(await self.one_time_token(), name))
        return Principal(9, f"agent:{agent.id}", INGEST, agent.id)


def beat(name: str, **values: Any) -> Heartbeat:
    return Heartbeat(name, interval_s=1.0, **values)


def asked(token: str, name: str | None = None) -> Asked:
    return Asked(token, name, "host1", "1.0", "192.0.2.1")


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    await found.start()
    return found


async def test_an_agent_is_let_in_once_with_a_token_of_its_own_and_it_is_told(desk: Desk) -> None:
    token = await desk.one_time_token("web01")
    agent, own = await desk.registry.enrol(asked(token))
    assert (agent.name, agent.host, own[:3]) == ("web01", "host1", "wb_")
    with pytest.raises(ApiProblem, match="was used already"):
        await desk.registry.enrol(asked(token))
    assert await desk.round() == ["enrolment.created", "agent.enrolled"]
    assert desk.told[-1]["source.ip"] == "192.0.2.1"
    for file in desk.path.parent.iterdir():
        content = await asyncio.to_thread(file.read_bytes)
        assert token.encode() not in content
        assert own.encode() not in content


async def test_a_refused_enrolment_leaves_the_token_as_it_was(desk: Desk) -> None:
    heard = await desk.enrol("web01")
    desk.registry.heartbeat(heard, beat("web01"))
    token = await desk.one_time_token()
    with pytest.raises(ApiProblem, match="there is an agent named 'web01' already"):
        await desk.registry.enrol(asked(token, "web01"))
    with pytest.raises(ApiProblem, match="printable"):
        await desk.registry.enrol(asked(token, "web\n01"))
    assert (await desk.registry.enrol(asked(token, "web02")))[0].name == "web02"


async def test_a_host_whose_answer_was_lost_takes_the_place_of_what_was_never_heard_of(desk: Desk) -> None:
    first = await desk.enrol("web01")
    second = await desk.enrol("web01")
    states = {each["id"]: each["state"] for each in desk.registry.listed()}
    assert states == {first.agent: "revoked", second.agent: "never_seen"}


async def test_two_hosts_cannot_use_one_token_at_the_same_moment(desk: Desk) -> None:
    token = await desk.one_time_token()
    results = await asyncio.gather(
        *(desk.registry.enrol(asked(token, f"web{n}")) for n in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, ApiProblem) for result in results) == 7


async def test_a_silence_is_told_once_and_so_is_its_end(desk: Desk) -> None:
    sender = await desk.enrol("web01")
    desk.registry.heartbeat(sender, beat("web01"))
    await desk.round()
    assert await desk.round(9) == []
    assert await desk.round(2) == ["agent.silent"]
    assert await desk.round(100) == []
    assert desk.registry.states()["silent"] == 1
    await desk.registry.admit(sender, STREAM, None)  # a batch is a sign of life too
    assert await desk.round() == ["agent.returned"]
    assert desk.told[-1]["duration_ms"] == 111_000
    assert desk.registry.states()["ok"] == 1


async def test_a_silence_says_whether_the_agent_had_said_that_it_was_being_stopped(desk: Desk) -> None:
    one, two = await desk.enrol("web01"), await desk.enrol("web02")
    desk.registry.heartbeat(one, beat("web01", stopping=True))
    desk.registry.heartbeat(two, beat("web02"))
    assert (await desk.round(11))[-2:] == ["agent.silent", "agent.silent"]
    reasons = {event["resource.name"]: event["reason"] for event in desk.told[-2:]}
    assert reasons == {
        "web01": "no heartbeat and no batch came for 11s; its last word was that it was being stopped",
        "web02": "no heartbeat and no batch came for 11s",
    }


async def test_a_collector_that_was_away_gives_everybody_their_time_and_repeats_no_silence(desk: Desk) -> None:
    one, two = await desk.enrol("web01"), await desk.enrol("web02")
    for sender in (one, two):
        desk.registry.heartbeat(sender, beat("web"))
    await desk.round(11)
    desk.registry.heartbeat(two, beat("web02"))
    assert await desk.round() == ["agent.returned"]
    desk.now += 3600 * SECOND_US
    await desk.start()
    assert await desk.round(9) == []
    assert await desk.round(2) == ["agent.silent"]
    assert desk.told[-1]["resource.name"] == "web02"
    desk.registry.heartbeat(one, beat("web01"))
    assert await desk.round() == ["agent.returned"]


async def test_a_process_that_stood_still_calls_nobody_silent(desk: Desk) -> None:
    sender = await desk.enrol("web01")
    desk.registry.heartbeat(sender, beat("web01"))
    stop = Stop()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(desk.registry.run(stop, desk.tell))
        while not desk.told:
            await asyncio.sleep(0.001)
        desk.now += 3600 * SECOND_US  # between two rounds: the host slept
        while desk.registry._listening_since != desk.now:
            await asyncio.sleep(0.001)
        stop.asked.set()
        await running
    assert desk.registry.states()["ok"] == 1
    assert "agent.silent" not in [event["event_type"] for event in desk.told]


async def test_what_cannot_be_stored_is_told_later_and_once(desk: Desk) -> None:
    await desk.enrol("web01")
    desk.failure = "the disk is full"
    assert await desk.round() == []
    await desk.start()
    desk.failure = None
    assert await desk.round() == ["enrolment.created", "agent.enrolled"]
    assert await desk.round() == []


async def test_what_cannot_be_written_is_written_later(desk: Desk) -> None:
    sender = await desk.enrol("web01")
    await desk.round()

    def break_it(name: str, sql: str) -> None:
        with closing(sqlite3.connect(desk.path)) as connection, connection:
            connection.execute(sql.format(name))

    await asyncio.to_thread(
        break_it, "broken", "CREATE TRIGGER {} BEFORE INSERT ON agent BEGIN SELECT RAISE(FAIL, 'disk'); END"
    )
    token = await desk.one_time_token()
    with pytest.raises(ApiProblem, match="cannot be written") as caught:
        await desk.registry.enrol(asked(token, "web02"))
    assert caught.value.status == 503
    desk.registry.heartbeat(sender, beat("web01", version="2.0"))
    assert not await desk.registry.write()
    await asyncio.to_thread(break_it, "broken", "DROP TRIGGER {}")
    assert await desk.registry.write()
    assert (await desk.registry.enrol(asked(token, "web02")))[0].name == "web02"
    await desk.start()
    assert desk.registry.listed()[0]["version"] == "2.0"


async def test_a_renamed_agent_may_carry_its_old_name_until_another_has_it(desk: Desk) -> None:
    one = await desk.enrol("web01")
    assert one.agent
    assert (await desk.registry.rename(one.agent, "web02", "me"))["former_names"] == ["web01"]
    assert desk.registry.mark_of(one) == (FLAG_MISMATCH, frozenset({"web01", "web02"}))
    two = await desk.enrol("web01")
    assert desk.registry.mark_of(one) == (FLAG_MISMATCH, frozenset({"web02"}))
    assert desk.registry.mark_of(two) == (FLAG_MISMATCH, frozenset({"web01"}))
    with pytest.raises(ApiProblem, match="choose another name"):
        await desk.registry.rename(one.agent, "web01", "me")
    assert desk.registry.get(one.agent)["name"] == "web02"
    await desk.start()
    assert desk.registry.mark_of(one) == (FLAG_MISMATCH, frozenset({"web02"}))
    assert (await desk.round())[-2:] == ["enrolment.created", "agent.enrolled"]


async def test_a_heartbeat_that_is_written_late_takes_no_new_name_away(desk: Desk) -> None:
    sender = await desk.enrol("web01")
    assert sender.agent
    desk.registry.heartbeat(sender, beat("web01"))
    await asyncio.gather(desk.registry.write(), desk.registry.rename(sender.agent, "web02", "me"))
    await desk.round()
    await desk.start()
    assert desk.registry.get(sender.agent)["name"] == "web02"


async def test_a_stream_is_its_first_agents_and_a_revoked_ones_goes_to_who_has_its_spool(desk: Desk) -> None:
    one, two = await desk.enrol("web01"), await desk.enrol("web02")
    await desk.registry.admit(PLAIN, STREAM, "web01")  # as before the agent was enrolled
    await desk.registry.admit(one, STREAM, None)
    for other in (two, PLAIN):
        with pytest.raises(ApiProblem, match="belongs to the agent 'web01'") as caught:
            await desk.registry.admit(other, STREAM, "x")
        assert (caught.value.status, caught.value.kind) == (409, "stream-owner")
    await desk.start()
    with pytest.raises(ApiProblem):
        await desk.registry.admit(two, STREAM, None)
    assert one.agent
    await desk.registry.revoke(one.agent, "me")
    await desk.registry.admit(two, STREAM, None)
    await desk.start()
    assert two.agent
    assert desk.registry.get(two.agent)["streams"] == [STREAM]


async def test_of_two_agents_that_come_at_once_one_is_the_first(desk: Desk) -> None:
    senders = [await desk.enrol(f"web{number}") for number in range(4)]
    results = await asyncio.gather(
        *(desk.registry.admit(sender, STREAM, None) for sender in senders), return_exceptions=True
    )
    assert sum(isinstance(result, ApiProblem) for result in results) == 3


async def test_the_collectors_own_stream_is_nobody_elses(desk: Desk) -> None:
    desk.registry._own_stream = lambda: STREAM
    with pytest.raises(ApiProblem, match="the collector's own"):
        await desk.registry.admit(PLAIN, STREAM, None)


async def test_agents_under_plain_tokens_are_listed_by_the_name_they_claim(desk: Desk) -> None:
    await desk.registry.admit(PLAIN, STREAM, "old01")
    desk.registry.heartbeat(PLAIN, beat("old02"))
    desk.registry.heartbeat(PLAIN, beat("old02"))
    found = desk.registry.listed()
    assert [(each["name"], each["enrolled"], each["token"]) for each in found] == [
        ("old01", False, "plain"), ("old02", False, "plain"),
    ]  # fmt: skip
    assert desk.registry.mark_of(PLAIN) == (None, frozenset())
    for change in (desk.registry.revoke(found[0]["id"], "me"), desk.registry.rename(found[0]["id"], "x", "me")):
        with pytest.raises(ApiProblem, match="was not enrolled"):
            await change
    # One that sends heartbeats is missed; one that only sends batches says nothing when nothing happens.
    assert await desk.round(11) == ["agent.silent"]
    assert await desk.round(8 * 86_400) == []
    assert desk.registry.listed() == []
    await desk.start()
    assert desk.registry.listed() == []


async def test_the_list_of_what_was_not_enrolled_is_bounded_and_what_is_not_listed_is_counted(desk: Desk) -> None:
    registry = await desk.start(unenrolled_max=2)
    for number in range(4):
        await registry.admit(PLAIN, STREAM, f"old{number}")
    assert (len(registry.listed()), registry.unlisted) == (2, 2)
    await registry.admit(PLAIN, STREAM, "old1")
    assert registry.unlisted == 2


async def test_who_is_not_enrolled_can_be_marked_or_refused(desk: Desk) -> None:
    registry = await desk.start(unenrolled="flag")
    await registry.admit(PLAIN, STREAM, "old")
    assert registry.mark_of(PLAIN)[0] == FLAG_UNVERIFIED
    registry = await desk.start(unenrolled="refuse")
    with pytest.raises(ApiProblem, match="agents must be enrolled here"):
        registry.heartbeat(PLAIN, beat("old"))
    with pytest.raises(ApiProblem, match="agents must be enrolled here"):
        registry.check_agent(PLAIN)
    with pytest.raises(ApiProblem, match="'plain' is a plain token"):
        await registry.admit(PLAIN, STREAM, "old")
    await registry.admit(await desk.enrol("web01"), STREAM, None)
