"""What follows from what is known of agents: their state, who went silent, which names are theirs.  Pure."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from collector.agents.records import Agent
from collector.agents.settings import AgentsSettings
from collector.problem import ApiProblem
from watchbook.clock import SECOND_US, format_rfc3339

STATES: Final = ("ok", "behind", "silent", "revoked", "never_seen")
#: How many of its own heartbeats an agent may miss.
_MISSED_MAX: Final = 3


class Enrolment(NamedTuple):
    """A one-time token as it is remembered: see ``migrations``."""

    id: int
    name: str | None
    note: str | None
    uses: int
    uses_max: int
    created: int
    created_by: str
    expires: int
    revoked: int | None

    def state(self, now: int) -> str:
        """Return ``open``, ``used``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        if self.uses >= self.uses_max:
            return "used"
        return "expired" if now >= self.expires else "open"


def check_enrolment(found: Enrolment | None, now: int) -> Enrolment:
    """Return an enrolment that can be used; raises ApiProblem 401 for none, 403 for one that is over."""
    again = "make another one on the collector: 'watchbook collector enrolment create'"
    if found is None:
        raise ApiProblem(401, "enrolment-unknown", f"this is no one-time token of this collector; {again}")
    state = found.state(now)
    if state == "used":
        raise ApiProblem(403, "enrolment-used", f"the one-time token {found.id} was used already; {again}")
    if state == "expired":
        when = format_rfc3339(found.expires)
        raise ApiProblem(403, "enrolment-expired", f"the one-time token {found.id} expired at {when}; {again}")
    if state == "revoked":
        raise ApiProblem(403, "enrolment-revoked", f"the one-time token {found.id} was revoked; {again}")
    return found


def name_for(enrolment: Enrolment, asked: str | None, host: str) -> str:
    """Return the name that an agent gets; raises ApiProblem 409 when it asks for another one than the token is for."""
    if enrolment.name is not None and asked not in (None, enrolment.name):
        detail = (
            f"the one-time token {enrolment.id} is for an agent named {enrolment.name!r}, this one is named {asked!r}; "
            "name the agent so, or make another token"
        )
        raise ApiProblem(409, "enrolment-name", detail)
    return enrolment.name or asked or host


def state_of(agent: Agent, settings: AgentsSettings) -> str:
    """Return one of :data:`STATES`."""
    if agent.revoked is not None:
        return "revoked"
    if agent.last_seen is None:
        return "never_seen"
    if agent.silent_since is not None:
        return "silent"
    return "behind" if _is_behind(agent, settings) else "ok"


def oldest_age_s(agent: Agent, now: int) -> float | None:
    """Return how old the oldest unsent event is by now, None when there is none."""
    if agent.heartbeat is None or agent.heartbeat_at is None or agent.heartbeat.backlog.oldest_age_s is None:
        return None
    return agent.heartbeat.backlog.oldest_age_s + max(0, now - agent.heartbeat_at) / SECOND_US


def _is_behind(agent: Agent, settings: AgentsSettings) -> bool:
    heartbeat = agent.heartbeat
    if heartbeat is None:
        return False
    # As it was when the agent said so: what it has sent since would otherwise seem to grow older.
    age = heartbeat.backlog.oldest_age_s or 0
    return age > settings.behind_after or heartbeat.lag.bytes > settings.behind_bytes or heartbeat.paused is not None


def quiet_limit_s(agent: Agent, settings: AgentsSettings) -> float:
    """Return for how long an agent may say nothing."""
    interval = 0.0 if agent.heartbeat is None else agent.heartbeat.interval_s
    return max(float(settings.silent_after), _MISSED_MAX * interval)


def has_gone_silent(agent: Agent, now: int, listening_since: int, settings: AgentsSettings) -> bool:
    """Return whether an agent has just become silent.  ``listening_since``: nobody is silent for what came before.

    One that never sent a heartbeat is never silent: it is an older agent, with nothing to say when nothing happens.
    """
    if agent.revoked is not None or agent.silent_since is not None:
        return False
    if agent.heartbeat_at is None or agent.last_seen is None:
        return False
    heard = max(agent.last_seen, listening_since)
    return now - heard > quiet_limit_s(agent, settings) * SECOND_US


def is_forgotten(agent: Agent, now: int, settings: AgentsSettings) -> bool:
    """Return whether an agent that was not enrolled leaves the list."""
    return agent.enrolled is None and now - (agent.last_seen or 0) > settings.forget_after * SECOND_US


def names_of(agents: Iterable[Agent]) -> Mapping[str, frozenset[str]]:
    """Return the names that each enrolled agent's events may carry, by its id.

    Those that it has and had, except what is another agent's name by now.
    """
    enrolled = [agent for agent in agents if agent.is_let_in]
    owners = {agent.name: agent.id for agent in enrolled}
    return {
        agent.id: frozenset(
            name for name in (agent.name, *agent.former) if owners.get(name, agent.id) == agent.id
        )
        for agent in enrolled
    }  # fmt: skip
