"""``watchbook agent check``: everything that can be found wrong before the agent is started."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from agent.config import AgentSettings
from agent.listen import try_addresses
from agent.listen.checks import check_hooks_listener, check_received
from agent.ship import Connection, ShipSettings, make_session
from agent.status import listening_now
from agent.tail.listing import expand
from watchbook.clock import now_us


class Finding(NamedTuple):
    """One thing looked at.  ``wrong``: the agent could not do its work as it is."""

    wrong: bool
    text: str


def check_host(settings: AgentSettings, *, offline: bool = False) -> Iterator[Finding]:
    """Yield what is right and wrong with the files, the state folder and, unless ``offline``, the collectors."""
    for each in settings.inputs:
        yield from _check_files(each.name, each.files)
        yield from (Finding(*found) for found in check_received(each.name, each.received))
    received = [each.received for each in settings.inputs]
    yield from (Finding(*found) for found in check_hooks_listener(settings.hooks, received))
    yield from _check_syslog(settings)
    yield _check_state(settings)
    yield from _check_token_files(settings) if offline else _check_collectors(settings)


def _check_files(name: str, patterns: tuple[str, ...]) -> Iterator[Finding]:
    for pattern in patterns:
        paths = expand([pattern])
        if not paths:
            yield Finding(False, f"input {name}: nothing matches {pattern} yet; it will be read when it appears")
        for path in paths:
            if os.access(path, os.R_OK):
                yield Finding(False, f"input {name}: {path} is readable")
            else:
                yield Finding(True, f"input {name}: {path} is not readable; add the agent's user to the file's group")


def _check_syslog(settings: AgentSettings) -> Iterator[Finding]:
    listening = listening_now(settings.state, now_us())
    with ExitStack() as stack:
        for each in settings.inputs:
            if each.syslog is not None:
                for wrong, text in try_addresses(each.syslog, listening, stack):
                    yield Finding(wrong, f"input {each.name}: {text}")


def _check_state(settings: AgentSettings) -> Finding:
    folder = settings.state
    while not folder.exists():
        folder = folder.parent
    if os.access(folder, os.W_OK):
        return Finding(False, f"state: {settings.state} is writable")
    return Finding(True, f"state: {folder} is not writable; give it to the agent's user")


def _check_token_files(settings: AgentSettings) -> Iterator[Finding]:
    ship = settings.collector
    for path in ship.token_files or (ship.token_file,):
        if path is not None and not os.access(path, os.R_OK):
            yield Finding(True, f"collector: the token file {path} cannot be read by the agent's user")
            return
    yield Finding(False, f"collector: there is a token for {', '.join(ship.addresses)}; nobody was asked")


def _check_collectors(settings: AgentSettings) -> Iterator[Finding]:
    """Ask every collector the way batches go, and look at the certificates."""
    yield from asyncio.run(_ask_collectors(settings.collector))


async def _ask_collectors(settings: ShipSettings) -> list[Finding]:
    async with make_session() as session:
        connection = Connection(settings, session, now_us)
        await connection.follow_files()
        places = range(len(connection.addresses))
        probes = await asyncio.gather(*map(connection.probe, places))
        found = [
            Finding(not probe.usable, f"collector: {url}{' ' if probe.usable else ': '}{probe.text}")
            for url, probe in zip(connection.addresses, probes, strict=True)
        ]
        return [*found, *(Finding(True, f"collector: {problem}") for problem in connection.problems())]
