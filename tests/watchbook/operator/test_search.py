"""``watchbook search`` against a real server."""

from pathlib import Path
from typing import Any

import pytest

from tests.collector.query.memory_source import an_event
from tests.watchbook.operator.conftest import NOW, TOKEN, Desk, opened

HOUR_US = 3_600_000_000


async def test_a_pipe_gets_one_json_object_a_line(desk: Desk) -> None:
    desk.append(
        [an_event(NOW - n, actor_id=actor, details={"n": n}) for n, actor in enumerate(["alice", "bob", "alice"])]
    )
    found = await desk.lines("search", "actor:alice")
    assert [(event["actor"]["id"], event["details"]["n"]) for event in found] == [("alice", 0), ("alice", 2)]


async def test_several_words_are_one_query_and_may_begin_with_a_minus(desk: Desk) -> None:
    events = [("alice", "read"), ("alice", "create"), ("bob", "create")]
    desk.append([an_event(NOW, actor_id=actor, action=action) for actor, action in events])
    found = await desk.lines("search", "-action:read", "-host:web1", "actor:alice", "--limit", "10")
    assert [(event["actor"]["id"], event["action"]) for event in found] == [("alice", "create")]


async def test_what_was_searched_is_said_beside_the_result(desk: Desk) -> None:
    desk.append([an_event(NOW)] * 3)
    default = await desk.run("search", "--limit", "2", "--utc")
    assert default.stderr == (
        "2 events since 2026-11-14 12:00:00 (the default range; --since 30d looks further back); "
        "there are more: raise --limit, or --all\n"
    )
    one_hour = await desk.run("search", "nothing", "--since", "1h", "--until", "1m", "--utc")
    assert one_hour.stderr == "no events since 2026-11-21 11:00:00 until 2026-11-21 11:59:00\n"
    assert one_hour.stdout == ""


async def test_all_follows_the_pages_to_their_end(desk: Desk) -> None:
    for _ in range(5):
        desk.append([an_event(NOW)] * 500)
    assert len(await desk.lines("search", "--all")) == 2500
    assert len(await desk.lines("search", "--limit", "1001")) == 1001


async def test_times_without_a_zone_are_local_and_with_utc_they_are_utc(desk: Desk) -> None:
    desk.append([an_event(NOW - n * HOUR_US) for n in range(5)])
    for since in ("2026-11-21 10:00", "2026-11-21T11:00+01:00"):
        assert len(await desk.lines("search", "--since", since, "--utc")) == 3
    assert len(await desk.lines("search", "--since", "2026-11-21", "--until", "2026-11-21T09:00Z", "--utc")) == 1


async def test_a_table_shows_who_did_what_and_how_it_ended(desk: Desk) -> None:
    desk.append(
        [
            an_event(
                NOW, actor_id="u1", actor_name="Alice", action="delete", resource_type="database", resource_id="db-1",
                outcome="failure", reason="not allowed", source_ip="10.0.0.1", message="tried to drop it",
            ),
            an_event(NOW - 1, actor_type="anonymous", event_type="Cron [bold]ran[/bold]"),
        ]
    )  # fmt: skip
    result = await desk.run("search", "--table", "--utc")
    head, first, second = result.stdout.splitlines()
    assert head.split() == ["time", "(UTC)", "actor", "action", "resource", "outcome", "ip", "message"]
    for part in ("2026-11-21 12:00:00", "Alice", "delete", "database db-1", "failure", "10.0.0.1", "not allowed"):
        assert part in first
    assert "(anonymous)" in second
    assert "Cron [bold]ran[/bold]" in second


@pytest.mark.parametrize("output", ["--table", "--json"])
async def test_an_event_cannot_steer_the_terminal(desk: Desk, output: str) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202egnp.exe\u2066 \r\nsecond line"
    desk.append([an_event(NOW, actor_id=hostile, message=hostile, details={hostile: hostile})])
    result = await desk.run("search", output, columns=400)
    written = result.stdout.replace("\n", "")
    assert not any(character in written for character in "\x1b\x07\x9b\u202e\u2066\r")
    assert result.exit_code == 0


async def test_json_keeps_deep_nesting_and_large_numbers(desk: Desk) -> None:
    deep: Any = 12345678901234567890123
    for _ in range(300):
        deep = [deep]
    desk.append([an_event(NOW, details={"deep": deep})])
    (event,) = await desk.lines("search")
    assert event["details"] == {"deep": deep}


async def test_a_mistake_in_the_query_is_pointed_at(desk: Desk) -> None:
    result = await desk.run("search", "action:read acter:alice")
    assert result.exit_code == 2
    assert result.stderr == (
        "watchbook: the query was not understood\n"
        "  action:read acter:alice\n"
        "              ^\n"
        "there is no field 'acter'; did you mean 'actor'?\n"
    )


async def test_a_mistake_in_a_long_query_is_shown_with_what_stands_around_it(desk: Desk) -> None:
    result = await desk.run("search", "用户 " * 100 + "\x1bacter:alice" + " x" * 100)
    _, shown, caret, message = result.stderr.splitlines()
    assert len(shown) < 140
    assert caret.strip() == "^"
    assert message.startswith("there is no field")


async def test_an_option_that_does_not_exist_is_not_searched_for(desk: Desk) -> None:
    result = await desk.run("search", "actor:alice", "--sinse", "1h")
    assert result.exit_code == 2
    assert "--sinse" in result.stderr


async def test_a_wrong_time_names_the_parameter(desk: Desk) -> None:
    result = await desk.run("search", "--since", "yesterday")
    assert result.exit_code == 2
    assert "'from': expected a time such as" in result.stderr


async def test_a_missing_token_says_where_to_give_it(desk: Desk, tmp_path: Any) -> None:
    result = await desk.run("search", token=None)
    assert result.exit_code == 1
    assert "WATCHBOOK_TOKEN" in result.stderr
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert (await desk.run("search", "--token-file", str(tmp_path / "token"), token=None)).exit_code == 0
    assert (await desk.run("search", "--token", TOKEN, token="wrong")).exit_code == 0
    missing = await desk.run("search", "--token-file", str(tmp_path / "nothing"), token=None)
    assert missing.exit_code == 2
    assert "'--token-file'" in missing.stderr
    strange = await desk.run("search", "--token", "é\n")
    assert strange.exit_code == 2
    assert "é" not in strange.stderr


async def test_a_closed_port_says_what_to_check(desk: Desk, unused_tcp_port: int) -> None:
    result = await desk.run("search", url=f"http://127.0.0.1:{unused_tcp_port}")
    assert result.exit_code == 1
    assert "nothing listens there; start it with 'watchbook collector run'" in result.stderr


@pytest.mark.parametrize("url", ["localhost:8420", "ftp://x", "http://", "file:///etc/passwd"])
async def test_an_address_that_is_none_is_a_mistake(desk: Desk, url: str) -> None:
    result = await desk.run("search", "--url", url)
    assert result.exit_code == 2
    assert "'--url': expected http://HOST:PORT" in result.stderr


async def test_a_search_that_runs_out_of_budget_goes_on_by_itself(tmp_path: Path) -> None:
    async with opened(tmp_path, scanned_events_max=2) as desk:
        for hour in range(4):
            desk.append([an_event(NOW - hour * HOUR_US)] * 2)
        result = await desk.run("search", "--utc")
    assert len(result.stdout.splitlines()) == 8
    assert "searched back to 2026-11-21 11:00:00, going on …" in result.stderr


async def test_a_search_that_cannot_go_on_fails_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, scanned_events_max=2) as desk:
        for _ in range(5):
            desk.append([an_event(NOW), an_event(NOW - 2 * HOUR_US)])
        result = await desk.run("search", "--until", "1h")
    assert result.exit_code == 1
    assert "narrow the range" in result.stderr


async def test_a_total_is_shown_beside_what_was_found(desk: Desk) -> None:
    desk.append([an_event(NOW)] * 7)
    result = await desk.run("search", "--total", "--limit", "2", "--since", "1h", "--utc")
    assert result.stderr == "2 of 7 events since 2026-11-21 11:00:00; there are more: raise --limit, or --all\n"


async def test_classes_of_events_are_left_out(desk: Desk) -> None:
    desk.append([an_event(NOW, category="authentication"), an_event(NOW, actor_type="system"), an_event(NOW, org="a")])
    found = await desk.lines("search", "--exclude", "login", "--exclude", "system")
    assert [event.get("org") for event in found] == ["a"]
    assert (await desk.run("search", "--exclude", "all")).exit_code == 2
