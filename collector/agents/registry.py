"""The agents in memory.  All methods belong to the event loop's thread; a batch costs two look-ups here.

What is heard goes to the database every ``write_every``, all of it in one commit: a crash costs some seconds of "last
seen", which the next heartbeats bring back.
"""

import asyncio
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from collector.agents.decisions import (
    STATES,
    has_gone_silent,
    is_forgotten,
    names_of,
    state_of,
)
from collector.agents.documents import Document, document_of, summary_of
from collector.agents.records import NAME_CHARS_MAX, Agent, Heartbeat
from collector.agents.reports import returned, silent
from collector.agents.settings import AgentsSettings
from collector.agents.store import AgentStore, Asked
from collector.problem import ApiProblem
from watchbook.clock import SECOND_US, Clock, now_us
from watchbook.daemon import Stop
from watchbook.event import FLAG_MISMATCH, FLAG_UNVERIFIED
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("agents")

#: After a pause of so many rounds the collector itself was away (its host slept): everybody gets their time anew.
_AWAY_ROUNDS: Final = 3
_AWAY_S_MIN: Final = 5.0
#: Streams that an agent's page names: the newest.
_STREAMS_SHOWN: Final = 20

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Stores events of the collector's own, once for each key; returns why it could not, None when it did.
Tell = Callable[[Sequence[Mapping[str, Any]], str], Awaitable[str | None]]


class Sender(Protocol):
    """Whose token a request carries; ``agent`` is the enrolled agent's id."""

    @property
    def token_id(self) -> int:
        """Which token it is."""
        ...

    @property
    def name(self) -> str:
        """The token's name."""
        ...

    @property
    def agent(self) -> str | None:
        """The agent whose own token it is, None for a plain token."""
        ...


class AgentRegistry:
    """Knows every agent.  ``own_stream()`` is the stream that the collector keeps for itself."""

    def __init__(
        self,
        store: AgentStore,
        settings: AgentsSettings,
        *,
        own_stream: Callable[[], str] = str,
        tokens_changed: Callable[[], Awaitable[None]] | None = None,
        clock: Clock = now_us,
    ) -> None:
        self._store = store
        self._settings = settings
        self._own_stream = own_stream
        self._tokens_changed = tokens_changed
        self._clock = clock
        self._agents: dict[str, Agent] = {}
        self._unenrolled = 0
        self._streams: dict[str, str] = {}
        self._names: Mapping[str, frozenset[str]] = {}
        self._dirty: set[str] = set()
        self._untold: list[Mapping[str, Any]] = []
        self._listening_since = clock()
        self._changing = asyncio.Lock()
        self._failures = RepeatedFailure(log.error, "agents_write", clock)
        self._telling = RepeatedFailure(log.error, "agents_told", clock)
        #: Heartbeats and first batches of agents under plain tokens that were not listed: there are too many.
        self.unlisted = 0

    async def load(self) -> None:
        """Read what is known from the database."""
        agents, self._streams = await asyncio.to_thread(self._store.load)
        self._agents = {agent.id: agent for agent in agents}
        self._unenrolled = sum(agent.enrolled is None for agent in agents)
        self._names = names_of(self._agents.values())
        self._listening_since = self._clock()

    # What comes in -----------------------------------------------------------------------------------------------

    async def admit(self, sender: Sender, stream: str, claimed: str | None) -> None:
        """Let a batch of a stream in, and note that its agent was heard of; raises ApiProblem 403 and 409."""
        self.check_agent(sender)
        if sender.agent is None or self._streams.get(stream) != sender.agent:
            await self._take_stream(sender, stream)
        agent = self._agent_of(sender, claimed)
        if agent is not None:
            self._heard(agent)

    def mark_of(self, sender: Sender) -> tuple[str | None, frozenset[str]]:
        """Return how events of this sender are marked, and which claims of ``origin.agent`` they may carry unmarked.

        Without a flag nothing is marked, whatever it claims.
        """
        if sender.agent is not None:
            return FLAG_MISMATCH, self._names.get(sender.agent, frozenset())
        return (FLAG_UNVERIFIED if self._settings.unenrolled == "flag" else None), frozenset()

    def heartbeat(self, sender: Sender, heartbeat: Heartbeat) -> Agent | None:
        """Take a heartbeat in; return whose it is, None when it is not listed.  Raises ApiProblem 403."""
        self.check_agent(sender)
        agent = self._agent_of(sender, heartbeat.name)
        if agent is not None:
            agent.heartbeat, agent.heartbeat_at = heartbeat, self._clock()
            agent.host, agent.version = heartbeat.host or agent.host, heartbeat.version or agent.version
            self._heard(agent)
        return agent

    def check_agent(self, sender: Sender) -> None:
        """Let somebody in who sends as an agent; raises ApiProblem 403."""
        if sender.agent is None and self._settings.unenrolled == "refuse":
            detail = (
                f"agents must be enrolled here ('agents.unenrolled: refuse'), {sender.name!r} is a plain token; "
                "enrol this agent: 'watchbook collector enrolment create'"
            )
            raise ApiProblem(403, "agent-unenrolled", detail)

    async def _take_stream(self, sender: Sender, stream: str) -> None:
        """Make a stream the sender's, or refuse; a revoked owner's stream goes to whoever has its spool now."""
        if stream == self._own_stream():
            raise ApiProblem(409, "stream-owner", f"the stream {stream} is the collector's own; begin a new one")
        if sender.agent is None:
            self._refuse_anothers(stream)
            return
        async with self._changing:  # of two that come at once, one is the first
            if self._streams.get(stream) != sender.agent:
                self._refuse_anothers(stream)
                await _written(self._store.bind, stream, sender.agent)
                self._streams[stream] = sender.agent

    def _refuse_anothers(self, stream: str) -> None:
        other = self._agents.get(self._streams.get(stream, ""))
        if other is not None and other.revoked is None:
            detail = f"the stream {stream} belongs to the agent {other.name!r} ({other.id}), which used it first"
            raise ApiProblem(409, "stream-owner", f"{detail}; begin a new one")

    def _agent_of(self, sender: Sender, claimed: str | None) -> Agent | None:
        if sender.agent is not None:
            return self._agents.get(sender.agent)
        if claimed is None:
            return None
        digest = hashlib.sha256(f"{sender.token_id}\0{claimed}".encode(errors="replace"))
        identifier = f"x{digest.hexdigest()[:15]}"
        agent = self._agents.get(identifier)
        if agent is None:
            if self._unenrolled >= self._settings.unenrolled_max:
                self.unlisted += 1
                return None
            self._unenrolled += 1
            agent = self._agents[identifier] = Agent(identifier, claimed[:NAME_CHARS_MAX], token=sender.name)
        return agent

    def _heard(self, agent: Agent) -> None:
        now = self._clock()
        if agent.silent_since is not None and agent.revoked is None:
            self._untold.append(returned(now, agent, agent.silent_since, agent.last_seen))
            log.info("agent_returned", agent=agent.name, id=agent.id)
            agent.silent_since = None
        agent.last_seen = now
        self._dirty.add(agent.id)

    # What people ask and change ----------------------------------------------------------------------------------

    def states(self) -> Mapping[str, int]:
        """Return how many agents are in each state."""
        found = Counter(state_of(agent, self._settings) for agent in self._agents.values())
        return {state: found[state] for state in STATES}

    def listed(self, state: str | None = None) -> list[Document]:
        """Return all agents by name, or those in one state; may be called in any thread."""
        now = self._clock()
        found = list(self._agents.values())  # in one step: the loop goes on meanwhile
        found.sort(key=lambda agent: (agent.name.casefold(), agent.id))
        documents = [summary_of(agent, now, self._settings) for agent in found]
        return [document for document in documents if state in (None, document["state"])]

    def get(self, agent_id: str) -> Document:
        """Return all that is known of an agent; raises ApiProblem 404."""
        agent = self._found(agent_id)
        streams = [stream for stream, owner in self._streams.items() if owner == agent.id]
        return document_of(agent, streams[-_STREAMS_SHOWN:], self._clock(), self._settings)

    async def enrol(self, asked: Asked) -> tuple[Agent, str]:
        """Let an agent in: return it and its own token.  Raises ApiProblem 401, 403, 409 and 422."""
        async with self._changing:
            agent, token, replaced = await _written(self._store.enrol, asked, self._was_heard_of)
            if replaced is not None and replaced.id in self._agents:
                self._agents[replaced.id].revoked = agent.enrolled
            self._agents[agent.id] = agent
            await self._changed()
        log.info("agent_enrolled", agent=agent.name, id=agent.id, host=agent.host)
        return agent, token

    async def rename(self, agent_id: str, name: str, caller: str) -> Document:
        """Give an agent another name; raises ApiProblem 404, 409 and 422."""
        async with self._changing:
            agent = self._enrolled(agent_id, "rename")
            if agent.name != name:
                renamed = await _written(self._store.rename, replace(agent), name, caller)
                agent.name, agent.former = renamed.name, renamed.former
                await self._changed()
        return self.get(agent_id)

    async def revoke(self, agent_id: str, caller: str) -> None:
        """End an agent: its token is refused from now on.  Raises ApiProblem 404 and 409."""
        async with self._changing:
            agent = self._enrolled(agent_id, "revoke")
            agent.revoked = await _written(self._store.revoke, replace(agent), caller)
            agent.silent_since = None
            await self._changed()
        log.info("agent_revoked", agent=agent.name, id=agent.id, by=caller)

    async def _changed(self) -> None:
        self._names = names_of(self._agents.values())
        if self._tokens_changed is not None:
            await self._tokens_changed()

    def _was_heard_of(self, agent_id: str) -> bool:
        agent = self._agents.get(agent_id)
        return agent is None or agent.last_seen is not None

    def _found(self, agent_id: str) -> Agent:
        agent = self._agents.get(agent_id)
        if agent is None:
            raise ApiProblem(404, "not-found", f"there is no agent with the id {agent_id[:80]!r}")
        return agent

    def _enrolled(self, agent_id: str, what: str) -> Agent:
        agent = self._found(agent_id)
        if agent.enrolled is None:
            detail = (
                f"the agent {agent.name!r} was not enrolled, so there is nothing to {what}: it sends under the plain "
                f"token {agent.token!r}, which 'watchbook collector token revoke' ends"
            )
            raise ApiProblem(409, "agent-unenrolled", detail)
        if agent.revoked is not None:
            raise ApiProblem(409, "agent-revoked", f"the agent {agent.name!r} ({agent.id}) was revoked already")
        return agent

    # The clock ---------------------------------------------------------------------------------------------------

    async def run(self, stop: Stop, tell: Tell) -> None:
        """Write down what was heard, look for who went silent, and store what is to be told, until the stop."""
        round_s = min(float(self._settings.write_every), float(self._settings.silent_after))
        last = self._clock()
        while not await stop.wait(round_s):
            now = self._clock()
            if not 0 <= now - last <= max(_AWAY_ROUNDS * round_s, _AWAY_S_MIN) * SECOND_US:
                log.warning("agents_unwatched", reason="this process or its clock stood still", next_step="none")
                self._listening_since = now
            last = now
            self.look_for_silence(now)
            if await self.write():
                await self._tell_waiting(tell)
        if await self.write():
            await self._tell_waiting(tell)

    def look_for_silence(self, now: int) -> None:
        """Find who has gone silent since the last look."""
        for agent in self._agents.values():
            if has_gone_silent(agent, now, self._listening_since, self._settings):
                self._untold.append(silent(now, agent))
                agent.silent_since = now
                self._dirty.add(agent.id)
                log.warning("agent_silent", agent=agent.name, id=agent.id)

    async def write(self) -> bool:
        """Write down what was heard and what is to be told; return whether it is written."""
        now = self._clock()
        gone = [agent.id for agent in self._agents.values() if is_forgotten(agent, now, self._settings)]
        for identifier in gone:
            del self._agents[identifier]
            self._unenrolled -= 1
        dirty, self._dirty = self._dirty, set()
        untold, self._untold = self._untold, []
        if not (dirty or gone or untold):
            return True
        agents = [replace(self._agents[each]) for each in dirty if each in self._agents]
        try:
            await asyncio.to_thread(self._store.write, agents, gone, untold)
        except sqlite3.Error as error:
            self._dirty |= dirty
            self._untold = [*untold, *self._untold]
            self._failures.failed(str(error), next_step="free space for state.db; it is written then")
            return False
        self._failures.succeeded()
        return True

    async def _tell_waiting(self, tell: Tell) -> None:
        try:
            while waiting := await asyncio.to_thread(self._store.waiting):
                for each in waiting:
                    failure = await tell([each.event], each.key)
                    if failure is not None:
                        self._telling.failed(failure, next_step="it is stored once the store can write")
                        return
                await asyncio.to_thread(self._store.stored, waiting)
        except sqlite3.Error as error:
            self._telling.failed(str(error))
        else:
            self._telling.succeeded()


async def _written(call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs) -> _T:
    """Return what a change of the database returns; raises ApiProblem 503 while it cannot be written."""
    try:
        return await asyncio.to_thread(call, *arguments, **keywords)
    except sqlite3.Error as error:
        detail = f"the registry cannot be written: {error}; free space or repair the disk, then try again"
        raise ApiProblem(503, "registry-unavailable", detail, headers={"Retry-After": "5"}) from error
