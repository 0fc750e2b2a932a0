"""What the collector writes into its own log about what it does to the log.  Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from collector.lifecycle.plan import Action, Purge, ScopeSpan
from watchbook.clock import format_rfc3339

ACTOR: Final = "watchbook-collector"
CATEGORY: Final = "lifecycle"
#: Scopes named in one report; it says how many there were beyond.
_SCOPES_MAX: Final = 100


def segment_removed(time: int, segment: str, events: int, size: int, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event of a segment that is gone: its events were past their time, or were purged."""
    return _event(
        time, "delete", "Segment removed", segment, f"{events} events were deleted with segment {segment}",
        {"events": events, "bytes": size}, details,
    )  # fmt: skip


def segment_rewritten(time: int, segment: str, events: int, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event of a segment that was written again without some of its events."""
    return _event(
        time, "delete", "Events removed", segment, f"{events} events were deleted from segment {segment}",
        {"events": events}, details,
    )  # fmt: skip


def segment_archived(time: int, segment: str, events: int, size: int, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event of a segment that lies as Parquet from now on."""
    return _event(
        time, "archive", "Segment archived", segment, f"Segment {segment} with {events} events was archived",
        {"events": events, "bytes": size}, details,
    )  # fmt: skip


def held(time: int, action: Action) -> dict[str, Any]:
    """Return the event of a hold that kept something."""
    return _event(
        time, "retain", "Deletion held", action.segment,
        f"The hold {action.reason} keeps {action.events} events of segment {action.segment}",
        {"events": action.events}, {"hold": action.reason, **scopes_document(action.scopes)},
    )  # fmt: skip


def hold_set(time: int, name: str, org: str | None, category: str | None, reason: str, user: str) -> dict[str, Any]:
    """Return the event of a hold that somebody set."""
    return _hold_event(time, "create", "Legal hold set", name, user, reason, org, category)


def hold_lifted(time: int, name: str, user: str) -> dict[str, Any]:
    """Return the event of a hold that somebody lifted."""
    return _hold_event(time, "delete", "Legal hold lifted", name, user, None, None, None)


def purge_asked(time: int, org: str, reason: str, user: str) -> dict[str, Any]:
    """Return the event of somebody asking for an organization to be deleted."""
    return {
        **_event(time, "purge", "Organization purge requested", org, f"Everything of {org} is to be deleted", {}, {}),
        "resource.type": "organization",
        "outcome": "pending",
        "reason": reason,
        "actor.type": "user",
        "actor.id": user,
    }


def purged(time: int, purge: Purge) -> dict[str, Any]:
    """Return the tombstone of an organization: from now on this is all that is left."""
    return {
        **_event(
            time, "purge", "Organization purged", purge.org, f"Everything of {purge.org} was deleted", {},
            {"purge": purge.name, "received_to": format_rfc3339(purge.requested)},
        ),
        "resource.type": "organization",
    }  # fmt: skip


def scopes_document(scopes: Sequence[ScopeSpan]) -> dict[str, Any]:
    """Return scopes for the details of an event."""
    listed: Iterable[ScopeSpan] = sorted(scopes, key=lambda span: -span.events)[:_SCOPES_MAX]
    document: dict[str, Any] = {
        "scopes": [
            {
                name: value
                for name, value in {**span.scope._asdict(), "events": span.events}.items()
                if value is not None
            }
            for span in listed
        ]
    }
    return document | ({"more_scopes": len(scopes) - _SCOPES_MAX} if len(scopes) > _SCOPES_MAX else {})


def _event(
    time: int, action: str, event_type: str, resource: str, message: str, measures: Mapping[str, int],
    details: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    event: dict[str, Any] = {
        "time": time,
        "actor.type": "system",
        "actor.id": ACTOR,
        "action": action,
        "event_type": event_type,
        "category": CATEGORY,
        "resource.type": "segment",
        "resource.id": resource,
        "module": "retention",
        "outcome": "success",
        "message": message,
    }
    return event | ({"measures": dict(measures)} if measures else {}) | ({"details": dict(details)} if details else {})


def _hold_event(
    time: int, action: str, event_type: str, name: str, user: str, reason: str | None, org: str | None,
    category: str | None,
) -> dict[str, Any]:  # fmt: skip
    details = {key: value for key, value in (("org", org), ("category", category)) if value is not None}
    event = _event(time, action, event_type, name, f"{event_type}: {name}", {}, details)
    event |= {"resource.type": "legal_hold", "actor.type": "user", "actor.id": user}
    return event | ({"reason": reason} if reason else {})
