"""The waiting line: whose turn it is."""

import asyncio

import pytest

from collector.problem import ApiProblem
from collector.processes.line import AHEAD_MAX, Job, Line, LineFullError


def job(name: str, *, patient: bool = False) -> Job:
    return Job(name, {}, patient, 10.0, asyncio.get_running_loop().create_future())


def line(patient_at_once: int = 1, waiting_max: int = 100, patience_s: float = 60.0) -> Line:
    return Line(waiting_max, patience_s, patient_at_once)


async def taken(line: Line) -> str:
    async with asyncio.timeout(5):
        job = await line.take()
    assert job is not None
    return job.question


async def test_first_come_is_first_served() -> None:
    queue = line()
    for name in "abc":
        queue.put(job(name))
    assert [await taken(queue) for _ in range(3)] == ["a", "b", "c"]


async def test_questions_go_ahead_of_pages_but_not_for_ever() -> None:
    queue = line()
    queue.put(job("page", patient=True))
    for number in range(AHEAD_MAX + 5):
        queue.put(job(str(number)))
    order = [await taken(queue) for _ in range(AHEAD_MAX + 6)]
    assert order.index("page") == AHEAD_MAX
    assert [name for name in order if name != "page"] == [str(number) for number in range(AHEAD_MAX + 5)]


async def test_pages_leave_a_worker_for_questions() -> None:
    queue = line(patient_at_once=1)
    first, second = job("first", patient=True), job("second", patient=True)
    queue.put(first)
    queue.put(second)
    assert await taken(queue) == "first"
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(taken(queue))
        await asyncio.sleep(0)
        assert not taking.done()
        queue.put(job("question"))
        assert await taking == "question"
        queue.done(first)
        assert await taken(queue) == "second"


async def test_a_job_whose_worker_died_is_next() -> None:
    queue = line()
    page = job("page", patient=True)
    queue.put(page)
    queue.put(job("b"))
    queue.put(job("c"))
    assert await taken(queue) == "b"
    assert await taken(queue) == "c"
    assert await taken(queue) == "page"
    queue.put(job("later", patient=True))
    queue.put_back(page)
    assert await taken(queue) == "page"


async def test_a_full_line_takes_no_more_and_one_who_left_makes_room() -> None:
    queue = line(waiting_max=2)
    first = job("a")
    queue.put(first)
    queue.put(job("b", patient=True))
    with pytest.raises(LineFullError):
        queue.put(job("c"))
    assert queue.discard(first)
    assert not queue.discard(first)
    queue.put(job("c"))
    assert await taken(queue) == "c"


async def test_a_taker_that_is_cancelled_has_taken_nothing() -> None:
    queue = line()
    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(taken(queue))
        await asyncio.sleep(0)
        queue.put(job("a"))
        taking.cancel()
    assert await taken(queue) == "a"


async def test_patience_ends_in_the_line_and_not_at_work() -> None:
    queue = line(patience_s=0.01)
    at_work, waiting = job("a"), job("b")
    queue.put(at_work)
    assert await taken(queue) == "a"
    queue.put(waiting)
    with pytest.raises(ApiProblem) as caught:
        await waiting.answer
    assert caught.value.status == 503
    assert not at_work.answer.done()
    assert len(queue) == 0


async def test_a_closed_line_refuses_who_waits_and_lets_takers_go() -> None:
    queue = line()
    waiting = job("a")
    async with asyncio.TaskGroup() as tasks:
        queue.put(waiting)
        queue.close()
        assert await tasks.create_task(queue.take()) is None
    with pytest.raises(ApiProblem):
        await waiting.answer
    with pytest.raises(LineFullError):
        queue.put(job("b"))
