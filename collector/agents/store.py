"""Agents in ``state.db``.  Everything here blocks; the event loop uses ``AgentRegistry``."""

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from collector.agents import reports
from collector.agents.decisions import check_enrolment, name_for
from collector.agents.enrolments import find_enrolment
from collector.agents.outbox import (
    Waiting,
    drop_reports,
    note_reports,
    reading,
    waiting_reports,
    writing,
)
from collector.agents.records import Agent, Heartbeat, check_name
from collector.problem import ApiProblem
from watchbook.clock import Clock, format_rfc3339, now_us

_COLUMNS: Final = tuple(field.name for field in fields(Agent))
_INSERT: Final = f"INSERT INTO agent ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
#: What is heard of an agent; who it is, is changed by nothing but enrolling, renaming and revoking.
_HEARD: Final = ("host", "version", "last_seen", "heartbeat_at", "heartbeat", "silent_since")
_NOTE: Final = f"{_INSERT} ON CONFLICT (id) DO UPDATE SET {', '.join(f'{each} = excluded.{each}' for each in _HEARD)}"
_heartbeats: Final = msgspec.json.Decoder(Heartbeat)


class AgentTokens(NamedTuple):
    """What the registry needs of the tokens: all of it in the transaction that is under way.

    ``digest(text)`` is what is stored of a one-time token; ``issue(connection, agent, now)`` returns a fresh token
    of an agent; ``withdraw(connection, agent, now)`` ends those that it has.
    """

    digest: Callable[[str], bytes]
    issue: Callable[[sqlite3.Connection, str, int], str]
    withdraw: Callable[[sqlite3.Connection, str, int], None]


class Asked(NamedTuple):
    """What somebody who wants to be enrolled says; ``address`` is where it came from."""

    token: str
    name: str | None
    host: str
    version: str
    address: str | None


class AgentStore:
    """The tables of agents, whose migrations have been applied.  Safe to use from any thread."""

    def __init__(self, path: Path, compatibility: int, tokens: AgentTokens, clock: Clock = now_us) -> None:
        self._path = path
        self._compatibility = compatibility
        self._tokens = tokens
        self._clock = clock

    def load(self) -> tuple[list[Agent], dict[str, str]]:
        """Return all agents, and which of them each stream belongs to."""
        with reading(self._path, self._compatibility) as connection:
            agents = [_agent(row) for row in connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM agent")]
            return agents, dict(connection.execute("SELECT stream, agent FROM agent_stream"))

    def enrol(self, asked: Asked, was_heard_of: Callable[[str], bool]) -> tuple[Agent, str, Agent | None]:
        """Use a one-time token up: return the agent, its own token, and the agent that it takes the place of.

        Another agent of that name is in the way, unless nothing was ever heard of it: then an answer was lost on its
        way to a host, which is being enrolled anew.  Raises ApiProblem 401, 403, 409 and 422; then the token is as it
        was.
        """
        with writing(self._path, self._compatibility) as connection:
            now = self._clock()
            enrolment = check_enrolment(find_enrolment(connection, self._tokens.digest(asked.token)), now)
            name = check_name(name_for(enrolment, asked.name, asked.host))
            other = _of_name(connection, name)
            if other is not None:
                if was_heard_of(other.id):
                    raise _taken(other, "revoke that one first, or give this one another name")
                self._end(connection, other, now, reports.replaced(now, other))
            agent = Agent(
                secrets.token_hex(8), name, host=asked.host, version=asked.version, enrolled=now, enrolment=enrolment.id
            )
            connection.execute(_INSERT, _row(agent))
            token = self._tokens.issue(connection, agent.id, now)
            connection.execute("UPDATE enrolment SET uses = uses + 1 WHERE id = ?", (enrolment.id,))
            note_reports(connection, [reports.enrolled(now, agent, asked.address)])
        return agent, token, other

    def rename(self, agent: Agent, name: str, caller: str) -> Agent:
        """Give an agent another name and return it as it is then; raises ApiProblem 409 and 422."""
        check_name(name)
        with writing(self._path, self._compatibility) as connection:
            now = self._clock()
            other = _of_name(connection, name)
            if other is not None and other.id != agent.id:
                raise _taken(other, "choose another name, or rename that one first")
            names = dict.fromkeys((*agent.former, agent.name))
            renamed = replace(agent, name=name, former=[each for each in names if each != name])
            former = _stored(renamed.former)
            connection.execute("UPDATE agent SET name = ?, former = ? WHERE id = ?", (name, former, agent.id))
            note_reports(connection, [reports.renamed(now, renamed, agent.name, caller)])
        return renamed

    def revoke(self, agent: Agent, caller: str) -> int:
        """End an agent and its token; return when."""
        with writing(self._path, self._compatibility) as connection:
            now = self._clock()
            self._end(connection, agent, now, reports.revoked(now, agent, caller))
        return now

    def bind(self, stream: str, agent_id: str) -> None:
        """Note whose a stream is from now on."""
        with writing(self._path, self._compatibility) as connection:
            connection.execute("INSERT OR REPLACE INTO agent_stream VALUES (?, ?)", (stream, agent_id))

    def write(self, agents: Iterable[Agent], gone: Iterable[str], told: Iterable[Mapping[str, Any]]) -> None:
        """Write what was heard of agents, forget others, and note events about them: all in one commit."""
        with writing(self._path, self._compatibility) as connection:
            connection.executemany(_NOTE, map(_row, agents))
            connection.executemany("DELETE FROM agent WHERE id = ?", [(each,) for each in gone])
            note_reports(connection, told)

    def waiting(self) -> list[Waiting]:
        """Return the reports that are to be stored next."""
        with reading(self._path, self._compatibility) as connection:
            return waiting_reports(connection)

    def stored(self, done: Sequence[Waiting]) -> None:
        """Forget reports that are stored."""
        with writing(self._path, self._compatibility) as connection:
            drop_reports(connection, (each.id for each in done))

    def _end(self, connection: sqlite3.Connection, agent: Agent, now: int, event: Mapping[str, Any]) -> None:
        connection.execute("UPDATE agent SET revoked = ?, silent_since = NULL WHERE id = ?", (now, agent.id))
        self._tokens.withdraw(connection, agent.id, now)
        note_reports(connection, [event])


def _row(agent: Agent) -> tuple[Any, ...]:
    return tuple(_stored(getattr(agent, name)) for name in _COLUMNS)


def _stored(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, list | Heartbeat) else value


def _agent(row: Sequence[Any]) -> Agent:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["former"] = msgspec.json.decode(values["former"], type=list[str])
    values["heartbeat"] = _heartbeat(values["heartbeat"])
    return Agent(**values)


def _heartbeat(document: str | None) -> Heartbeat | None:
    try:
        return None if document is None else _heartbeats.decode(document)
    except msgspec.MsgspecError:
        return None  # another version had other bounds; the next heartbeat takes its place


def _of_name(connection: sqlite3.Connection, name: str) -> Agent | None:
    row = connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM agent WHERE name = ? AND enrolled IS NOT NULL AND revoked IS NULL", (name,)
    ).fetchone()
    return None if row is None else _agent(row)


def _taken(other: Agent, next_step: str) -> ApiProblem:
    seen = "" if other.last_seen is None else f", last seen {format_rfc3339(other.last_seen)}"
    detail = f"there is an agent named {other.name!r} already ({other.id} on {other.host}{seen}); {next_step}"
    return ApiProblem(409, "agent-name-taken", detail)
