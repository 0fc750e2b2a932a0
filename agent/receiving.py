"""The listeners that run: they go on while the agent is built anew, as long as what is asked of them stays the same."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from agent.config import AgentSettings
from agent.listen import HookSettings, Inlet, Listener, make_listener
from watchbook.logs import get_logger

log = get_logger("agent")
_FINISH_S = 0.02
#: The name that the status gives the server of all hooks.
_HOOKS = "hooks.listen"


class _Running(NamedTuple):
    name: str
    source: Any
    listener: Listener
    task: asyncio.Task[None]


class Receiving:
    """Starts and stops the listeners of inputs whose lines are received; ``tasks`` is the group they run in."""

    def __init__(self, inlet: Inlet, tasks: asyncio.TaskGroup) -> None:
        self._inlet = inlet
        self._tasks = tasks
        self._running: dict[str, _Running] = {}

    def states(self) -> dict[str, Mapping[str, Any]]:
        """Return what people should know of each listener, by input."""
        return {name: dict(each.listener.state) for name, each in self._running.items()}

    def add(self, name: str, listener: Listener) -> None:
        """Start a listener that is no input's; it runs until all are stopped."""
        self._running[name] = _Running(name, None, listener, self._tasks.create_task(listener.run()))

    def start(self, settings: AgentSettings, marks: Mapping[str, bytes]) -> None:
        """Start those that do not run yet; ``marks`` say where they go on."""
        for name, source in _sources(settings).items():
            if name not in self._running:
                listener = self._hook_server(settings) if name == _HOOKS else self._make(name, source, marks)
                self._running[name] = _Running(name, source, listener, self._tasks.create_task(listener.run()))

    def _make(self, name: str, source: Any, marks: Mapping[str, bytes]) -> Listener:
        return make_listener(name, source, self._inlet, marks.get(name))

    def _hook_server(self, settings: AgentSettings) -> Listener:
        from agent.listen.hook import Hook
        from agent.listen.hook_server import HookServer  # brings aiohttp's server

        hooks = [each.listener for each in self._running.values() if isinstance(each.listener, Hook)]
        return HookServer(settings.hooks, hooks)

    async def stop(
        self, following: AgentSettings | None, finish: Callable[[], Awaitable[None]], seconds: float = math.inf
    ) -> None:
        """Stop all that the ``following`` settings ask for no longer, or differently; all without such settings.

        They accept nothing new, and ``finish`` commits what is still on its way in: whoever sent it may wait for that.
        One that has not ended within ``seconds`` is cut off.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        kept = {} if following is None else _sources(following)
        ending = [name for name, each in self._running.items() if name not in kept or kept[name] != each.source]
        ended = [self._running.pop(name) for name in ending]
        for each in ended:
            each.listener.stop()
        waiting = {each.task for each in ended}
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=_FINISH_S)
            await finish()
            if waiting and asyncio.get_running_loop().time() > deadline:
                self._cut_off(ended, seconds)
                deadline = math.inf
        await finish()

    def _cut_off(self, ending: Sequence[_Running], seconds: float) -> None:
        for each in ending:
            if not each.task.done():
                log.error("listener_cut_off", input=each.name, after_s=seconds, next_step="raise 'drain_timeout'")
                each.task.cancel()


def _sources(settings: AgentSettings) -> dict[str, Any]:
    """Return what is asked of each listener: by input, and of the one that serves all hooks, which must come last."""
    sources = {each.name: each.received for each in settings.inputs if each.received is not None}
    hooks = {name: source for name, source in sources.items() if isinstance(source, HookSettings)}
    return sources | {_HOOKS: (settings.hooks, hooks)} if hooks else sources
