"""An entry of the systemd journal, ``journalctl -o json``, read as the syslog line that it was or would be.

So that what is written for ``/var/log/auth.log`` understands the same programs where there is only a journal.  The
entry's other fields (``_UID``, ``_EXE``, ``_BOOT_ID`` …) stand under ``journal``.
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from watchbook.clock import SECOND_US, TIME_MAX_US

#: The key under which an entry's other fields stand.
FIELDS: Final = "journal"
_TIME: Final = "__REALTIME_TIMESTAMP"
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def read_entry(text: str) -> dict[str, Any] | None:
    """Return ``timestamp``, ``host``, ``program``, ``pid``, ``message`` and ``journal``; None for no entry."""
    try:
        entry = _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    stamp = _time_of(entry.get(_TIME))
    if stamp is None or "MESSAGE" not in entry:
        return None
    del entry[_TIME]
    values: dict[str, Any] = {"timestamp": stamp}
    for name, places in (
        ("host", ("_HOSTNAME",)),
        ("program", ("SYSLOG_IDENTIFIER", "_COMM")),
        ("pid", ("SYSLOG_PID", "_PID")),
        ("message", ("MESSAGE",)),
    ):
        for place in places:
            value = _text(entry.get(place))
            if value is not None:
                del entry[place]
                values[name] = int(value) if name == "pid" and value.isdecimal() and len(value) < 19 else value
                break
    if entry:
        values[FIELDS] = entry
    return values


def _time_of(value: Any) -> str | None:
    if not isinstance(value, str) or not value.isdecimal() or len(value) > 17 or int(value) > TIME_MAX_US:
        return None
    seconds, microseconds = divmod(int(value), SECOND_US)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds).isoformat(timespec="microseconds")


def _text(value: Any) -> str | None:
    """Return a text; a message that is no UTF-8 or has control characters comes as a list of its bytes."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(each, int) and 0 <= each < 256 for each in value):
        return bytes(value).decode(errors="replace")
    return None
