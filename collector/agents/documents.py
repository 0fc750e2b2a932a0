"""An agent as the API shows it.  Pure."""

from typing import Any

import msgspec

from collector.agents.decisions import oldest_age_s, state_of
from collector.agents.records import Agent
from collector.agents.settings import AgentsSettings
from watchbook.clock import format_rfc3339

Document = dict[str, Any]


def summary_of(agent: Agent, now: int, settings: AgentsSettings) -> Document:
    """Return what the list shows of an agent; what is not known is left out."""
    heartbeat = agent.heartbeat
    document: Document = {
        "id": agent.id,
        "name": agent.name,
        "state": state_of(agent, settings),
        "enrolled": agent.enrolled is not None,
        "enrolled_at": _time(agent.enrolled),
        "revoked_at": _time(agent.revoked),
        "token": agent.token,
        "host": agent.host,
        "version": agent.version,
        "last_seen": _time(agent.last_seen),
        "last_heartbeat": _time(agent.heartbeat_at),
        "silent_since": _time(agent.silent_since),
    }
    if heartbeat is not None:
        age = oldest_age_s(agent, now)
        document |= {
            "sending": heartbeat.sending,
            "paused": heartbeat.paused,
            "backlog": _known({
                "batches": heartbeat.backlog.batches,
                "events": heartbeat.backlog.events,
                "bytes": heartbeat.backlog.bytes,
                "oldest_age_s": None if age is None else round(age, 1),
            }),
            "lag": _known(msgspec.structs.asdict(heartbeat.lag)),
            "unparsed": heartbeat.total("unparsed"),
            "lost_bytes": heartbeat.total("bytes_lost"),
            "problems": heartbeat.problems,
        }  # fmt: skip
    return _known(document)


def document_of(agent: Agent, streams: list[str], now: int, settings: AgentsSettings) -> Document:
    """Return all that is known of an agent."""
    document = summary_of(agent, now, settings) | {"former_names": agent.former, "streams": streams}
    heartbeat = agent.heartbeat
    if heartbeat is not None:
        document |= _known({
            "claimed_name": heartbeat.name,
            "started": heartbeat.started,
            "stream": heartbeat.stream,
            "interval_s": heartbeat.interval_s,
            "stopping": heartbeat.stopping,
            "counters": heartbeat.counters,
        })  # fmt: skip
    return document


def _known(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}


def _time(time_us: int | None) -> str | None:
    return None if time_us is None else format_rfc3339(time_us)
