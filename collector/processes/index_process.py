"""The index process as the main process sees it: told that there is something new, heard about how far it is."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from collector.processes.child import Child, ChildGoneError, Recipe
from collector.processes.frames import Frame
from collector.processes.roster import Roster
from collector.processes.supervisor import Supervisor

KIND: Final = "index"
#: News of commits is told at most this often.
_NEWS_EVERY_S: Final = 0.01

#: Does what the index process asks of the main one; what it returns is sent back under the same ``id``.
Serve = Callable[[Frame], Awaitable[dict[str, Any]]]


class IndexProcess:
    """One child that indexes, seals and removes.

    ``serve`` is asked for every frame of the kind ``request``; a frame of the kind ``progress`` becomes ``progress``.
    """

    def __init__(self, recipe: Recipe, roster: Roster, serve: Serve) -> None:
        self._serve = serve
        self._stop_s = recipe.limits.stop_time
        self._behind_max = recipe.limits.index_behind_max
        self._waiting_s = recipe.limits.index_waiting_time
        self._moved = asyncio.Event()
        #: How many requests of senders waited for the index.
        self.waited = 0
        self._news = asyncio.Event()
        self._words: dict[str, dict[str, Any]] = {}
        self.place = Supervisor(KIND, KIND, recipe, roster, self._attend)
        roster.add_place(self.place)
        #: What it said last: ``behind_rows`` of the events up to ``last_number`` are not indexed …
        self.progress: dict[str, Any] = {}

    def tell(self, kind: str = "news", **words: Any) -> None:
        """Say something soon; what was not said yet of the same kind is replaced.  Call it on the event loop."""
        self._words[kind] = words
        self._news.set()

    def not_ready(self) -> str | None:
        """Return why nothing is indexed, None when it is."""
        if self.place.is_ready:
            return None
        return f"the index process is not up: {self.place.failing or 'it is being started'}"

    def behind_events(self, last_number: int) -> int:
        """Return how many of the events up to ``last_number`` are not indexed, as far as it is known."""
        known = self.progress
        if not known:
            return last_number
        return int(known["behind_rows"]) + max(0, last_number - int(known["last_number"]))

    async def room(self, last_number: Callable[[], int]) -> None:
        """Wait while too many of the events up to ``last_number`` are not indexed, but not for long."""
        if not self.place.is_ready or self.behind_events(last_number()) <= self._behind_max:
            return
        self.waited += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(self._waiting_s):
                while self.behind_events(last_number()) > self._behind_max:
                    await self._moved.wait()

    async def run(self) -> None:
        """Keep the process running until :meth:`close` was called and it has ended."""
        await self.place.run()

    def close(self) -> None:
        """Ask it to end at the next good moment."""
        self.place.stop()
        self._news.set()

    async def _attend(self, child: Child) -> None:
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell_all(child))
            hearing = tasks.create_task(self._hear(child))
            await asyncio.wait((telling, hearing), return_when=asyncio.FIRST_COMPLETED)
            telling.cancel()
            if self.place.is_stopping:  # what it asks for while it ends is still done
                with suppress(ChildGoneError):
                    await child.send({"kind": "stop"})
                await asyncio.wait((hearing,), timeout=self._stop_s)
            hearing.cancel()
        if not self.place.is_stopping:
            raise ChildGoneError("it ended" if hearing.cancelled() else str(hearing.result()))

    async def _tell_all(self, child: Child) -> None:
        while not self.place.is_stopping:
            await self._news.wait()
            self._news.clear()
            words, self._words = self._words, {}
            try:
                for kind, keys in words.items():
                    await child.send({"kind": kind, **keys})
            except ChildGoneError:
                return
            await asyncio.sleep(_NEWS_EVERY_S)

    async def _hear(self, child: Child) -> ChildGoneError:
        """Take what it says, to its end."""
        try:
            while True:
                frame = await child.receive()
                if frame.kind == "progress":
                    self.progress = {**self.progress, **frame.head["progress"]}
                    self._moved.set()  # whoever waits looks again
                    self._moved.clear()
                elif frame.kind == "request":
                    answer = await self._serve(frame)
                    await child.send({"kind": "reply", "id": frame.head["id"], **answer})
        except ChildGoneError as error:
            return error
