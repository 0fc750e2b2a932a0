"""``watchbook filters`` and ``--filter``."""

from tests.collector.query.memory_source import an_event
from tests.watchbook.operator.conftest import NOW, Desk

HOUR_US = 3_600_000_000


async def test_a_saved_filter_is_applied_narrowed_and_removed(desk: Desk) -> None:
    desk.append([an_event(NOW, actor_id=a, outcome=o) for a in ("alice", "bob") for o in ("failure", "success")])
    saved = await desk.run("filters", "save", "Failed", "outcome:failure", "--exclude", "system", "--everyone")
    assert (saved.exit_code, saved.stderr) == (0, "saved 'Failed' for everyone: outcome:failure --exclude system\n")
    assert len(await desk.lines("search", "--filter", "failed")) == 2
    found = await desk.lines("search", "--filter", "Failed", "actor:bob OR actor:carol")
    assert [event["actor"]["id"] for event in found] == ["bob"]
    (listed,) = await desk.lines("filters", "list")
    assert (listed["name"], listed["visibility"], listed["range"]) == ("Failed", "everyone", None)
    assert await desk.lines("filters", "show", "Failed") == [listed]
    assert (await desk.run("filters", "rm", "Failed")).stderr == "removed 'Failed'\n"
    assert await desk.lines("filters", "list") == []
    missing = await desk.run("search", "--filter", "Failed")
    assert missing.exit_code == 1
    assert "there is no saved filter 'Failed'; there are: none" in missing.stderr


async def test_a_range_is_kept_only_when_it_is_given_and_one_that_is_typed_goes_before_it(desk: Desk) -> None:
    desk.append([an_event(NOW - hour * HOUR_US) for hour in (0, 24 * 20, 24 * 60)])
    await desk.run("filters", "save", "Without", "action:read")
    await desk.run("filters", "save", "With", "action:read", "--since", "30d")
    assert len(await desk.lines("search", "--filter", "Without")) == 1
    assert len(await desk.lines("search", "--filter", "With")) == 2
    assert len(await desk.lines("search", "--filter", "With", "--since", "90d")) == 3
    assert len(await desk.lines("search", "--filter", "With", "--until", "10d", "--since", "90d")) == 2


async def test_a_name_that_is_taken_is_said_and_replaced_only_on_request(desk: Desk) -> None:
    await desk.run("filters", "save", "Mine", "action:read")
    taken = await desk.run("filters", "save", "Mine", "action:create")
    assert taken.exit_code == 1
    assert "there is a filter named 'Mine' already" in taken.stderr
    replaced = await desk.run("filters", "save", "Mine", "action:create", "--replace")
    assert replaced.exit_code == 0, replaced.stderr
    assert [one["q"] for one in await desk.lines("filters", "list")] == ["action:create"]
    assert (await desk.run("filters", "save", "New", "action:read", "--replace")).exit_code == 0


async def test_a_filter_with_a_mistake_is_not_saved_and_the_mistake_is_pointed_at(desk: Desk) -> None:
    result = await desk.run("filters", "save", "Wrong", "acter:alice")
    assert result.exit_code == 2
    assert "  acter:alice\n  ^\n" in result.stderr
    assert await desk.lines("filters", "list") == []


async def test_filters_are_a_table_on_a_terminal(desk: Desk) -> None:
    await desk.run("filters", "save", "Quiet \u202e", "x")
    await desk.run("filters", "save", "Quiet", "action:read", "--since", "2d")
    result = await desk.run("filters", "list", "--table")
    head, row = result.stdout.splitlines()
    assert head.split() == ["name", "for", "owner", "selects"]
    assert row.split() == ["Quiet", "me", "operator", "action:read", "from", "2d"]
    assert result.stderr == "1 filter\n"
