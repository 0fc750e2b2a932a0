"""The pool of workers with real processes: crashes, busy lines, cancelled askers, drain, a parent that is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from collector.problem import ApiProblem
from collector.processes import ProcessSettings, QueryPool, Recipe, Roster
from watchbook.units import Bytes, Seconds

STAND_IN = "tests.collector.processes.stand_in"
OpenPool = Callable[..., AbstractAsyncContextManager[QueryPool]]


@asynccontextmanager
async def open_pool(
    settings: bytes = b"settings", deadline_s: float = 30.0, roster: Roster | None = None, **limits: Any
) -> AsyncIterator[QueryPool]:
    """Run a pool, and close it as the collector does."""
    recipe = Recipe(settings, ProcessSettings(**{"restart_first": Seconds(0.01), **limits}), STAND_IN)
    pool = QueryPool(recipe, roster or Roster(), deadline_s=deadline_s, on_damaged=lambda _: None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pool.run())
        try:
            yield pool
        finally:
            pool.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.005)


async def refusal(pool: QueryPool, question: str, **parameters: object) -> ApiProblem:
    with pytest.raises(ApiProblem) as caught:
        await pool.ask(question, parameters)
    return caught.value


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_questions_are_answered_by_processes_of_their_own() -> None:
    async with open_pool() as pool:
        answers = await asyncio.gather(*(pool.ask("pid", {}) for _ in range(20)))
        pids = {json.loads(answer)["pid"] for answer in answers}
        assert os.getpid() not in pids
        assert 1 <= len(pids) <= 2
    assert not any(map(is_alive, pids))


async def test_large_answers_come_whole() -> None:
    async with open_pool() as pool:
        assert await pool.ask("bytes", {"n": 20_000_000}) == b"x" * 20_000_000
        assert await pool.ask("bytes", {"n": 0}) == b""


async def test_what_is_wrong_with_a_question_is_said_in_full() -> None:
    async with open_pool(query_workers=1) as pool:
        problem = await refusal(pool, "problem")
        assert (problem.status, problem.kind, problem.title) == (400, "query", "Not understood")
        assert problem.document()["errors"] == [{"parameter": "q", "position": 3}]
        assert problem.headers == {"X-Word": "1"}
        assert problem.extensions == {"more": [1, 2]}


async def test_a_failure_of_a_worker_is_an_answer_and_the_worker_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    async with open_pool(query_workers=1) as pool:
        before = await pool.ask("pid", {})
        problem = await refusal(pool, "fail")
        assert problem.status == 500
        assert await pool.ask("pid", {}) == before
    logged = capfd.readouterr().err
    assert problem.extensions["error_id"] in logged
    assert "ZeroDivisionError" in logged


async def test_what_a_worker_prints_is_no_answer() -> None:
    async with open_pool(query_workers=1) as pool:
        assert await pool.ask("print", {}) == b"printed"
        assert await pool.ask("print", {}) == b"printed"


async def test_an_answer_that_is_too_large_is_refused_and_the_worker_goes_on() -> None:
    async with open_pool(query_workers=1, frame_bytes_max=Bytes(1000)) as pool:
        before = await pool.ask("pid", {})
        assert (await refusal(pool, "bytes", n=1001)).status == 413
        assert await pool.ask("bytes", {"n": 1000}) == b"x" * 1000
        assert await pool.ask("pid", {}) == before


async def test_a_question_that_is_too_large_is_refused_and_the_worker_goes_on() -> None:
    async with open_pool(query_workers=1) as pool:
        before = await pool.ask("pid", {})
        assert (await refusal(pool, "pid", q="x" * (2 << 20))).status == 413
        assert await pool.ask("pid", {}) == before


async def test_a_question_whose_worker_dies_is_asked_of_another_one(tmp_path: Path) -> None:
    async with open_pool() as pool:
        assert await pool.ask("die_first", {"mark": str(tmp_path / "mark")}) == b"alive"
        await until(lambda: sum(place.restarts for place in pool.places) == 1)


async def test_a_question_that_kills_two_workers_is_refused_and_others_are_answered() -> None:
    async with open_pool() as pool:
        problem = await refusal(pool, "die")
        assert problem.status == 503
        assert pool.refused["died"] == 1
        assert await pool.ask("pid", {})


async def test_a_worker_that_is_killed_while_idle_is_started_again() -> None:
    async with open_pool(query_workers=1) as pool:
        first = json.loads(await pool.ask("pid", {}))["pid"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: pool.places[0].restarts == 1)
        assert json.loads(await pool.ask("pid", {}))["pid"] != first


async def test_a_worker_that_says_what_is_no_frame_is_replaced() -> None:
    async with open_pool(query_workers=1) as pool:
        assert (await refusal(pool, "garbage")).status == 503
        assert await pool.ask("pid", {})


async def test_a_question_that_does_not_end_costs_its_worker_and_gets_503() -> None:
    async with open_pool(query_workers=1, deadline_s=0.1, grace=Seconds(0.1)) as pool:
        first = json.loads(await pool.ask("pid", {}))["pid"]
        assert (await refusal(pool, "wait", until="/nowhere", name="")).status == 503
        assert pool.refused["late"] == 1
        assert json.loads(await pool.ask("pid", {}))["pid"] != first
        assert not is_alive(first)


async def test_more_questions_than_may_wait_are_refused_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(query_workers=1, waiting_max=2) as pool, asyncio.TaskGroup() as tasks:
        names = [str(number) for number in range(3)]
        answers = []
        for number, name in enumerate(names):
            answers.append(tasks.create_task(pool.ask("wait", {"until": str(gate), "name": name})))
            await until(lambda number=number: (pool.under_way, pool.waiting) == (1, number))  # type: ignore[misc]
        problem = await refusal(pool, "pid")
        assert (problem.status, problem.headers["Retry-After"]) == (503, "1")
        gate.touch()
        assert [(await answer).decode() for answer in answers] == names


async def test_nobody_waits_longer_for_a_worker_than_the_line_allows(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(query_workers=1, waiting_time=Seconds(0.1)) as pool, asyncio.TaskGroup() as tasks:
        await until(lambda: pool.not_ready() is None)
        tasks.create_task(pool.ask("wait", {"until": str(gate), "name": "a"}))
        await until(lambda: pool.under_way == 1)
        assert (await refusal(pool, "pid")).status == 503
        assert pool.refused["waited"] == 1
        gate.touch()


async def test_no_one_can_wait_for_ever_where_no_worker_starts() -> None:
    async with open_pool(settings=b"dies at its start", waiting_time=Seconds(0.3)) as pool:
        assert (await refusal(pool, "pid")).status == 503
        await until(lambda: all(place.restarts for place in pool.places))
        assert "exited with 3" in (pool.not_ready() or "")


async def test_an_asker_who_leaves_the_line_is_forgotten(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(query_workers=1) as pool, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(pool.ask("wait", {"until": str(gate), "name": "first"}))
        await until(lambda: pool.under_way == 1)
        gone = tasks.create_task(pool.ask("die", {}))
        await until(lambda: pool.waiting == 1)
        gone.cancel()
        await until(lambda: pool.waiting == 0)
        gate.touch()
        assert await first == b"first"
        assert await pool.ask("pid", {})
        assert pool.places[0].restarts == 0


async def test_a_question_whose_asker_leaves_ends_early() -> None:
    async with open_pool(query_workers=1) as pool, asyncio.TaskGroup() as tasks:
        before = await pool.ask("pid", {})
        gone = tasks.create_task(pool.ask("until_cancelled", {}))
        await until(lambda: pool.under_way == 1)
        gone.cancel()
        assert await pool.ask("pid", {}) == before
        assert pool.places[0].restarts == 0


async def test_at_the_stop_what_is_under_way_is_answered_and_what_comes_is_refused(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(query_workers=1) as pool, asyncio.TaskGroup() as tasks:
        pid = json.loads(await pool.ask("pid", {}))["pid"]
        under_way = tasks.create_task(pool.ask("wait", {"until": str(gate), "name": "done"}))
        await until(lambda: pool.under_way == 1)
        waiting = tasks.create_task(refusal(pool, "pid"))
        await until(lambda: pool.waiting == 1)
        pool.close()
        assert (await waiting).status == 503
        assert (await refusal(pool, "pid")).status == 503
        gate.touch()
        assert await under_way == b"done"
    assert not is_alive(pid)


async def test_a_stop_while_workers_start_waits_for_nothing() -> None:
    async with asyncio.timeout(20), open_pool():
        await asyncio.sleep(0)


async def test_workers_do_not_heed_the_signals_that_are_meant_for_the_whole_group() -> None:
    async with open_pool(query_workers=1) as pool:
        pid = json.loads(await pool.ask("pid", {}))["pid"]
        assert os.getsid(pid) != os.getsid(0)
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(pid, number)
        assert json.loads(await pool.ask("pid", {}))["pid"] == pid


async def test_an_export_has_a_process_of_its_own_and_only_so_many_run_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(query_workers=1, exports_max=1) as pool, asyncio.TaskGroup() as tasks:
        worker = await pool.ask("pid", {})
        assert await pool.run_alone("pid", {}) != worker
        export = tasks.create_task(pool.run_alone("wait", {"until": str(gate), "name": "file"}))
        await until(lambda: pool.under_way == 1)
        with pytest.raises(ApiProblem) as caught:
            await pool.run_alone("pid", {})
        assert caught.value.status == 503
        gate.touch()
        assert await export == b"file"
        with pytest.raises(ApiProblem, match="wrong"):
            await pool.run_alone("problem", {})
        with pytest.raises(ApiProblem, match="died"):
            await pool.run_alone("die", {})


async def test_an_export_that_is_given_up_ends_its_process(tmp_path: Path) -> None:
    async with open_pool(query_workers=1) as pool, asyncio.TaskGroup() as tasks:
        export = tasks.create_task(pool.run_alone("wait", {"until": "/nowhere", "name": ""}))
        await until(lambda: pool.under_way == 1)
        export.cancel()
        await until(lambda: pool.under_way == 0)
        assert await pool.run_alone("pid", {})


async def test_metrics_of_all_processes_are_shown_and_outlive_them() -> None:
    roster, registry = Roster(), CollectorRegistry()
    registry.register(roster)

    async def value(name: str, **labels: str) -> float:
        return await asyncio.to_thread(registry.get_sample_value, name, labels) or 0.0

    async def until_value(wanted: float, name: str, **labels: str) -> None:
        async with asyncio.timeout(30):
            while await value(name, **labels) != wanted:
                await asyncio.sleep(0.01)

    async with open_pool(roster=roster, query_workers=1) as pool:
        for _ in range(3):
            pid = json.loads(await pool.ask("pid", {}))["pid"]
        await until_value(3, "stand_in_asked_total")
        assert await value("watchbook_worker_up", kind="query") == 1
        assert await value("watchbook_process_resident_bytes", process="query-1") > 1_000_000
        assert await value("watchbook_process_cpu_seconds_total", process="query-1") > 0
        os.kill(pid, signal.SIGKILL)
        await until_value(1, "watchbook_worker_restarts_total", kind="query")
        await pool.ask("pid", {})
        await until_value(4, "stand_in_asked_total")


@pytest.mark.parametrize("busy", ["busy", "idle"])
def test_workers_end_when_their_parent_is_killed(busy: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.collector.processes.lone_parent", busy], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())
    assert len(pids) == 2
    assert all(map(is_alive, pids))
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
