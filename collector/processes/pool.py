"""The query workers as one thing that answers questions: implements :class:`collector.block.Answerer`."""

import asyncio
from collections.abc import Mapping
from typing import Final

from collector.processes.alone import ask_alone
from collector.processes.child import Recipe
from collector.processes.line import Job, Line, LineFullError
from collector.processes.replies import busy
from collector.processes.roster import Roster
from collector.processes.seat import OnDamaged, Seat
from collector.processes.supervisor import Supervisor

#: A question whose worker died is asked of another one; when that dies too, it is no accident.
_ATTEMPTS: Final = 2
_PATIENT: Final = frozenset({"export_page"})
KIND: Final = "query"


class QueryPool:
    """A few workers, a bounded line of questions before them, and processes of their own for exports to a file.

    ``deadline_s`` is when a question should end by itself; ``on_damaged`` is told of segments whose index is damaged.
    """

    def __init__(self, recipe: Recipe, roster: Roster, *, deadline_s: float, on_damaged: OnDamaged) -> None:
        self._recipe = recipe
        limits = recipe.limits
        self._busy_max_s = deadline_s + limits.grace
        self._roster = roster
        self._on_damaged = on_damaged
        self._line = Line(limits.waiting_max, limits.waiting_time, max(1, limits.query_workers - 1))
        self._closed = False
        self._alone: set[asyncio.Task[object] | None] = set()
        self._seats = [self._seat() for _ in range(limits.query_workers)]
        self.places = [
            Supervisor(f"{KIND}-{number}", KIND, recipe, roster, seat.attend)
            for number, seat in enumerate(self._seats, 1)
        ]
        for place in self.places:
            roster.add_place(place)
        self._refused = dict.fromkeys(("busy", "late", "died"), 0)
        self.given_up = 0

    def _seat(self) -> Seat:
        return Seat(self._line, on_death=self._ask_again, on_late=self._refuse_late, on_damaged=self._on_damaged)

    @property
    def waiting(self) -> int:
        """How many questions wait for a worker."""
        return len(self._line)

    @property
    def under_way(self) -> int:
        """How many questions are being answered."""
        return sum(seat.job is not None for seat in self._seats) + len(self._alone)

    @property
    def refused(self) -> Mapping[str, int]:
        """How many questions got 503 since the start, by reason."""
        return {**self._refused, "waited": self._line.waited_in_vain}

    def not_ready(self) -> str | None:
        """Return why no question can be answered, None when one can."""
        if any(place.is_ready for place in self.places):
            return None
        reason = next((place.failing for place in self.places if place.failing), "they are being started")
        return f"no query worker is up: {reason}"

    async def run(self) -> None:
        """Keep the workers running until :meth:`close` was called and they have ended."""
        async with asyncio.TaskGroup() as tasks:
            for place in self.places:
                tasks.create_task(place.run())

    def close(self) -> None:
        """Take no more questions; those under way are answered, those that wait are refused."""
        self._closed = True
        self._line.close()
        for place in self.places:
            place.stop()

    async def ask(self, question: str, parameters: Mapping[str, object]) -> bytes:
        """Return the answer of a worker; raises ApiProblem: what is wrong with the question, or 503.

        Cancelled, it takes the question out of the line, or lets the worker end it early.
        """
        patient = question in _PATIENT
        limit_s = self._recipe.limits.page_time if patient else self._busy_max_s
        job = Job(question, parameters, patient, limit_s, asyncio.get_running_loop().create_future())
        try:
            self._line.put(job)
        except LineFullError as error:
            self._refused["busy"] += 1
            raise busy("the collector is stopping" if self._closed else f"{self.waiting} queries wait") from error
        try:
            return await job.answer
        except asyncio.CancelledError:
            self.given_up += 1
            if not self._line.discard(job):
                await self._let_go(job)
            raise

    async def run_alone(self, question: str, parameters: Mapping[str, object]) -> bytes:
        """Return the answer of a process made for this one question; raises ApiProblem.

        For what takes minutes and memory.  Cancelled, the process is killed.
        """
        if self._closed or len(self._alone) >= self._recipe.limits.exports_max:
            self._refused["busy"] += 1
            raise busy(f"{len(self._alone)} exports and back-tests are being made already")
        task = asyncio.current_task()
        self._alone.add(task)
        try:
            return await ask_alone(KIND, self._recipe, self._roster, question, parameters)
        finally:
            self._alone.discard(task)

    def _ask_again(self, job: Job) -> None:
        """Put a question whose worker died to another one, unless it was asked often enough."""
        if not job.answer.done() and job.attempts < _ATTEMPTS and not self._closed:
            self._line.put_back(job)
            return
        self._line.done(job)
        self._refused["died"] += 1
        job.refuse(busy("the query's worker died, twice: narrow it, and look into the collector's log"))

    def _refuse_late(self, job: Job) -> None:
        self._line.done(job)
        self._refused["late"] += 1
        job.refuse(busy(f"the query did not end within {job.limit_s:g} s: narrow it"))

    async def _let_go(self, job: Job) -> None:
        for seat in self._seats:
            if seat.job is job:
                await seat.let_go()
