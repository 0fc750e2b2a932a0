"""Tells systemd that the program goes on, as long as every part of it does (``WatchdogSec=`` of the unit).

The word goes out from the event loop, so a loop that hangs says nothing.  Everything else that can hang is a *part*: it
says for how long it has been at one step of its work.  A part that waits for work, or for its next try, is at no step;
one that is at the same step for longer than the unit's time is stuck, and then nothing is said until it goes on.
systemd ends and restarts a program that it has not heard of for that time: at the latest twice the time after it hung.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Final

from watchbook.daemon import notify_systemd
from watchbook.logs import get_logger

log = get_logger("watchdog")
_STATUS_S: Final = 10.0

#: Returns for how many seconds a part has been at one step; 0 when it is at none.
Part = Callable[[], float]


class Steps:
    """How far a part has come: ``begin`` before each step, ``rest`` before it waits for work; from any thread."""

    def __init__(self) -> None:
        self._since: float | None = None

    def begin(self) -> None:
        """Note that a step begins, and that the one before is done."""
        self._since = time.monotonic()

    def rest(self) -> None:
        """Note that there is nothing to do just now."""
        self._since = None

    def busy_s(self) -> float:
        """Return for how many seconds the step has gone on, 0 when there is none."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since


class Answers:
    """Whether an executor of one thread still takes work: it is asked each time, once it has answered the last time."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._asked: tuple[float, Future[None]] | None = None

    def busy_s(self) -> float:
        """Return for how many seconds the oldest question has waited for its answer."""
        if self._asked is None or self._asked[1].done():
            self._asked = (time.monotonic(), self._executor.submit(_answer))
        return time.monotonic() - self._asked[0]


def _answer() -> None:
    """Do nothing, in the executor."""


def watchdog_s() -> float | None:
    """Return within how many seconds systemd wants to hear of this process, None when it does not.

    As sd_watchdog_enabled(3) says: the variables may be those of another process that handed on its environment.
    """
    asked, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not (asked.isascii() and asked.isdecimal() and int(asked)) or pid not in (None, str(os.getpid())):
        return None
    return int(asked) / 1e6


async def run_watchdog(parts: Mapping[str, Part], status: Callable[[], str]) -> None:
    """Tell systemd until cancelled that all ``parts`` (by name) go on, and ``status``, a line for ``systemctl status``.

    Returns at once when nobody asked for it.
    """
    if not os.environ.get("NOTIFY_SOCKET"):
        return
    limit_s = watchdog_s()
    watchdog = _Watchdog(parts, status, limit_s)
    while True:
        watchdog.look()
        await asyncio.sleep(_STATUS_S if limit_s is None else min(limit_s / 2, _STATUS_S))


class _Watchdog:
    def __init__(self, parts: Mapping[str, Part], status: Callable[[], str], limit_s: float | None) -> None:
        self._parts = parts
        self._status = status
        self._limit_s = limit_s
        self._said = ""
        self._is_silent = False

    def look(self) -> None:
        """Look at every part once, and tell systemd what is to be told."""
        states = []
        stuck = {} if self._limit_s is None else self._stuck(self._limit_s)
        if self._limit_s is not None and not stuck:
            states.append("WATCHDOG=1")
        self._log(stuck)
        text = " ".join(self._status().split())
        if stuck:
            text = f"stuck: {', '.join(stuck)}; {text}"
        if text != self._said:
            states.append(f"STATUS={text}")
            self._said = text
        if states:
            notify_systemd("\n".join(states))

    def _stuck(self, limit_s: float) -> dict[str, float]:
        times = {name: busy_s() for name, busy_s in self._parts.items()}
        return {name: round(seconds, 1) for name, seconds in times.items() if seconds > limit_s}

    def _log(self, stuck: Mapping[str, float]) -> None:
        if stuck and not self._is_silent:
            log.error(
                "watchdog_silent",
                stuck_s=stuck,
                limit_s=self._limit_s,
                next_step="systemd restarts the program; look for a disk or a network folder that does not answer",
            )
        elif self._is_silent and not stuck:
            log.info("watchdog_resumed")
        self._is_silent = bool(stuck)
