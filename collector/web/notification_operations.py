"""The operations on notifications and channels, as OpenAPI 3.1 says them."""

from typing import Any, Final

from collector.web.operation import READ_ERRORS, Operation, conditional, of_parameters, operation
from collector.web.schemas import ref
from collector.web.vocabulary import NOTIFICATIONS

_NUMBER: Final[dict[str, Any]] = {
    "name": "number", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"}
}  # fmt: skip
_NAME: Final[dict[str, Any]] = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}


def notification_operations() -> dict[tuple[str, str], Operation]:
    """Return the operations by (method in capitals, path)."""
    listed = operation(
        "listNotifications", "List notifications, newest first: what waits, arrived, or was given up (dead).",
        ref("NotificationPage"), parameters=of_parameters(NOTIFICATIONS), errors=READ_ERRORS,
    )  # fmt: skip
    channels = operation(
        "listChannels", "List the channels: how each is, and what it did.", ref("ChannelList"), errors=READ_ERRORS
    )
    changes = (
        ("retry", "retryNotification", "Try a dead letter again (scope respond)."),
        ("drop", "dropNotification", "Give up a notification for good (scope respond)."),
    )
    tested = operation(
        "testChannel", "Send a test message through a channel and say what happened (scope respond).",
        ref("ChannelTest"), parameters=[_NAME], errors=(*READ_ERRORS, 404),
    )  # fmt: skip
    return {
        ("GET", "/v1/notifications"): conditional(listed),
        **{
            ("POST", f"/v1/notifications/{{number}}/{path}"): operation(
                name, summary, ref("Notification"), parameters=[_NUMBER], errors=(*READ_ERRORS, 404, 409)
            )
            for path, name, summary in changes
        },
        ("GET", "/v1/channels"): conditional(channels),
        ("POST", "/v1/channels/{name}/test"): tested,
    }
