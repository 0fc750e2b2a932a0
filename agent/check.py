"""``watchbook agent check``: everything that can be found wrong before the agent is started."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

from agent.config import AgentSettings
from agent.listen.checks import check_hooks_listener, check_received
from agent.tail.listing import expand


class Finding(NamedTuple):
    """One thing looked at.  ``wrong``: the agent could not do its work as it is."""

    wrong: bool
    text: str


def check_host(settings: AgentSettings) -> Iterator[Finding]:
    """Yield what is right and wrong with the files, the state folder and the collector."""
    for each in settings.inputs:
        yield from _check_files(each.name, each.files)
        yield from (Finding(*found) for found in check_received(each.name, each.received))
    received = [each.received for each in settings.inputs]
    yield from (Finding(*found) for found in check_hooks_listener(settings.hooks, received))
    yield _check_state(settings)
    yield _check_collector(settings)


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


def _check_state(settings: AgentSettings) -> Finding:
    folder = settings.state
    while not folder.exists():
        folder = folder.parent
    if os.access(folder, os.W_OK):
        return Finding(False, f"state: {settings.state} is writable")
    return Finding(True, f"state: {folder} is not writable; give it to the agent's user")


def _check_collector(settings: AgentSettings) -> Finding:
    """A batch request without a batch: a collector that knows the token answers 400, one that does not 401."""
    ship = settings.collector
    token = ship.token
    if ship.token_file is not None:
        try:
            token = ship.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            return Finding(True, f"collector: the token file {ship.token_file} cannot be read: {error.strerror}")
    request = urllib.request.Request(  # noqa: S310  # the configuration allows only http and https
        f"{ship.url.rstrip('/')}/v1/batches", data=b"", headers={"Authorization": f"Bearer {token}"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=ship.connect_timeout) as answer:  # noqa: S310
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        return Finding(True, f"collector: {ship.url} does not answer: {error}")
    if status in (401, 403):
        return Finding(True, f"collector: {ship.url} refuses the token ({status}); it needs the scope 'ingest'")
    if status in (400, 415):
        return Finding(False, f"collector: {ship.url} answers and takes the token")
    return Finding(True, f"collector: {ship.url} answers {status}; is it a Watchbook collector?")
