"""A command whose output is an input: it runs all the time, or every so often."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from agent.listen.child import Child, Spec
from agent.listen.child_settings import CommandSettings
from agent.listen.inlet import Arrival, Inlet
from agent.listen.lines import Lines
from agent.records import Chunk
from watchbook.clock import Clock, now_us
from watchbook.logs import RepeatedFailure, get_logger
from watchbook.units import Seconds

log = get_logger("command")
_SHOWN: Final = 500


class Command:
    """The listener of one command."""

    def __init__(
        self, name: str, settings: CommandSettings, inlet: Inlet, mark: bytes | None, clock: Clock = now_us
    ) -> None:
        del mark  # a command begins anew
        self._name = name
        self._settings = settings
        self._inlet = inlet
        self._failure = RepeatedFailure(log.warning, "command", clock)
        self._stopping = asyncio.Event()
        spec = Spec(
            settings.argv, settings.max_line_bytes, settings.stop_timeout, settings.cwd, settings.env, settings.user
        )
        self._child = Child(spec, self._take, self._take if settings.stderr == "lines" else self._hear)
        self._state: dict[str, Any] = {"starts": 0}

    @property
    def state(self) -> Mapping[str, Any]:
        """See :class:`agent.listen.listener.Listener`: ``pid``, ``starts``, ``exit_code``, ``last_stderr``."""
        return {**self._state, "pid": self._child.pid}

    async def run(self) -> None:
        """Start it again and again, until the stop."""
        loop = asyncio.get_running_loop()
        wait = self._settings.restart
        while not self._stopping.is_set():
            began = loop.time()
            await self._once()
            took = loop.time() - began
            if self._settings.every is not None:
                await self._wait(max(0.0, self._settings.every - took))
                continue
            if took >= self._settings.restart_max:
                wait = self._settings.restart
            if not self._stopping.is_set():
                log.info("command_ended", input=self._name, exit_code=self._state.get("exit_code"), restart_s=wait)
            await self._wait(wait)
            wait = Seconds(min(wait * 2, self._settings.restart_max))

    def stop(self) -> None:
        """End it."""
        self._stopping.set()

    async def _once(self) -> None:
        """Run it to its end, and note how that went."""
        self._state["starts"] += 1
        self._inlet.counters[self._name, "starts"] += 1
        if self._settings.every is None:
            self._state.pop("error", None)
        try:
            code, timed_out = await self._child.run(self._stopping, self._settings.timeout)
        except (OSError, LookupError) as error:
            self._note(f"{self._settings.argv[0]} cannot be started: {_reason(error)}")
            return
        self._state["exit_code"] = code
        if timed_out:
            self._inlet.counters[self._name, "timeouts"] += 1
            self._note(f"it was ended after 'timeout', {self._settings.timeout:g} s")
        elif code and not self._stopping.is_set():
            said = self._state.get("last_stderr")
            self._note(f"it ended with exit code {code}{f': {said}' if said else ''}")
        else:
            self._state.pop("error", None)
            self._failure.succeeded(input=self._name)

    def _note(self, reason: str) -> None:
        self._inlet.counters[self._name, "failures"] += 1
        self._state["error"] = reason
        self._failure.failed(reason, input=self._name)

    async def _take(self, lines: Lines) -> None:
        chunk = Chunk(self._name, self._settings.argv[0], lines.lines, [None] * len(lines.lines), lines.truncated)
        await self._inlet.put(Arrival(chunk))

    async def _hear(self, lines: Lines) -> None:
        said = [line for line in lines.lines if line.strip()]
        if said:
            self._state["last_stderr"] = said[-1][:_SHOWN].decode(errors="replace")
            log.debug("command_said", input=self._name, lines=len(said), last=self._state["last_stderr"])

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _reason(error: OSError | LookupError) -> str:
    if isinstance(error, LookupError):
        return str(error)
    place = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{place}"
