"""Keeps a child of one kind running: starts it, starts it again when it dies, and ends it at the stop."""

import asyncio
from collections.abc import Awaitable, Callable

from collector.processes.child import Child, ChildGoneError, Recipe
from collector.processes.roster import Roster
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("processes")
_NEXT_STEP = "look at what it logged before; killed by signal 9 without a word is often the kernel out of memory"

#: What is done with a child that is ready, until it is of no use (ChildGoneError) or nothing is left to do.
Attend = Callable[[Child], Awaitable[None]]


class Supervisor:
    """One place for a child.  ``name`` is what metrics and the log call it."""

    def __init__(self, name: str, kind: str, recipe: Recipe, roster: Roster, attend: Attend) -> None:
        self.name = name
        self.kind = kind
        self.restarts = 0
        self.child: Child | None = None
        self.is_ready = False
        self._recipe = recipe
        self._limits = recipe.limits
        self._roster = roster
        self._attend = attend
        self._stopping = asyncio.Event()
        self._pause_s = float(recipe.limits.restart_first)
        self._failure = RepeatedFailure(log.error, f"{kind}_process")

    @property
    def is_stopping(self) -> bool:
        """Whether the stop was asked for."""
        return self._stopping.is_set()

    @property
    def failing(self) -> str | None:
        """Why the last child died; None when the one there is has been well for a while."""
        return self._failure.last_error

    def stop(self) -> None:
        """Start no other child; one that is not ready yet ends, else the attendant returns when its work is done."""
        self._stopping.set()
        if self.child is not None and not self.is_ready:
            self.child.hang_up()

    async def run(self) -> None:
        """Keep a child running until the stop."""
        while not self._stopping.is_set():
            reason = await self._run_child()
            if self._stopping.is_set():
                return
            self.restarts += 1
            self._failure.failed(
                reason, process=self.name, restarts=self.restarts, backoff_s=self._pause_s, next_step=_NEXT_STEP
            )
            try:
                async with asyncio.timeout(self._pause_s):
                    await self._stopping.wait()
            except TimeoutError:
                self._pause_s = min(self._pause_s * 2, self._limits.restart_max)

    async def _run_child(self) -> str:
        """Run one child to its end; return how it ended."""
        try:
            self.child = child = await Child.start(self.kind, self._recipe)
        except OSError as error:
            return f"it cannot be started: {error}"
        steady = asyncio.get_running_loop().call_later(self._limits.steady_time, self._is_steady)
        try:
            with self._roster.listed(self.name, child):
                await self._await_ready(child)
                await self._attend(child)
                await child.end(self._limits.stop_time)
        except ChildGoneError as error:
            return f"{error} ({await child.end(0)})"
        finally:
            steady.cancel()
            child.kill()
            self.child, self.is_ready = None, False
        return "it was no longer needed"

    async def _await_ready(self, child: Child) -> None:
        if self._stopping.is_set():
            child.hang_up()
        try:
            async with asyncio.timeout(self._limits.start_time):
                await child.receive_ready()
        except TimeoutError as error:
            limit = f"{self._limits.start_time:g} s ('processes.start_time')"
            raise ChildGoneError(f"it was not ready within {limit}") from error
        self.is_ready = True

    def _is_steady(self) -> None:
        self._pause_s = float(self._recipe.limits.restart_first)
        self._failure.succeeded(process=self.name)
