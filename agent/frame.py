"""What stays while the agent is built anew for another configuration."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from agent.config import AgentSettings
from agent.health import FileHealth
from agent.listen import Inlet
from agent.metrics import MetricsServer
from agent.receiving import Receiving
from agent.reload import Reloads
from agent.ship import ShipState
from agent.spool import Salvaged, Spool
from agent.tail import Tailer
from watchbook.clock import Clock
from watchbook.daemon import Stop

Status = Callable[[], dict[str, Any]]


@dataclass
class Frame:
    """The spool, what is being received, and what has been counted.

    ``began``: when the process began to run (RFC 3339); ``since_us``: when the patterns of the configuration count as
    started; ``salvaged``: what became of a damaged spool, until it has been told.
    """

    worker: ThreadPoolExecutor
    spool: Spool
    inlet: Inlet
    receiving: Receiving
    reloads: Reloads
    stop: Stop
    clock: Clock
    began: str
    since_us: int
    tasks: asyncio.TaskGroup
    settings: AgentSettings
    salvaged: Salvaged | None = None
    status: Status = dict
    health: FileHealth = field(default_factory=FileHealth)
    tailer: Tailer | None = None
    metrics: MetricsServer | None = None
    serving: asyncio.Task[None] | None = None
    shipped: ShipState = field(default_factory=ShipState)
    redacted: dict[str, Counter[str]] = field(default_factory=dict)

    async def serve_metrics(self, settings: AgentSettings, status: Status, make: Callable[[], MetricsServer]) -> None:
        """Answer with what ``status`` says from now on; a port that is asked for as before stays open."""
        if self.metrics is None or settings.metrics != self.settings.metrics:
            await self.end_metrics()
            self.metrics = make()
            self.serving = self.tasks.create_task(self.metrics.run())
        self.settings, self.status = settings, status

    async def end_metrics(self) -> None:
        """Close the port."""
        if self.serving is not None:
            self.serving.cancel()
            await asyncio.wait([self.serving])

    def close_files(self) -> None:
        """Close the log files."""
        if self.tailer is not None:
            self.tailer.close()
