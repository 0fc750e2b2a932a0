"""The waker passes on what watchfiles reports, and ends when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.tail import TailSettings, Waker
from watchbook.units import Seconds

SETTINGS = TailSettings(rescan_interval=Seconds(20.0))


@asynccontextmanager
async def watching(folders: set[str]) -> AsyncIterator[Waker]:
    waker = Waker(SETTINGS, lambda: folders)
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(waker.run())
        try:
            yield waker
        finally:
            watch.cancel()


async def append_until_told(waker: Waker, file: Path) -> None:
    """Append until a hint comes: watching begins a moment after it was asked for."""
    told = asyncio.ensure_future(waker.wait())
    while not told.done():
        with file.open("a") as log:
            log.write("line\n")
        await asyncio.sleep(0.01)
    assert await told


async def test_a_line_wakes_the_reader_and_names_its_file(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    async with watching({str(tmp_path)}) as waker:
        await append_until_told(waker, file)
        assert waker.take_paths() == {str(file)}


async def test_a_new_name_is_told_from_a_line(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    async with watching({str(tmp_path)}) as waker:
        await append_until_told(waker, file)
        waker.names_changed = False
        await asyncio.to_thread(file.rename, tmp_path / "app.log.1")
        async with asyncio.timeout(10):
            while not waker.names_changed:
                await waker.wait()


async def test_a_folder_that_comes_later_is_watched(tmp_path: Path) -> None:
    folders = {str(tmp_path / "later")}
    async with watching(folders) as waker:
        await asyncio.to_thread((tmp_path / "later").mkdir)
        await asyncio.to_thread(waker.folders_may_have_changed)
        async with asyncio.timeout(10):
            await append_until_told(waker, tmp_path / "later" / "app.log")


async def test_it_ends_while_nobody_listens_to_its_hints(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    async with watching({str(tmp_path)}) as waker:
        await append_until_told(waker, file)
        for _ in range(5):  # nobody waits for these
            with file.open("a") as log:
                log.write("line\n")
            await asyncio.sleep(0.01)
    assert waker.take_paths() == {str(file)}
