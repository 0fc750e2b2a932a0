"""The shape of an event as anybody may post it (JSON, nested): what msgspec checks before anything else is."""

from typing import Any, Final, Literal

import msgspec

ActorType = Literal["user", "api_key", "service", "anonymous", "system"]


class Part(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A piece of an event; a key it does not know is refused, null is as good as absent."""


class Actor(Part):
    """Who did it."""

    type: ActorType | None = None
    id: str | None = None
    name: str | None = None
    email: str | None = None
    on_behalf_of: str | None = None


class Resource(Part):
    """What it was done to."""

    type: str | None = None
    id: str | None = None
    name: str | None = None


class Source(Part):
    """Where it was done from."""

    ip: str | None = None
    user_agent: str | None = None
    session_id: str | None = None
    request_id: str | None = None


class Origin(Part):
    """Where it was read."""

    host: str | None = None
    agent: str | None = None
    input: str | None = None
    profile: str | None = None
    file: str | None = None
    offset: int | None = None


class Change(Part, kw_only=True):
    """One field that changed."""

    field: str
    old: Any = msgspec.UNSET
    new: Any = msgspec.UNSET


class PostedEvent(Part, kw_only=True):
    """One event.  ``before`` and ``after`` become ``changes`` when none are given."""

    action: str
    time: str | None = None
    actor: Actor | None = None
    event_type: str | None = None
    category: str | None = None
    resource: Resource | None = None
    org: str | None = None
    project: str | None = None
    module: str | None = None
    outcome: str | None = None
    reason: str | None = None
    duration_ms: int | float | None = None
    measures: dict[str, int | float] | None = None
    source: Source | None = None
    changes: list[Change] | None = None
    before: Any = None
    after: Any = None
    details: dict[str, Any] | None = None
    message: str | None = None
    flags: list[str] | None = None
    origin: Origin | None = None
    raw: str | None = None


#: The objects of an event whose members are fields of their own: ``actor.id``.
PARTS: Final[dict[str, type[Part]]] = {"actor": Actor, "resource": Resource, "source": Source, "origin": Origin}
OFFSET_MAX: Final = 2**63 - 1
