"""The JSON schemas of notifications and channels."""

from typing import Any, Final

from collector.finding import LEVELS

Schema = dict[str, Any]

NOTIFICATION_STATES: Final = ("waiting", "delivered", "dead", "dropped")
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_TEXT: Final[Schema] = {"type": "string"}


def notification_schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    return {
        "Notification": _object(
            ["number", "id", "channel", "state", "reason", "level", "created", "attempts"],
            number={**_COUNT, "description": "Names it in `retry` and `drop`."},
            id={**_TEXT, "description": "The idempotency key that every attempt carries."},
            channel=_TEXT,
            subject={**_TEXT, "description": "What the notifications of one group have in common."},
            reason={"type": "string", "enum": ["new", "resolved", "acknowledged", "repeat", "digest", "calm"]},
            standing={"type": "string", "enum": ["firing", "acknowledged", "resolved"]},
            level={"type": "string", "enum": list(LEVELS)},
            state={"type": "string", "enum": list(NOTIFICATION_STATES)},
            title={**_TEXT, "description": "Its subject line."},
            attempts=_COUNT,
            last_error=_TEXT,
            **dict.fromkeys(("created", "next_attempt", "delivered", "dead", "dropped"), _TIME),
        ),
        "NotificationPage": _object(
            ["notifications"],
            notifications={"type": "array", "items": _ref("Notification")},
            next_before={**_COUNT, "description": "`before` of the next page; absent: there is none."},
        ),
        "Channel": _object(
            ["name", "kind", "state", "waiting", "dead"],
            name=_TEXT, kind=_TEXT, waiting=_COUNT, dead=_COUNT, held_back=_COUNT, sent=_COUNT, failed=_COUNT,
            last_error=_TEXT,
            state={
                "type": "string", "enum": ["ok", "retrying", "failing", "gone", "removed"],
                "description": "`gone`: it answered 410 and is left alone; `removed`: it is configured no more.",
            },
        ),
        "ChannelList": _object(["channels"], channels={"type": "array", "items": _ref("Channel")}),
        "ChannelTest": _object(
            ["channel", "id", "sent", "took_ms"],
            channel=_TEXT, id=_TEXT, sent={"type": "boolean"}, took_ms={"type": "integer"},
            answer={**_TEXT, "description": "What the receiver said."},
            error={**_TEXT, "description": "Why it did not take it."},
        ),
    }  # fmt: skip


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
