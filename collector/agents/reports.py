"""What the collector writes into its own log about agents.  Pure; flat events, as the wire takes them."""

from typing import Any, Final

from collector.agents.decisions import Enrolment
from collector.agents.records import Agent
from watchbook.clock import SECOND_US, format_rfc3339
from watchbook.units import format_duration

Report = dict[str, Any]
_CONFIGURATION: Final = "configuration"
#: Health, not configuration: what the agent's own events have too.
_SYSTEM: Final = "system"


def enrolment_created(now: int, made: Enrolment, user: str) -> Report:
    """Return the event of a one-time token that somebody made."""
    details = {"uses": made.uses_max, "expires": format_rfc3339(made.expires), "name": made.name, "note": made.note}
    return _enrolment(
        now, "create", "enrolment.created", made.id, user, f"{user} made the one-time token {made.id}"
    ) | {"details": {name: value for name, value in details.items() if value is not None}}


def enrolment_revoked(now: int, enrolment_id: int, user: str) -> Report:
    """Return the event of a one-time token that somebody revoked."""
    said = f"{user} revoked the one-time token {enrolment_id}"
    return _enrolment(now, "revoke", "enrolment.revoked", enrolment_id, user, said)


def enrolled(now: int, agent: Agent, address: str | None) -> Report:
    """Return the event of an agent that was let in."""
    said = f"the agent {agent.name} on {agent.host} was enrolled with the one-time token {agent.enrolment}"
    details = {"enrolment": agent.enrolment, "host": agent.host, "version": agent.version}
    return _of_agent(now, "create", "agent.enrolled", agent, said) | {
        "category": _CONFIGURATION,
        "actor.type": "service",
        "actor.id": agent.name,
        "details": {name: value for name, value in details.items() if value is not None},
    } | ({} if address is None else {"source.ip": address})  # fmt: skip


def renamed(now: int, agent: Agent, old: str, caller: str) -> Report:
    """Return the event of an agent that got another name."""
    return _by(
        caller, _of_agent(now, "update", "agent.renamed", agent, f"the agent {old} was renamed {agent.name}")
    ) | {"changes": [{"field": "name", "old": old, "new": agent.name}]}


def revoked(now: int, agent: Agent, caller: str) -> Report:
    """Return the event of an agent that may send no more."""
    return _by(caller, _of_agent(now, "revoke", "agent.revoked", agent, f"the agent {agent.name} was revoked"))


def replaced(now: int, agent: Agent) -> Report:
    """Return the event of an agent that was never heard of and whose name another one takes."""
    said = f"the agent {agent.name}, of which nothing was ever heard, was revoked: another was enrolled by its name"
    return _of_agent(now, "revoke", "agent.revoked", agent, said) | {"category": _CONFIGURATION}


def silent(now: int, agent: Agent) -> Report:
    """Return the event of an agent that went silent."""
    assert agent.last_seen is not None
    quiet_s = round((now - agent.last_seen) / SECOND_US)
    last = format_rfc3339(agent.last_seen)
    stopped = agent.heartbeat is not None and agent.heartbeat.stopping
    reason = f"no heartbeat and no batch came for {format_duration(quiet_s)}"
    reason += "; its last word was that it was being stopped" if stopped else ""
    return _of_agent(
        now, "stop", "agent.silent", agent, f"nothing was heard of the agent {agent.name} since {last}"
    ) | {
        "outcome": "failure",
        "reason": reason,
        "details": {"last_seen": last, "host": agent.host, "enrolled": agent.enrolled is not None, "stopped": stopped},
    }


def returned(now: int, agent: Agent, silent_since: int, last_seen: int | None) -> Report:
    """Return the event of an agent that was heard of again; ``duration_ms`` is for how long nothing was."""
    away_us = now - (silent_since if last_seen is None else last_seen)
    said = f"the agent {agent.name} was heard of again after {format_duration(round(away_us / SECOND_US))}"
    return _of_agent(now, "start", "agent.returned", agent, said) | {"duration_ms": away_us // 1000}


def _of_agent(now: int, action: str, event_type: str, agent: Agent, message: str) -> Report:
    # The agent acts: were it the collector, a network that fails would be a spike of failures of one actor.
    return {
        "time": now,
        "actor.type": "system",
        "actor.id": agent.name,
        "action": action,
        "event_type": event_type,
        "category": _SYSTEM,
        "resource.type": "agent",
        "resource.id": agent.id,
        "resource.name": agent.name,
        "module": "agents",
        "outcome": "success",
        "message": message,
    }


def _by(caller: str, event: Report) -> Report:
    return {**event, "category": _CONFIGURATION, "actor.type": "api_key", "actor.id": caller,
            "message": f"{event['message']} by {caller}"}  # fmt: skip


def _enrolment(now: int, action: str, event_type: str, enrolment_id: int, user: str, message: str) -> Report:
    return {
        "time": now,
        "actor.type": "user",
        "actor.id": user,
        "action": action,
        "event_type": event_type,
        "category": _CONFIGURATION,
        "resource.type": "enrolment",
        "resource.id": str(enrolment_id),
        "module": "agents",
        "outcome": "success",
        "message": message,
    }
