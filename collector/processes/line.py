"""The waiting line of questions: first come, first served, and people before exports.

An export asks for page after page.  Its pages wait while a person's question does, but not for ever: after a few
questions that went ahead the longest waiting page has its turn.  Pages never take the last free worker.  Nobody waits
longer than the line's patience.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from collector.processes.replies import busy

#: How many questions may go ahead of a page that waits.
AHEAD_MAX: Final = 8


@dataclass(eq=False)
class Job:
    """A question that is to be answered; ``answer`` is what its asker waits for.  ``patient``: a page of an export.

    ``limit_s`` is how long a worker may be busy with it.
    """

    question: str
    parameters: Mapping[str, object]
    patient: bool
    limit_s: float
    answer: "asyncio.Future[bytes]"
    attempts: int = 0
    timer: asyncio.TimerHandle | None = None

    def refuse(self, error: Exception) -> None:
        """Answer with an error, unless the asker is gone."""
        if not self.answer.done():
            self.answer.set_exception(error)


class LineFullError(Exception):
    """As many questions wait as may, or none are taken any more."""


class Line:
    """Belongs to one event loop.  ``patient_at_once`` is how many pages may be under way at the same time."""

    def __init__(self, waiting_max: int, patience_s: float, patient_at_once: int) -> None:
        self._waiting_max = waiting_max
        self._patience_s = patience_s
        self._patient_at_once = patient_at_once
        self._patient_under_way = 0
        self._ahead = 0
        self._closed = False
        self._prompt: deque[Job] = deque()
        self._patient: deque[Job] = deque()
        self._changed = asyncio.Event()
        self.waited_in_vain = 0

    def __len__(self) -> int:
        return len(self._prompt) + len(self._patient)

    def put(self, job: Job) -> None:
        """Put a job at the end; raises LineFullError."""
        if self._closed or len(self) >= self._waiting_max:
            raise LineFullError
        self._queue(job).append(job)
        self._begin_wait(job)

    def put_back(self, job: Job) -> None:
        """Put a job that was taken, and whose worker died, at the front."""
        self.done(job)
        self._queue(job).appendleft(job)
        self._begin_wait(job)

    def discard(self, job: Job) -> bool:
        """Take a job out of the line; return whether it was still in it."""
        queue = self._queue(job)
        if job not in queue:
            return False
        queue.remove(job)
        self._end_wait(job)
        return True

    def done(self, job: Job) -> None:
        """Note that a job that was taken is over."""
        if job.patient:
            self._patient_under_way -= 1
            self._changed.set()

    def close(self) -> None:
        """Refuse what waits, and take no more: :meth:`take` returns None."""
        self._closed = True
        for job in [*self._prompt, *self._patient]:
            self.discard(job)
            job.refuse(busy("the collector is stopping"))
        self._changed.set()

    async def take(self) -> Job | None:
        """Wait for the job whose turn it is and take it; None once the line is closed.  Cancelled, it took none."""
        while (job := self._next()) is None:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        self._end_wait(job)
        job.attempts += 1
        return job

    def _next(self) -> Job | None:
        patient = bool(self._patient) and self._patient_under_way < self._patient_at_once
        if self._prompt and not (patient and self._ahead >= AHEAD_MAX):
            self._ahead = self._ahead + 1 if patient else 0
            return self._prompt.popleft()
        if not patient:
            return None
        self._ahead = 0
        self._patient_under_way += 1
        return self._patient.popleft()

    def _queue(self, job: Job) -> deque[Job]:
        return self._patient if job.patient else self._prompt

    def _begin_wait(self, job: Job) -> None:
        job.timer = asyncio.get_running_loop().call_later(self._patience_s, self._give_up, job)
        self._changed.set()

    def _end_wait(self, job: Job) -> None:
        if job.timer is not None:
            job.timer.cancel()

    def _give_up(self, job: Job) -> None:
        if self.discard(job):
            self.waited_in_vain += 1
            job.refuse(busy(f"no query worker was free within {self._patience_s:g} s"))
