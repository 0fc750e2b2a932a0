"""``/v1/tail`` over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector.problem import ApiProblem
from collector.web.stream import Gap, gap_of
from tests.collector.web.conftest import Face
from tests.collector.web.frames import Frames
from tests.collector.web.memory_answers import an_event


@asynccontextmanager
async def tail(face: Face, last_id: str | None = None, **parameters: Any) -> AsyncIterator[Frames]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with (
        asyncio.timeout(20),
        face.client.get("/v1/tail", params=parameters, headers=headers) as response,
    ):
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        assert "Content-Encoding" not in response.headers
        frames = Frames(response)
        assert await frames.frame() is None  # where it begins
        yield frames


async def actions(frames: Frames, number: int) -> list[tuple[str, str]]:
    """Return the next messages as (id, action)."""
    messages = [await frames.next() for _ in range(number)]
    assert {message.kind for message in messages} == {"message"}
    return [(message.last_id, json.loads(message.data)["action"]) for message in messages]


async def test_what_arrives_is_sent_with_its_number(face: Face) -> None:
    face.append(an_event(action="old"))
    async with tail(face) as frames:
        assert frames.last_id == "1"
        face.append(an_event(action="a"), an_event(action="b"))
        assert await actions(frames, 2) == [("2", "a"), ("3", "b")]
        face.append(an_event(action="c"))
        assert await actions(frames, 1) == [("4", "c")]


async def test_a_client_that_comes_back_misses_nothing_and_gets_nothing_twice(face: Face) -> None:
    face.append(*(an_event(action=f"a{number}") for number in range(1, 2500)))
    async with tail(face, after=0) as frames:
        first = await actions(frames, 700)
    async with tail(face, last_id=first[-1][0], after=0) as frames:
        rest = await actions(frames, 2499 - 700)
    assert first + rest == [(str(number), f"a{number}") for number in range(1, 2500)]


async def test_filters_and_the_query_choose_and_the_position_moves_on_all_the_same(face: Face) -> None:
    async with tail(face, action="create", exclude="system", user="me") as frames:
        face.append(
            an_event(action="create", actor={"id": "bob"}),
            an_event(action="create", actor={"id": "alice"}),
            an_event(action="create", actor={"id": "alice", "type": "system"}),
            an_event(action="read", actor={"id": "alice"}),
        )
        assert await actions(frames, 1) == [("2", "create")]
        while frames.last_id != "4":
            assert await frames.frame() is None
        assert face.parameters()["filters"] == {"actor": ["alice"], "action": ["create"]}


async def test_a_tail_says_that_it_is_still_there(face: Face) -> None:
    async with tail(face) as frames:
        while frames.comments < 3:
            assert await frames.frame() is None
        assert frames.last_id == "0"


async def test_removed_events_are_a_gap(face: Face) -> None:
    face.append(*(an_event(action=f"a{number}") for number in range(1, 8)))
    face.answers.first_number = 5
    async with tail(face, after=2) as frames:
        gap = await frames.next()
        assert (gap.kind, gap.last_id) == ("gap", "4")
        assert json.loads(gap.data) == {
            "after": 2, "before": 5, "reason": "removed",
            "message": "these events were removed or archived before this tail read them; "
            "a search finds what is archived",
        }  # fmt: skip
        assert await actions(frames, 3) == [("5", "a5"), ("6", "a6"), ("7", "a7")]


async def test_events_removed_while_a_tail_reads_are_a_gap(face: Face) -> None:
    async with tail(face) as frames:
        face.answers.append(*(an_event(action=f"a{number}") for number in range(1, 8)))
        face.answers.first_number = 6
        face.append()
        gap = await frames.next()
        assert (gap.kind, json.loads(gap.data)["before"]) == ("gap", 6)
        assert await actions(frames, 2) == [("6", "a6"), ("7", "a7")]


@pytest.mark.parametrize("settings", [{"tail_behind_max": 10}])
async def test_a_tail_that_is_too_far_behind_goes_on_from_the_newest_and_says_so(face: Face) -> None:
    face.append(*(an_event() for _ in range(11)))
    async with tail(face, after=0) as frames:
        gap = await frames.next()
        assert (gap.kind, gap.last_id) == ("gap", "11")
        face.append(an_event(action="new"))
        assert await actions(frames, 1) == [("12", "new")]
        face.append(*(an_event() for _ in range(11)))
        gap = await frames.next()
        assert json.loads(gap.data)["reason"] == "behind"
        assert (json.loads(gap.data)["after"], json.loads(gap.data)["before"]) == (12, 24)


async def test_the_position_of_another_store_is_a_gap(face: Face) -> None:
    face.append(an_event())
    async with tail(face, last_id="1000") as frames:
        gap = await frames.next()
        assert (json.loads(gap.data)["reason"], gap.last_id) == ("ahead", "1")
        face.append(an_event(action="new"))
        assert await actions(frames, 1) == [("2", "new")]


@pytest.mark.parametrize(
    ("position", "oldest", "newest", "gap"),
    [
        (5, 1, 5, None),
        (0, 1, 10, None),
        (0, 0, 0, None),
        (4, 5, 5, None),
        (3, 5, 5, Gap(3, 5, "removed")),
        (0, 1, 11, Gap(0, 12, "behind")),
        (6, 1, 5, Gap(5, 6, "ahead")),
        (0, 5, 100, Gap(0, 101, "behind")),
    ],
)
def test_a_gap_is_known_by_three_numbers(position: int, oldest: int, newest: int, gap: Gap | None) -> None:
    assert gap_of(position, oldest, newest, behind_max=10) == gap


async def test_a_mistake_is_answered_as_one(face: Face) -> None:
    assert (await face.get("/v1/tail", 400, q="wrong"))["errors"][0]["parameter"] == "q"
    assert (await face.get("/v1/tail", 400, after="latest"))["errors"][0]["parameter"] == "after"
    assert (await face.get("/v1/tail", 400, limit="1"))["errors"][0]["parameter"] == "limit"
    async with face.client.get("/v1/tail", headers={"Last-Event-ID": "x"}) as response:
        problem = await face.checked(response, 400)
    assert "'Last-Event-ID' holds the 'id'" in problem["detail"]


@pytest.mark.parametrize("settings", [{"tails_max": 2}])
async def test_the_number_of_open_tails_is_limited(face: Face) -> None:
    async with tail(face), tail(face):
        async with face.client.get("/v1/tail") as response:
            problem = await face.checked(response, 503)
            assert response.headers["Retry-After"] == "10"
        assert "'web.tails_max'" in problem["detail"]
        assert face.registry.get_sample_value("watchbook_tails") == 2
    while face.registry.get_sample_value("watchbook_tails"):
        await asyncio.sleep(0.01)


async def test_a_tail_ends_when_its_token_may_not_read_any_more(face: Face) -> None:
    async with tail(face) as frames:
        face.refused = ApiProblem(401, "token-unknown", "revoked")
        face.append(an_event())
        with pytest.raises(EOFError):
            await frames.next()


async def test_a_tail_outlives_a_moment_without_a_free_worker(face: Face) -> None:
    async with tail(face) as frames:
        face.answers.refusals = [ApiProblem(503, "busy", "later")] * 2
        face.append(an_event(action="a"))
        assert await actions(frames, 1) == [("1", "a")]


async def test_a_stop_ends_the_tails(face: Face) -> None:
    async with tail(face) as frames:
        await face.app.shutdown()
        with pytest.raises(EOFError):
            await frames.next()
        async with face.client.get("/v1/tail") as response:
            assert response.status == 503


@pytest.mark.parametrize("settings", [{"tail_write_timeout": 0.2}])
async def test_a_client_that_does_not_read_is_let_go(face: Face) -> None:
    face.append(*(an_event(message="x" * 20_000) for _ in range(2000)))
    async with asyncio.timeout(20):
        response = await face.client.get("/v1/tail?after=0")
        while not face.registry.get_sample_value("watchbook_tails_dropped_total"):
            await asyncio.sleep(0.01)
        response.close()
        while face.registry.get_sample_value("watchbook_tails"):
            await asyncio.sleep(0.01)
