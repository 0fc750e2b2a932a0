"""The threads that queries run in: a few, with a bounded number of queries waiting for them."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from collector.problem import ApiProblem

ResultT = TypeVar("ResultT")


class QueryThreads:
    """Runs functions in at most ``threads`` threads; refuses more than ``waiting_max`` that wait.

    :meth:`run` belongs to one event loop.
    """

    def __init__(self, threads: int, waiting_max: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="query")
        self._under_way_max = threads + waiting_max
        self.under_way = 0
        #: Set when queries must end: they answer with what they have.
        self.stopping = threading.Event()

    async def run(self, work: Callable[..., ResultT], *arguments: Any) -> ResultT:
        """Run ``work`` in a thread; raises ApiProblem 503 when too many wait already."""
        if self.stopping.is_set() or self.under_way >= self._under_way_max:
            raise ApiProblem(
                503, "busy", "too many queries wait already; try again in a moment", headers={"Retry-After": "1"}
            )
        self.under_way += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self.under_way -= 1
        if not future.cancelled():
            future.exception()  # a client that went away leaves nobody else to look at it

    async def close(self) -> None:
        """End what runs and wait for it: milliseconds.  Called after the server has closed."""
        self.stopping.set()
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
