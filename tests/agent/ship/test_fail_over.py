"""Several collectors: nothing is lost, nothing is stored twice in one of them, and the first is used again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent.ship.stand_in import Receiving, Sending
from watchbook.units import Seconds


@pytest.fixture
async def first() -> AsyncIterator[Receiving]:
    made = Receiving()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def second() -> AsyncIterator[Receiving]:
    made = Receiving()
    await made.start()
    yield made
    await made.stop()


def sending(folder: Path, *collectors: Receiving, **settings: object) -> Sending:
    return Sending(folder, *(each.url() for each in collectors), **settings)


def in_use(agent: Sending) -> list[bool]:
    return [each.in_use for each in agent.shipper.state.collectors]


async def test_the_first_is_used_while_it_works(tmp_path: Path, first: Receiving, second: Receiving) -> None:
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a", "b", "c")
        await agent.sent()
    assert (first.actors, second.requests) == (["a", "b", "c"], 0)
    assert agent.shipper.report()["problems"] == []


async def test_the_next_goes_on_with_the_same_stream_where_the_first_has_failed(
    tmp_path: Path, first: Receiving, second: Receiving
) -> None:
    agent = sending(tmp_path, first, second, return_interval=Seconds(100.0))
    async with agent.running():
        await agent.store("a", "b")
        await agent.sent()
        await first.stop()
        await agent.store("c", "d")
        await agent.sent()
        assert in_use(agent) == [False, True]
        (problem,) = agent.shipper.report()["problems"]
    assert (first.actors, second.actors) == (["a", "b"], ["c", "d"])
    assert {stream for stream, _, _ in (*first.stored, *second.stored)} == {agent.spool.stream}
    assert [sequence for _, sequence, _ in second.stored] == [3, 4]
    assert problem.startswith(f"{second.url()} stands in for {first.url()}: ")
    assert agent.shipper.state.renewals == 0
    (event,) = agent.own_events
    assert (event["event_type"], event["measures"]) == ("agent.batches_elsewhere", {"batches": 2})


@pytest.mark.parametrize("status", [500, 503, 404])
async def test_a_collector_that_answers_only_errors_has_failed(
    tmp_path: Path, first: Receiving, second: Receiving, status: int
) -> None:
    first.status = status
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a")
        await agent.sent()
    assert second.actors == ["a"]
    assert str(status) in str(agent.shipper.state.collectors[0].last_error)


async def test_the_first_is_used_again_when_it_is_back(tmp_path: Path, first: Receiving, second: Receiving) -> None:
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a")
        await agent.sent()
        first.status = 503
        await agent.store("b", "c")
        await agent.sent()
        first.status = None
        await agent.until(lambda: in_use(agent)[0])
        await agent.store("d", "e")
        await agent.sent()
        assert in_use(agent) == [True, False]
        assert agent.shipper.report()["problems"] == []
    assert (first.actors, second.actors) == (["a", "d", "e"], ["b", "c"])
    assert [sequence for _, sequence, _ in first.stored] == [1, 4, 5]
    assert [event["message"].split(" of ")[0] for event in agent.own_events] == ["batches 1 to 1", "batches 2 to 3"]


async def test_a_batch_whose_answer_was_lost_is_not_stored_again_when_its_collector_is_back(
    tmp_path: Path, first: Receiving, second: Receiving
) -> None:
    second.status = 503
    first.lose_answers = True
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a", "b")
        await agent.until(lambda: agent.shipper.state.changes >= 2)
        assert (first.actors, second.actors) == (["a"], [])
        first.lose_answers = False
        await agent.sent()
    assert (first.actors, second.actors) == (["a", "b"], [])
    assert agent.shipper.state.repeats == 1


async def test_a_batch_whose_answer_was_lost_keeps_its_identity_in_the_other_store(
    tmp_path: Path, first: Receiving, second: Receiving
) -> None:
    first.lose_answers = True
    agent = sending(tmp_path, first, second, return_interval=Seconds(100.0))
    async with agent.running():
        await agent.store("ab", "c")
        await agent.sent()
    assert first.stored == second.stored[:1], "the same stream, sequence and events: the same ids"
    assert second.actors == ["a", "b", "c"]


async def test_after_a_crash_the_collector_that_took_the_last_batches_is_asked_first(
    tmp_path: Path, first: Receiving, second: Receiving
) -> None:
    first.status = 503
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a", "b")
        await agent.sent()
    assert second.actors == ["a", "b"]
    first.status = None
    again = sending(tmp_path, first, second)
    async with again.running():
        await again.store("c")
        await again.sent()
        await again.until(lambda: in_use(again)[0])
        await again.store("d")
        await again.sent()
    assert again.shipper.state.repeats == 2
    assert sorted([*first.actors, *second.actors]) == ["a", "b", "c", "d"]
    assert first.actors[-1] == "d"


async def test_what_a_stand_in_took_is_off_the_spool_before_the_first_is_used_again(
    tmp_path: Path, first: Receiving, second: Receiving
) -> None:
    first.status = 503
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a", "b")
        await agent.sent()
        first.status = None
        await agent.until(lambda: in_use(agent)[0])
    again = sending(tmp_path, first, second)
    async with again.running():
        await again.store("c")
        await again.sent()
    assert (first.actors, second.actors) == (["c"], ["a", "b"])


async def test_a_collector_that_is_taken_out_of_the_list_is_not_used_again(
    tmp_path: Path, first: Receiving, second: Receiving
) -> None:
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a")
        await agent.sent()
    alone = sending(tmp_path, second)
    async with alone.running():
        assert alone.shipper.url == second.url()
        await alone.store("b")
        await alone.sent()
    assert second.actors[-1] == "b"


async def test_each_collector_may_have_a_token_of_its_own(tmp_path: Path, second: Receiving) -> None:
    first = Receiving()
    second.token = "other"
    files = (tmp_path / "one", tmp_path / "two")
    files[1].write_text("other\n")
    agent = sending(tmp_path / "spool", first, second, token=None, token_files=files)
    files[0].write_text("t\n")
    async with agent.running():
        await agent.store("a")
        await agent.sent()
    assert second.actors == ["a"]


async def test_a_refused_token_pauses_at_the_first_collector(
    tmp_path: Path, first: Receiving, second: Receiving
) -> None:
    first.token = "another"
    agent = sending(tmp_path, first, second, refused_wait=Seconds(0.03))
    async with agent.running():
        await agent.store("a")
        await agent.until(lambda: agent.shipper.state.retries >= 4)
        assert agent.shipper.state.state == "paused"
        first.token = "t"
        await agent.sent()
    assert (first.actors, second.requests) == (["a"], 0)


async def test_a_busy_collector_is_not_left(tmp_path: Path, first: Receiving, second: Receiving) -> None:
    first.status = 429
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a")
        await agent.until(lambda: agent.shipper.state.retries >= 20)
        first.status = None
        await agent.sent()
    assert (first.actors, second.actors) == (["a"], [])


async def test_a_collector_that_cannot_take_over_in_the_middle_is_passed_by_and_the_stream_stays(
    tmp_path: Path, first: Receiving, second: Receiving
) -> None:
    second.knows_holes = False
    agent = sending(tmp_path, first, second)
    async with agent.running():
        await agent.store("a")
        await agent.sent()
        first.status = 503
        await agent.store("b")
        await agent.until(lambda: agent.shipper.state.changes >= 2)
        assert "cannot take over a stream in the middle; update it" in str(agent.shipper.state.collectors[1].last_error)
        first.status = None
        await agent.sent()
    assert (first.actors, second.actors, agent.shipper.state.renewals) == (["a", "b"], [], 0)


async def test_two_addresses_of_one_collector_are_told_of_no_hole(tmp_path: Path, first: Receiving) -> None:
    agent = Sending(tmp_path, "http://127.0.0.1:1", first.url(), return_interval=Seconds(100.0))
    async with agent.running():
        await agent.store("a", "b")
        await agent.sent()
    assert (first.actors, agent.own_events) == (["a", "b"], [])


@pytest.mark.parametrize("bad", list("abcdefghi"))
async def test_the_one_bad_event_is_found_by_halving(tmp_path: Path, first: Receiving, bad: str) -> None:
    first.bad = bad
    agent = sending(tmp_path, first)
    async with agent.running():
        await agent.store("abcdefghi", "xy")
        await agent.sent()
        assert await agent._in_worker(agent.spool.rejected) == 1
    assert sorted(first.actors) == sorted(set("abcdefghixy") - {bad})
    assert [sequence for _, sequence, _ in first.stored] == list(range(1, len(first.stored) + 1)), "no hole"
    state = agent.shipper.state
    assert (state.rejected, state.halved <= 4, state.renewals) == (1, True, 0)


async def test_batches_spooled_while_one_is_halved_go_out_once(tmp_path: Path, first: Receiving) -> None:
    first.bad = "c"
    agent = sending(tmp_path, first)
    async with agent.running():
        await agent.store("abcd", *"efghijklm")
        await agent.store(*"nopqrst")
        await agent.sent()
    assert sorted(first.actors) == sorted(set("abcdefghijklmnopqrst") - {"c"})
