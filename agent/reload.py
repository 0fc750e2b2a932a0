"""Reading the configuration again while the agent runs: a good one is handed on, a bad one changes nothing."""

import asyncio
from pathlib import Path
from typing import Any

from agent.config import AgentSettings
from agent.routes import Plan, load_plan
from watchbook.clock import Clock, format_rfc3339
from watchbook.configfile import ConfigError, load
from watchbook.daemon import Stop, notify_ready, notify_reloading
from watchbook.logs import get_logger

log = get_logger("agent")


class Reloads:
    """Reads the file at ``path`` again at every SIGHUP.

    ``last`` is how the last time went, for ``status``; ``news`` is set when that has changed.
    """

    def __init__(self, path: Path | None, stop: Stop, clock: Clock) -> None:
        self._path = path
        self._stop = stop
        self._clock = clock
        self.news = asyncio.Event()
        self.last: dict[str, Any] | None = None
        self.succeeded = 0
        self.failed = 0

    async def next_plan(self, running: AgentSettings) -> tuple[Plan, int]:
        """Wait for a configuration that can take the place of the running one; return it, and when it was asked for."""
        while True:
            await self._stop.hangup.wait()
            self._stop.hangup.clear()
            if self._path is None or self._stop.asked.is_set():
                continue
            asked = self._clock()
            # systemd waits for the READY=1 that every reload ends with, also one that failed.
            notify_reloading()
            try:
                return await asyncio.to_thread(_read, self._path, running), asked
            except ConfigError as error:
                self._refuse(error, asked)

    def _refuse(self, error: ConfigError, asked: int) -> None:
        problems = [str(problem) for problem in error.problems]
        for problem in problems:
            log.error("reload_problem", problem=problem)
        log.error(
            "reload_failed",
            problems=len(problems),
            file=str(self._path),
            next_step="the agent goes on with the configuration it has; mend the file and reload again",
        )
        self.failed += 1
        self.last = {"ok": False, "time": format_rfc3339(asked), "problems": problems}
        self.news.set()
        notify_ready()

    def took_effect(self, before: AgentSettings, after: AgentSettings, asked: int) -> None:
        """Note that the agent runs with what was read."""
        old, new = ({each.name: each for each in settings.inputs} for settings in (before, after))
        log.info(
            "agent_reloaded",
            added=sorted(new.keys() - old.keys()),
            removed=sorted(old.keys() - new.keys()),
            changed=sorted(name for name in old.keys() & new.keys() if old[name] != new[name]),
        )
        self.succeeded += 1
        self.last = {"ok": True, "time": format_rfc3339(asked), "problems": []}
        notify_ready()


def _read(path: Path, running: AgentSettings) -> Plan:
    """Read the file; raises ConfigError, also for what only a restart can change."""
    plan = load_plan(path)
    if plan.settings.state != running.state:
        raise (
            load(path)
            .mapping()["state"]
            .error(f"expected {str(running.state)!r}, with which the agent runs; another folder needs a restart")
        )
    return plan
