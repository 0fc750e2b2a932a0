"""What the shipper does to the spool: every change is made in the worker, and tried until the disk takes it."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from agent.ship import Journal
from agent.spool import Backlog, Salvaged, Spool, SpoolError
from watchbook.clock import Clock
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("journal")
_BATCH_BYTES_MAX: Final = 256 << 20
_RETRY_S: Final = 1.0
ResultT = TypeVar("ResultT")


def make_journal(
    spool: Spool, backlog: Backlog, worker: Executor, add_event: Callable[[Mapping[str, Any]], None], clock: Clock
) -> Journal:
    """Return the shipper's view of the spool; ``add_event`` takes events of the agent's own."""
    loop = asyncio.get_running_loop()
    failure = RepeatedFailure(log.error, "spool_change", clock)

    async def written(change: Callable[[], ResultT]) -> ResultT:
        while True:
            try:
                result = await loop.run_in_executor(worker, change)
            except SpoolError as error:
                failure.failed(str(error), next_step="free space in 'state'; sending waits, nothing is lost meanwhile")
                await asyncio.sleep(_RETRY_S)
            else:
                failure.succeeded()
                return result

    async def reject(sequence: int, indexes: tuple[int, ...] | None, reason: str) -> int:
        rejection = await written(lambda: spool.reject(sequence, indexes, reason, _BATCH_BYTES_MAX))
        backlog.forget_memory()
        if rejection is None:
            return 0
        if rejection.moved is not None:
            backlog.add([rejection.moved])
        return rejection.aside

    async def renew(reason: str) -> None:
        backlog.restart(await written(lambda: spool.renew_stream(backlog.acknowledged)))
        add_event(
            {
                "action": "update",
                "event_type": "agent.stream_renewed",
                "resource.type": "stream",
                "resource.id": spool.stream,
                "outcome": "success",
                "reason": reason,
                "message": f"the collector's stream and this agent's did not fit ({reason}); a new stream was begun",
            }
        )

    async def change(url: str) -> None:
        await written(lambda: spool.change_collector(url, backlog.acknowledged))

    def elsewhere(stream: str, first: int, last: int) -> None:
        add_event(
            {
                "action": "update",
                "event_type": "agent.batches_elsewhere",
                "resource.type": "stream",
                "resource.id": stream,
                "outcome": "success",
                "measures": {"batches": last - first + 1},
                "message": f"batches {first} to {last} of this stream went to another collector, or this one lost them",
            }
        )

    return Journal(backlog.next, backlog.acknowledge, reject, renew, change, elsewhere)


def salvage_event(salvaged: Salvaged) -> dict[str, Any]:
    """Return the event that says what became of a damaged spool."""
    return {
        "action": "restore",
        "event_type": "agent.spool_damaged",
        "resource.type": "spool",
        "resource.id": str(salvaged.folder),
        "outcome": "failure" if salvaged.batches_lost else "success",
        "measures": {"batches": salvaged.batches, "batches_lost": salvaged.batches_lost},
        "message": f"the spool was damaged and set aside in {salvaged.folder}; of the unsent batches "
        f"{salvaged.batches} were taken over and {salvaged.batches_lost} could not be read",
    }
