"""A worker's seat: gives the child that sits there one question after the other, and its answers to the askers."""

import asyncio
from collections.abc import Callable
from itertools import count

from collector.problem import ApiProblem
from collector.processes.child import Child, ChildGoneError
from collector.processes.frames import Frame, FrameError
from collector.processes.line import Job, Line
from collector.processes.replies import question_head, result_of

#: What became of a question that its child did not answer.
OnDeath = Callable[[Job], None]
OnDamaged = Callable[[list[str]], None]


class Seat:
    """``on_death`` decides what becomes of a question whose child died, ``on_late`` of one that does not end."""

    def __init__(self, line: Line, *, on_death: OnDeath, on_late: OnDeath, on_damaged: OnDamaged) -> None:
        self._line = line
        self._on_death = on_death
        self._on_late = on_late
        self._on_damaged = on_damaged
        self._numbers = count(1)
        self._number = 0
        self._child: Child | None = None
        self._reply: asyncio.Future[Frame] | None = None
        self.job: Job | None = None

    async def attend(self, child: Child) -> None:
        """Ask the child until the line is closed; raises ChildGoneError when it died, or is to be killed."""
        self._child = child
        try:
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(self._ask_all(child))
                hearing = tasks.create_task(self._hear(child))
                await asyncio.wait((asking, hearing), return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                elif self.job is None:
                    asking.cancel()
        finally:
            self._child = None
        ended = asking.result() if not asking.cancelled() else hearing.result()
        if ended is not None:
            raise ended

    async def let_go(self) -> None:
        """Tell the child that nobody waits for its answer any more."""
        if self._child is not None and self._reply is not None and not self._reply.done():
            try:
                await self._child.send({"kind": "cancel", "id": self._number})
            except ChildGoneError:
                return  # it will be noticed

    async def _ask_all(self, child: Child) -> ChildGoneError | None:
        while (job := await self._line.take()) is not None:
            self.job = job
            try:
                await self._ask(child, job)
            except ChildGoneError as error:
                return error
            finally:
                self.job = None
        return None

    async def _ask(self, child: Child, job: Job) -> None:
        self._number = next(self._numbers)
        self._reply = reply = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(job.limit_s):
                await child.send(question_head(self._number, job.question, job.parameters))
                result = result_of(await reply)
        except FrameError as error:
            result = ApiProblem(413, "query", f"the query is too large: {error}")
        except TimeoutError as error:
            self._on_late(job)
            raise ChildGoneError(f"it was busy with {job.question!r} for more than {job.limit_s:g} s") from error
        except ChildGoneError:
            self._on_death(job)
            raise
        self._line.done(job)
        if isinstance(result, ApiProblem):
            job.refuse(result)
        elif not job.answer.done():
            job.answer.set_result(result)

    async def _hear(self, child: Child) -> ChildGoneError:
        """Take what the child says, to its end."""
        try:
            while True:
                frame = await child.receive()
                if damaged := frame.head.get("damaged"):
                    self._on_damaged(damaged)
                if self._reply is not None and not self._reply.done() and frame.head.get("id") == self._number:
                    self._reply.set_result(frame)
        except ChildGoneError as error:
            if self._reply is not None and not self._reply.done():
                self._reply.set_exception(error)
            return error
