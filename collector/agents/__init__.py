"""The registry of agents: who was let in, who was heard of and when, and whether an event came from whom it says.

- ``enrolments``: one-time tokens with which an agent is let in; ``cli`` has the words for them.
- ``store`` keeps agents, their streams and what is to be told of them in ``state.db``; ``migrations`` are the tables.
- ``registry`` has the agents in memory: what every batch and heartbeat is held against, and who went silent.
- ``door``: ``POST /v1/enroll`` and ``POST /v1/heartbeat``; ``attempts`` slows down who guesses.
- ``records``, ``decisions``, ``documents`` and ``reports``: what is known of an agent, what follows from it, how the
  API and the collector's own events show it.  Pure.

Invariants: an event about an agent is written in the transaction of what it tells, and told once; a collector that was
away itself calls nobody silent before they had their full time; nothing on the way of a batch waits for the database,
except the first batch of a stream.
"""

from collector.agents.cli import enrolment_commands
from collector.agents.door import AgentDoor
from collector.agents.enrolments import EnrolmentStore, TokenMaker
from collector.agents.migrations import MIGRATIONS
from collector.agents.registry import AgentRegistry
from collector.agents.settings import AgentsSettings
from collector.agents.store import AgentStore, AgentTokens

__all__ = [
    "MIGRATIONS",
    "AgentDoor",
    "AgentRegistry",
    "AgentStore",
    "AgentTokens",
    "AgentsSettings",
    "EnrolmentStore",
    "TokenMaker",
    "enrolment_commands",
]
