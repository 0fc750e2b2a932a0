"""Settings of the registry of agents."""

from dataclasses import dataclass
from typing import Literal

from watchbook.configfile import positive, setting
from watchbook.units import Bytes, Seconds


@dataclass(frozen=True)
class AgentsSettings:
    """When an agent counts as silent or behind, and what becomes of agents that were not enrolled."""

    silent_after: Seconds = setting(
        "An agent that was not heard of for this long is silent, which becomes an event; for an agent that sends "
        "heartbeats more rarely, three of its intervals. Longer than a host takes to start again.",
        Seconds(180.0),
        check=positive,
    )
    behind_after: Seconds = setting(
        "An agent whose oldest unsent event is older than this is behind.", Seconds(60.0), check=positive
    )
    behind_bytes: Bytes = setting(
        "An agent that has this much of its log files left to read is behind.", Bytes(16 << 20), check=positive
    )
    unenrolled: Literal["accept", "flag", "refuse"] = setting(
        "What becomes of agents that send under a plain token: 'flag' marks their events 'agent_unverified', 'refuse' "
        "takes none. Events that are posted and name no agent are taken as ever.",
        "accept",
    )
    unenrolled_max: int = setting(
        "Most agents under plain tokens that are listed; the others send all the same.", 5000, check=positive
    )
    forget_after: Seconds = setting(
        "An agent that was not enrolled leaves the list when it was not heard of for this long.",
        Seconds(7 * 86_400.0),
        check=positive,
    )
    write_every: Seconds = setting(
        "How often what was heard of agents is written down, all of it in one commit, and who went silent is looked "
        "for.",
        Seconds(5.0),
        check=positive,
    )
    heartbeat_bytes_max: Bytes = setting("Largest heartbeat.", Bytes(64 << 10), check=positive)
    enrolment_failures_max: int = setting(
        "Enrolments that may fail in a minute from one address; further ones get 429.", 20, check=positive
    )
