"""Where a page of alerts ended: an opaque text that is bound to the filters of its query."""

import base64
import binascii
import hashlib
from collections.abc import Mapping

import orjson


class CursorError(ValueError):
    """A cursor that is damaged, or that came from a query with other filters."""


def write_cursor(opened: int, alert_id: str, filters: Mapping[str, str | None]) -> str:
    """Return the cursor of the page that ends with this alert."""
    return base64.urlsafe_b64encode(orjson.dumps([opened, alert_id, _digest(filters)])).decode().rstrip("=")


def read_cursor(text: str, filters: Mapping[str, str | None]) -> tuple[int, str]:
    """Return the (opened, id) at which the last page ended; raises CursorError."""
    try:
        opened, alert_id, digest = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise CursorError("the cursor is damaged; ask for the first page again") from error
    if digest != _digest(filters):
        raise CursorError("the cursor belongs to a query with other filters; ask for the first page of this one")
    if not isinstance(opened, int) or not isinstance(alert_id, str):
        raise CursorError("the cursor is damaged; ask for the first page again")
    return opened, alert_id


def _digest(filters: Mapping[str, str | None]) -> str:
    return hashlib.sha256(orjson.dumps(dict(filters), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
