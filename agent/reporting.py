"""What the running agent says of itself: to the status file, to Prometheus and to health checks."""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from agent.config import AgentSettings
from agent.frame import Frame, Status
from agent.heartbeat import HeartbeatState
from agent.metrics import MetricsServer, MetricsSettings, render
from agent.pump import Pump
from agent.redact import NoRedactor, SecretRedactor
from agent.ship import Shipper
from agent.spool import SpoolError
from agent.status import read_status, write_status
from watchbook import __version__
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("agent")


def status_of(
    settings: AgentSettings,
    pump: Pump,
    shipper: Shipper,
    heartbeat: HeartbeatState,
    redactors: Mapping[str, SecretRedactor | NoRedactor],
    hide: Callable[[Any], Any],
    frame: Frame,
) -> dict[str, Any]:
    """Return how the agent is now, as JSON; ``hide`` takes secrets out of what commands and senders said."""
    now, tailer, errors = frame.clock(), frame.tailer, {}
    if tailer is not None:
        errors = dict(tailer.errors)
        behind = [track for track in list(tailer.tracks.values()) if track.size > track.offset and track.is_read]
        frame.health.note(behind, errors, now)
    return {
        "version": __version__,
        "pid": os.getpid(),
        "time": now,
        "name": settings.name,
        "url": shipper.url,
        "ship": shipper.report(),
        "heartbeat": asdict(heartbeat),
        "paused": pump.paused,
        "profiles": pump.choices(),
        "errors": errors,
        "redacted": dict(sum((redactor.counts for redactor in redactors.values()), Counter())),
        "redacted_by_input": {name: dict(redactor.counts) for name, redactor in redactors.items()},
        "reload": frame.reloads.last,
        "reloads": {"succeeded": frame.reloads.succeeded, "failed": frame.reloads.failed},
        "listeners": hide(frame.receiving.states()),
        "metrics_error": frame.metrics and frame.metrics.error,
        **frame.health.report(now),
    }


def metrics_server(settings: MetricsSettings, frame: Frame) -> MetricsServer:
    """Return what answers Prometheus and health checks, with what ``watchbook agent status`` would show now."""

    def report() -> Awaitable[dict[str, Any]]:
        return asyncio.to_thread(read_status, frame.settings.state, frame.clock(), frame.status())

    async def exposition() -> str:
        from agent.exposition import families_of

        families = families_of(
            await report(), files_max=settings.files_max, spool_bytes_max=frame.settings.spool.bytes_max
        )
        return await asyncio.to_thread(lambda: render(families))

    async def problems() -> Sequence[str]:
        try:
            return list((await report())["problems"])
        except SpoolError as error:
            return [f"the spool cannot be read: {error}"]

    return MetricsServer(settings, exposition, problems, frame.clock)


async def keep_status(settings: AgentSettings, status: Status, news: asyncio.Event) -> None:
    """Write the status at its interval and when there is news, until cancelled."""
    failure = RepeatedFailure(log.warning, "status_write")
    while True:
        news.clear()
        try:
            await asyncio.to_thread(write_status, settings.state, status())
            failure.succeeded()
        except OSError as error:
            failure.failed(str(error))
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.status_interval):
                await news.wait()
