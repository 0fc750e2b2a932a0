"""``watchbook agents`` against the real registry behind a real server."""

import asyncio
from typing import Any

from collector.access import Principal
from collector.agents.records import Backlog, Heartbeat, Lag
from collector.agents.store import Asked
from tests.watchbook.operator.conftest import Desk


async def enrolled(desk: Desk, name: str, **values: Any) -> str:
    token, _ = await asyncio.to_thread(
        lambda: desk.enrolments.create(ttl_s=60, uses=1, name=None, note=None, user="root")
    )
    agent, _ = await desk.agents.enrol(Asked(token, name, f"{name}.example", "1.0", None))
    if values:
        sender = Principal(1, "t", frozenset({"ingest"}), agent.id)
        desk.agents.heartbeat(sender, Heartbeat(name, **values))
    return agent.id


async def test_the_list_shows_how_each_agent_is(desk: Desk) -> None:
    await enrolled(desk, "db01")
    beat: dict[str, Any] = {"version": "0.9", "counters": {"a": {"unparsed": 4, "bytes_lost": 2048}}}
    await enrolled(desk, "web01", backlog=Backlog(1, 7, 100, 90.0), lag=Lag(3 << 20), **beat)
    desk.agents.heartbeat(Principal(1, "plain", frozenset({"ingest"})), Heartbeat("old"))
    done = await desk.run("agents", "--table", columns=200)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0][:4] == ["state", "agent", "seen", "(local)"]
    assert rows[1][:4] == ["never", "seen", "db01", "1.0"]
    assert rows[2][:3] == ["ok", "old", "*"]
    assert rows[3][:2] == ["behind", "web01"]
    assert [word for word in rows[3] if word in ("7", "90s", "3MiB", "4", "2KiB")] == ["7", "90s", "3MiB", "4", "2KiB"]
    assert "3 agents: 1 ok, 1 behind, 1 never seen" in done.stderr


async def test_json_is_the_collectors_own_and_a_state_can_be_chosen(desk: Desk) -> None:
    await enrolled(desk, "db01")
    await enrolled(desk, "web01", interval_s=1.0)
    assert [agent["name"] for agent in await desk.lines("agents")] == ["db01", "web01"]
    assert [agent["name"] for agent in await desk.lines("agents", "list", "--state", "never_seen")] == ["db01"]
    done = await desk.run("agents", "--state", "silent")
    assert "no agents" in done.stderr


async def test_one_agent_is_shown_by_name_or_id(desk: Desk) -> None:
    identifier = await enrolled(desk, "web01", problems=["the disk \x1b[2J is full"])
    (page,) = await desk.lines("agents", "show", "web01")
    assert page["id"] == identifier
    done = await desk.run("agents", "show", identifier, "--table")
    assert "name                   web01" in done.stdout
    assert "problems               the disk \\x1b[2J is full" in done.stdout
    done = await desk.run("agents", "show", "web02")
    assert done.exit_code == 1
    assert "there is no agent 'web02'; there are: 'web01'" in done.stderr


async def test_renaming_and_revoking(desk: Desk) -> None:
    await enrolled(desk, "web01")
    done = await desk.run("agents", "rename", "web01", "web02")
    assert done.exit_code == 0, done.stderr
    assert "'web01' is 'web02' now; write 'name: web02'" in done.stderr
    assert (await desk.run("agents", "revoke", "web02")).exit_code == 0
    assert [agent["state"] for agent in await desk.lines("agents")] == ["revoked"]
    done = await desk.run("agents", "revoke", "web02")
    assert done.exit_code == 1
    assert "was revoked already" in done.stderr


async def test_of_two_agents_of_one_name_the_one_that_is_not_revoked_is_meant(desk: Desk) -> None:
    first = await enrolled(desk, "web01")
    second = await enrolled(desk, "web01")  # nothing was heard of the first: it takes its place
    (page,) = await desk.lines("agents", "show", "web01")
    assert page["id"] == second
    for token in (1, 2):
        desk.agents.heartbeat(Principal(token, f"plain{token}", frozenset({"ingest"})), Heartbeat("old"))
    done = await desk.run("agents", "show", "old")
    assert "2 agents are named 'old'; say which by its id: x" in done.stderr
    (page,) = await desk.lines("agents", "show", first)
    assert page["state"] == "revoked"
