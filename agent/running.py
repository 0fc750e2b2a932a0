"""``watchbook agent run``, from the configuration it has read to its exit code."""

import pickle
import sqlite3
import sys
from collections.abc import Awaitable
from pathlib import Path

from agent.app import run_agent
from agent.config import AgentSettings
from agent.profile import ProfileFolder
from agent.spool import FolderInUseError, FolderUnusableError, SpoolDamagedError
from watchbook.configfile import EX_CONFIG, ConfigError
from watchbook.daemon import Stop, run_daemon
from watchbook.database import EX_DATA, NewerDatabaseError
from watchbook.logs import configure_logs

Loaded = tuple[AgentSettings, ProfileFolder]


def go_on(given: bytes) -> int:
    """Run with what ``watchbook agent run`` handed over, a pickle of the file's path and what it says."""
    path, loaded = pickle.loads(given)  # noqa: S301 - of this very process
    try:
        return run(path, [loaded])
    except ConfigError as error:
        print(error.report(), file=sys.stderr)  # noqa: T201 - as the command line would
        return EX_CONFIG


def run(path: Path, loaded: list[Loaded]) -> int:
    """Run the agent until it is asked to stop; return its exit code.  Raises ConfigError when profiles do not fit.

    ``loaded`` is emptied: it holds more than the agent goes on to need.
    """
    settings = loaded[0][0]
    configure_logs(settings.log_level)

    def start(stop: Stop) -> Awaitable[None]:
        return run_agent(*loaded.pop(), stop, path=path)

    try:
        return run_daemon(start, settings.drain_timeout, heeds_hangup=True)
    except (NewerDatabaseError, FolderInUseError, FolderUnusableError, SpoolDamagedError, sqlite3.Error) as error:
        text = f"watchbook agent: the spool in {settings.state} cannot be used: {error}"
        print(text, file=sys.stderr)  # noqa: T201 - as the command line would
        return EX_DATA
