"""What the agent says of itself: ``watchbook agent status --json``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from watchbook.demo.programs import ProgramError, run_command


class AgentView(NamedTuple):
    """Lines that the agent has read and spooled, by input, and how many of all of them wait to be sent."""

    read: Mapping[str, int]
    unsent: int

    @property
    def read_in_all(self) -> int:
        """How many lines were read."""
        return sum(self.read.values())

    @property
    def delivered_in_all(self) -> int:
        """How many of them the collector has taken."""
        return self.read_in_all - self.unsent

    def delivered(self, name: str) -> int | None:
        """Return how many lines of an input the collector has taken; None while some of all wait to be sent."""
        return None if self.unsent else self.read.get(name)


async def ask_agent(config: Path) -> AgentView:
    """Return the agent's status; raises ProgramError when it says nothing that can be read."""
    # The exit code tells whether all is well, for instance that the agent runs; what it knows is there in any case.
    code, out, err = await run_command("agent", "status", "--config", str(config), "--json")
    try:
        return view_of(json.loads(out))
    except (ValueError, KeyError, TypeError) as error:
        raise ProgramError(f"'watchbook agent status' exited with {code} and printed no status:\n{out}{err}") from error


def view_of(report: Mapping[str, Any]) -> AgentView:
    """Return the numbers of one report."""
    counters: Mapping[str, Mapping[str, int]] = report["counters"]
    return AgentView(
        read={name: counts.get("lines", 0) for name, counts in counters.items()},
        unsent=report["spool"]["events"],
    )
