"""``watchbook facets``, ``histogram``, ``values`` and ``explain``."""

import json

import pytest

from tests.collector.query.memory_source import an_event
from tests.watchbook.operator.conftest import NOW, Desk
from watchbook.operator.charts import bar, columns, grouped

HOUR_US = 3_600_000_000


async def test_facets_are_tables_with_bars(desk: Desk) -> None:
    desk.append([an_event(NOW, action=action) for action in ["read"] * 8 + ["create"] * 4 + ["delete"]])
    result = await desk.run("facets", "--field", "action", "--field", "org", "--size", "2", "--since", "1h", "--table",
                            "--utc")  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines == [
        "action          events",
        f"read                 8  {'█' * 30}",
        f"create               4  {'█' * 15}",
        "(other values)       1",
        "",
        "org         events",
        "(no value)      13",
    ]
    assert result.stderr == "13 events since 2026-11-21 11:00:00\n"


async def test_facets_count_different_values_beside_each(desk: Desk) -> None:
    desk.append([an_event(NOW, actor_id=f"u{n % 3}", action="read") for n in range(9)])
    (document,) = await desk.lines("facets", "action:read", "--field", "action", "--distinct", "actor.id")
    assert document["facets"]["action"]["values"] == [{"value": "read", "count": 9, "distinct": 3}]
    table = await desk.run("facets", "--field", "action", "--distinct", "actor.id", "--table")
    assert table.stdout.splitlines()[1].split()[-1] == "3"


async def test_a_value_cannot_steer_the_terminal(desk: Desk) -> None:
    desk.append([an_event(NOW, action="\x1b[2Jred\u202e", org="[bold]x[/bold]")])
    for words in (["facets", "--field", "action", "--field", "org"], ["values", "action"]):
        result = await desk.run(*words, "--table")
        assert result.exit_code == 0, result.output
        assert not any(character in result.stdout for character in "\x1b\u202e")
    assert "[bold]x[/bold]" in (await desk.run("facets", "--field", "org", "--table")).stdout


async def test_a_histogram_is_a_chart_over_time(desk: Desk) -> None:
    for hour, number in enumerate([8, 4, 0, 1]):
        if number:
            desk.append([an_event(NOW - hour * HOUR_US - 1, outcome="failure")] * number)
    result = await desk.run("histogram", "outcome:failure", "--interval", "1h", "--since", "4h", "--until", "now",
                            "--table", "--utc")  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines == [
        "8 ┤   █", "  ┤   █", "  ┤   █", "  ┤   █", "  ┤  ██", "  ┤  ██", "  ┤  ██", "0 ┤█ ██",
        "   2026-11-21 08:00:00 2026-11-21 11:00:00",
        "   one column: 1h, UTC",
    ]  # fmt: skip
    assert result.stderr == "13 events since 2026-11-21 08:00:00 until 2026-11-21 12:00:00\n"


async def test_a_histogram_has_a_line_for_each_value_of_a_field(desk: Desk) -> None:
    desk.append([an_event(NOW - 1, action="read")] * 3 + [an_event(NOW - HOUR_US, action="create")])
    words = ("histogram", "--interval", "1h", "--since", "2h", "--until", "now", "--by", "action")
    result = await desk.run(*words, "--table", "--utc")
    assert [line.rstrip() for line in result.stdout.splitlines()[-4:]] == ["3 read", "   █", "1 create", "   █"]
    (document,) = await desk.lines(*words)
    assert document["interval_s"] == 3600
    assert [bucket["count"] for bucket in document["buckets"]] == [0, 4]


async def test_values_are_listed_with_their_counts(desk: Desk) -> None:
    desk.append([an_event(NOW, action=action) for action in ["read"] * 3 + ["reset", "create"]])
    result = await desk.run("values", "action", "--prefix", "re", "--table")
    assert [line.split() for line in result.stdout.splitlines()] == [["events", "value"], ["3", "read"], ["1", "reset"]]
    (document,) = await desk.lines("values", "action", "-action:read", "--limit", "1")
    assert len(document["values"]) == 1
    assert (await desk.run("values")).exit_code == 2


async def test_an_explanation_shows_the_query_as_it_was_understood(desk: Desk) -> None:
    desk.append([an_event(NOW)])
    result = await desk.run("explain", "user:alice", "status:failed", "-type:database", "--table")
    assert result.exit_code == 0, result.output
    first = result.stdout.splitlines()[0]
    for part in ("alice", "outcome", "failure", "database"):
        assert part in first
    (document,) = await desk.lines("explain", "user:alice")
    assert "alice" in document["query"]
    assert "  outcome: equals failure\n" in result.stdout.replace("└── ", "  ").replace("├── ", "  ")


@pytest.mark.parametrize(
    "word",
    [["facets"], ["histogram"], ["values", "action"], ["explain"], ["export", "--to", "-", "--format", "csv"]],
)
async def test_a_mistake_in_the_query_is_pointed_at(desk: Desk, word: list[str]) -> None:
    result = await desk.run(*word, "acter:alice")
    assert result.exit_code == 2
    assert "  acter:alice\n  ^\n" in result.stderr


async def test_an_unknown_field_is_named(desk: Desk) -> None:
    result = await desk.run("facets", "--field", "acton")
    assert result.exit_code == 2
    assert "'acton'" in result.stderr


def test_a_bar_is_as_long_as_its_share_and_never_nothing() -> None:
    assert [bar(value, 16, 2) for value in (16, 8, 1, 0)] == ["██", "█", "▏", ""]
    assert bar(1, 10**9, 30) == "▏"
    assert bar(3, 0, 30) == ""


def test_columns_are_as_high_as_their_share_and_never_nothing() -> None:
    assert columns([16, 8, 4, 0, 1], 2) == ["█    ", "██▄ ▁"]
    assert columns([], 2) == ["", ""]
    assert columns([0, 0], 1) == ["  "]


def test_neighbours_are_added_up_until_they_fit() -> None:
    assert grouped([1, 2, 3, 4, 5], 2) == ([6, 9], 3)
    assert grouped([1, 2], 80) == ([1, 2], 1)
    assert grouped([], 80) == ([], 1)
    assert json.dumps(grouped(list(range(1000)), 1)[0]) == "[499500]"
