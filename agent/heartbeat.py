"""The heartbeat: how the agent tells the collector that it lives, and how it is.

``POST /v1/heartbeat``, JSON: name, host, version, stream, started, interval_s, sending, paused, stopping, backlog
``{batches, events, bytes, oldest_age_s}``, lag ``{bytes, worst_bytes, worst_file}``, counters ``{input: {name:
total}}`` and problems (texts).  Ages are counted here, for the clocks of two hosts differ.
"""

import asyncio
import json
import random
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

PATH: Final = "/v1/heartbeat"
#: Below what a collector takes unless it is told otherwise.
_BYTES_MAX: Final = 60 << 10
_PROBLEMS_MAX: Final = 20
_PROBLEM_CHARS_MAX: Final = 500
#: Inputs whose counters are sent; a host has a few, and the collector takes no document without end.
_INPUTS_MAX: Final = 100
#: What a report says of an agent that does not write its status, which the one that asks surely does.
_NOT_RUNNING: Final = "the agent is not running"

Describe = Callable[[], Mapping[str, Any]]
Tell = Callable[[str, bytes], Awaitable[str | None]]


@dataclass
class HeartbeatState:
    """How heartbeats go, for people; ``last_error`` is why the last one failed."""

    sent: int = 0
    failed: int = 0
    last_error: str | None = None


class Heartbeat:
    """Sends what ``describe()`` returns, which may block.  ``tell(path, body)`` returns why it failed.

    A heartbeat that fails is counted and no more: it is not tried again, and shipping says what is wrong.
    """

    def __init__(self, interval_s: float, describe: Describe, tell: Tell) -> None:
        self._interval_s = interval_s
        self._describe = describe
        self._tell = tell
        self.state = HeartbeatState()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._send(stopping=False)
            await asyncio.sleep(self._interval_s * random.uniform(0.9, 1.1))  # noqa: S311 - jitter, not a secret

    async def say_goodbye(self, seconds: float) -> None:
        """Say that the agent is being stopped, if that takes no longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._send(stopping=True)
        except TimeoutError:
            self.state.failed += 1

    async def _send(self, *, stopping: bool) -> None:
        document = {**await asyncio.to_thread(self._describe), "interval_s": self._interval_s, "stopping": stopping}
        failure = await self._tell(PATH, _encoded(document))
        self.state.last_error = failure
        if failure is None:
            self.state.sent += 1
        else:
            self.state.failed += 1


def _encoded(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON that the collector takes: without what is long when it is too large."""
    for left_out in ((), ("counters",), ("counters", "problems")):
        kept = {name: value for name, value in document.items() if name not in left_out}
        # A path may hold bytes that are no UTF-8, which Python shows as surrogates and JSON cannot.
        data = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        if len(data) <= _BYTES_MAX:
            break
    return data


def describe_agent(status: Mapping[str, Any], host: str, started: str, read: Callable[[], Mapping[str, Any]]) -> Any:
    """Return the document of an agent whose status is ``status``; ``read()`` gives the report of ``agent status``."""
    said = {
        "name": status["name"],
        "host": host,
        "version": status["version"],
        "started": started,
        "sending": status["ship"]["state"],
        "paused": status["paused"],
    }
    try:
        report = read()
    except (sqlite3.Error, msgspec.MsgspecError, OSError) as error:
        return {**said, "problems": [_cut(f"the spool cannot be read: {error}")]}
    spool = report.get("spool", {})
    backlog = {name: spool[name] for name in ("batches", "events", "bytes", "oldest_age_s") if name in spool}
    if backlog.get("oldest_age_s") is not None:
        backlog["oldest_age_s"] = max(0.0, backlog["oldest_age_s"])
    return {
        **said,
        "stream": spool.get("stream"),
        "backlog": backlog,
        "lag": _lag(report.get("files", ())),
        "counters": dict(list(report.get("counters", {}).items())[:_INPUTS_MAX]),
        "problems": _problems(report.get("problems", ())),
    }


def _lag(files: Any) -> dict[str, Any]:
    worst = max(files, key=lambda file: file["lag_bytes"], default=None)
    if worst is None or not worst["lag_bytes"]:
        return {}
    return {
        "bytes": sum(file["lag_bytes"] for file in files),
        "worst_bytes": worst["lag_bytes"],
        "worst_file": worst["path"][:4096],
    }


def _problems(problems: Any) -> list[str]:
    found = [_cut(str(problem)) for problem in problems if problem != _NOT_RUNNING]
    if len(found) > _PROBLEMS_MAX:
        found = [*found[: _PROBLEMS_MAX - 1], f"and {len(found) - _PROBLEMS_MAX + 1} more"]
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _PROBLEM_CHARS_MAX else f"{text[: _PROBLEM_CHARS_MAX - 1]}…"
