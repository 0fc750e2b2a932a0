"""``watchbook notify`` against a real server."""

from tests.watchbook.operator.conftest import Desk


async def test_channels_are_listed(desk: Desk) -> None:
    result = await desk.run("notify", "channels")
    assert result.exit_code == 0, result.output
    assert "hook" in result.stdout
    assert "2 channels" in result.stderr
    assert [each["name"] for each in await desk.lines("notify", "channels", "--json")] == ["hook", "broken"]


async def test_a_channel_is_tried_and_what_happened_is_said(desk: Desk) -> None:
    result = await desk.run("notify", "test", "hook")
    assert result.exit_code == 0, result.output
    assert "sent through hook in 0 ms: took TEST of the channel hook" in result.stderr
    result = await desk.run("notify", "test", "broken")
    assert result.exit_code == 1
    assert "broken did not take it after 0 ms: Cannot connect to host 127.0.0.1:9" in result.stderr
    assert "there is no channel 'x'" in (await desk.run("notify", "test", "x")).stderr


async def test_dead_letters_are_listed_tried_again_and_dropped(desk: Desk) -> None:
    result = await desk.run("notify", "dead", "list")
    assert "HIGH: Alert 3" in result.stdout
    assert "answered 422: what is that?" in result.stdout
    assert "2 notifications" in result.stderr
    assert "1 notification is to be tried again" in (await desk.run("notify", "dead", "retry", "2")).stderr
    assert "1 notification is dropped" in (await desk.run("notify", "dead", "drop", "--all")).stderr
    assert await desk.lines("notify", "dead", "list", "--json") == []
    assert len(await desk.lines("notify", "list", "--json", "--state", "waiting")) == 2


async def test_numbers_or_all_must_be_said(desk: Desk) -> None:
    for words in (("retry",), ("drop", "1", "--all")):
        result = await desk.run("notify", "dead", *words)
        assert result.exit_code == 2
        assert "NUMBERS" in result.stderr


async def test_what_people_see_on_a_terminal_is_a_table(desk: Desk) -> None:
    result = await desk.run("notify", "channels", "--table")
    assert result.exit_code == 0, result.output
    assert "last error" in result.stdout
    for words in (("list",), ("dead", "list")):
        result = await desk.run("notify", *words, "--table")
        assert result.exit_code == 0, result.output
        assert "why not" in result.stdout
