"""``watchbook agent check``: everything that can be found wrong before the agent is started."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack

from agent.config import AgentSettings
from agent.filecheck import check_files, matched_files
from agent.finding import Finding
from agent.hostcheck import check_clock, check_limits, check_metrics, check_state, check_user
from agent.listen.checks import check_hooks_listener, check_received
from agent.listen.syslog.trial import try_addresses
from agent.ship import Connection, Session
from agent.status import listening_now
from watchbook.clock import Clock, now_us


def check_host(settings: AgentSettings, clock: Clock = now_us, *, offline: bool = False) -> Iterator[Finding]:
    """Yield what is right and wrong with the files, the state folder, the limits and what is received; and, unless
    ``offline``, with the collectors and the clock."""
    yield from check_user()
    yield from check_files(settings)
    yield from _check_received(settings)
    yield from check_state(settings)
    yield from check_limits(settings, matched_files(settings))
    yield from check_metrics(settings)
    if offline:
        yield from _check_token_files(settings)
        return
    yield from asyncio.run(_ask_collectors(settings, clock))


def _check_received(settings: AgentSettings) -> Iterator[Finding]:
    for each in settings.inputs:
        yield from (Finding(*found) for found in check_received(each.name, each.received))
    received = [each.received for each in settings.inputs]
    yield from (Finding(*found) for found in check_hooks_listener(settings.hooks, received))
    listening = listening_now(settings.state, now_us())
    with ExitStack() as stack:
        for each in settings.inputs:
            if each.syslog is not None:
                for wrong, text in try_addresses(each.syslog, listening, stack):
                    yield Finding(wrong, f"input {each.name}: {text}")


def _check_token_files(settings: AgentSettings) -> Iterator[Finding]:
    ship = settings.collector
    for path in ship.token_files or (ship.token_file,):
        if path is not None and not os.access(path, os.R_OK):
            yield Finding(True, f"collector: the token file {path} cannot be read by the agent's user")
            return
    yield Finding(False, f"collector: there is a token for {', '.join(ship.addresses)}, which was not asked")


async def _ask_collectors(settings: AgentSettings, clock: Clock) -> list[Finding]:
    """Ask every collector the way batches go; look at the certificates, and compare the clock with the first's."""
    async with Session() as session:
        connection = Connection(settings.collector, session, clock)
        await connection.follow_files()
        places = range(len(connection.addresses))
        probes = await asyncio.gather(*map(connection.probe, places))
        found = [
            Finding(not probe.usable, f"collector: {url}{' ' if probe.usable else ': '}{probe.text}")
            for url, probe in zip(connection.addresses, probes, strict=True)
        ]
        found += [Finding(True, f"collector: {problem}") for problem in connection.problems()]
        date = next((probe.date for probe in probes if probe.date is not None), None)
        return found if date is None else [*found, *check_clock(date, settings.clock_skew_max, clock)]
