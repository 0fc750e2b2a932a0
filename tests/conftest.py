"""What holds for every test: our own code never blocks the event loop, and no verdict depends on the machine's speed.

Blockbuster raises when ``agent``, ``collector`` or ``watchbook`` calls something that blocks (sqlite3, ``time.sleep``,
``os.stat`` …) while a loop runs in that thread.  The same call in a worker thread (``asyncio.to_thread``, a writer
thread) is free, and so is what a test itself or a library calls without one of our frames below it.
"""

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

#: (call, end of the file's path, functions) that may block: what runs once, before anything is served, and the word to
#: systemd, which takes it at once or is given a second (without its READY=1 a service would be ended).
MAY_BLOCK: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("socket.socket.connect", "watchbook/daemon.py", frozenset({"notify_systemd"})),
    ("socket.socket.sendall", "watchbook/daemon.py", frozenset({"notify_systemd"})),
)


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Turn a blocking call of our own code in an event loop into an error."""
    guard = BlockBuster(scanned_modules=["agent", "collector", "watchbook"])
    for call, path, functions in MAY_BLOCK:
        guard.functions[call].can_block_in(path, functions)
    guard.activate()
    try:
        yield guard
    finally:
        guard.deactivate()
