"""The index process: told, heard, asked for; killed and started again; its last wish at the stop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from collector.processes import Frame, IndexProcess, ProcessSettings, Recipe, Roster
from tests.collector.processes.test_pool import STAND_IN, until
from watchbook.units import Seconds


class Main:
    """What the main process does for the other."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bytes]] = []
        self.error: str | None = None

    async def serve(self, frame: Frame) -> dict[str, Any]:
        """Take note, and refuse when the test says so."""
        self.asked.append((frame.head["sequence"], frame.body))
        return {"error": self.error, "said": "done"}


@asynccontextmanager
async def open_index(main: Main) -> AsyncIterator[IndexProcess]:
    recipe = Recipe(b"", ProcessSettings(restart_first=Seconds(0.01)), STAND_IN)
    index = IndexProcess(recipe, Roster(), main.serve)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(index.run())
        try:
            yield index
        finally:
            index.close()


async def test_it_is_told_of_news_and_tells_how_far_it_is() -> None:
    async with open_index(main := Main()) as index:
        assert "not up" in (index.not_ready() or "")
        assert index.behind_events(25) == 25
        await until(lambda: bool(index.progress))
        assert index.not_ready() is None
        assert index.behind_events(25) == 3 + 15
        for _ in range(1000):
            index.tell()
        index.tell("word", word="hello")
        await until(lambda: "hello" in index.progress["heard"])
        assert index.progress["heard"].count("news") < 10
    assert main.asked == [(8, b"last")]


async def test_what_it_asks_for_is_done_or_refused() -> None:
    async with open_index(main := Main()) as index:
        index.tell("word", word="append")
        await until(lambda: index.progress.get("heard") == ["done"])
        main.error = "the disk is full"
        index.tell("word", word="append")
        await until(lambda: index.progress["heard"] == ["done", "refused: the disk is full"])
        main.error = None
    assert main.asked == [(7, b"data"), (7, b"data"), (8, b"last")]


async def test_it_is_started_again_when_it_dies_and_nobody_is_troubled() -> None:
    async with open_index(Main()) as index:
        await until(lambda: bool(index.progress))
        pid = index.progress["pid"]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: index.progress["pid"] != pid)
        index.tell("word", word="die")
        await until(lambda: index.place.restarts == 2)
        await until(lambda: index.not_ready() is None)
