"""The outbox: notifications until a channel took them, those that were given up, and for a while those that arrived."""

import sqlite3
from typing import Any, Final, NamedTuple

from collector.locked import LockedConnection
from watchbook.clock import format_rfc3339

_WAITS: Final = "delivered is null and dead is null and dropped is null"
_STATES: Final = {
    "waiting": _WAITS,
    "delivered": "delivered is not null",
    "dead": "dead is not null and dropped is null and delivered is null",
    "dropped": "dropped is not null",
}
STATES: Final = tuple(_STATES)
_COLUMNS: Final = (
    "number, id, channel, subject, reason, standing, level, created, attempts, next_attempt, last_error, delivered, "
    "dead, dropped, coalesce(json_extract(document, '$.subject'), id)"
)


class Due(NamedTuple):
    """A notification to send: its idempotency key, what it says (JSON), how often it was tried, since when."""

    id: str
    document: str
    attempts: int
    created: int


class Outbox:
    """Notifications and their attempts.  Any thread may call any method."""

    def __init__(self, connection: LockedConnection) -> None:
        self._connection = connection

    def due(self, channel: str, now_us: int, limit: int) -> list[Due]:
        """Return notifications of a channel whose time has come, oldest first.

        A notification waits for the earlier ones of its group: nobody hears that it is over before it began.
        """
        return [
            Due(*row)
            for row in self._connection.rows(
                "select id, document, attempts, created from notification as one where channel = ? "
                f"and {_WAITS} and next_attempt <= ? and not exists (select 1 from notification as earlier where "
                "earlier.subject = one.subject and earlier.channel = one.channel and earlier.delivered is null "
                "and earlier.dead is null and earlier.dropped is null and earlier.number < one.number) "
                "order by number limit ?",
                channel, now_us, limit,
            )
        ]  # fmt: skip

    def next_attempt(self, channel: str, after_us: int) -> int | None:
        """Return the time of a channel's next attempt after a time, None when nothing waits for one."""
        row = self._connection.row(
            f"select min(next_attempt) from notification where channel = ? and {_WAITS} and next_attempt > ?",
            channel, after_us,
        )  # fmt: skip
        return row[0] if row is not None else None

    def delivered(self, notification: str, now_us: int) -> None:
        """Note that a channel took a notification."""
        with self._connection.transaction() as connection:
            connection.execute(
                "update notification set delivered = ?, attempts = attempts + 1, last_error = null where id = ?",
                (now_us, notification),
            )

    def failed(self, notification: str, error: str, next_attempt_us: int) -> None:
        """Note that an attempt failed, and when the next one is."""
        with self._connection.transaction() as connection:
            connection.execute(
                "update notification set attempts = attempts + 1, last_error = ?, next_attempt = ? where id = ?",
                (error, next_attempt_us, notification),
            )

    def given_up(self, notification: str, error: str, now_us: int) -> None:
        """Note that an attempt failed and was the last one: a dead letter."""
        with self._connection.transaction() as connection:
            connection.execute(
                "update notification set attempts = attempts + 1, last_error = ?, dead = ? where id = ?",
                (error, now_us, notification),
            )

    def retry(self, number: int, now_us: int) -> bool:
        """Try a dead letter again from now on; return whether there was one of that number."""
        return self._change(
            "update notification set dead = null, created = ?, next_attempt = 0 where number = ? and "
            f"{_STATES['dead']}", now_us, number,
        )  # fmt: skip

    def drop(self, number: int, now_us: int) -> bool:
        """Give up a dead letter, or one that waits, for good; return whether there was one of that number."""
        return self._change(
            f"update notification set dropped = ? where number = ? and (({_STATES['dead']}) or ({_WAITS}))",
            now_us, number,
        )  # fmt: skip

    def page(
        self, state: str | None, channel: str | None, limit: int, before: int | None = None
    ) -> list[dict[str, Any]]:
        """Return notifications, newest first, ready for JSON; ``before``: only those with a smaller number."""
        wheres = ["1"] if state is None else [_STATES[state]]
        values: list[Any] = []
        if channel is not None:
            wheres.append("channel = ?")
            values.append(channel)
        if before is not None:
            wheres.append("number < ?")
            values.append(before)
        rows = self._connection.rows(
            f"select {_COLUMNS} from notification where {' and '.join(wheres)} order by number desc limit ?",
            *values, limit,
        )  # fmt: skip
        return [_shown(row) for row in rows]

    def get(self, number: int) -> dict[str, Any] | None:
        """Return one notification, None when there is none of that number."""
        row = self._connection.row(f"select {_COLUMNS} from notification where number = ?", number)
        return None if row is None else _shown(row)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many wait and how many are dead, by (channel, state), also of channels that are gone."""
        found: dict[tuple[str, str], int] = {}
        for state in ("waiting", "dead"):
            rows = self._connection.rows(
                f"select channel, count(*) from notification where {_STATES[state]} group by channel"
            )
            found.update({(channel, state): n for channel, n in rows})
        return found

    def forget(self, before_us: int) -> int:
        """Delete what was delivered or dropped before a time; return how many."""
        with self._connection.transaction() as connection:
            return connection.execute(
                "delete from notification where delivered < ? or dropped < ?", (before_us, before_us)
            ).rowcount

    def _change(self, sql: str, *values: Any) -> bool:
        with self._connection.transaction() as connection:
            return _changed(connection.execute(sql, values))


def _changed(cursor: sqlite3.Cursor) -> bool:
    return cursor.rowcount > 0


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    number, identifier, channel, subject, reason, standing, level, created, attempts, next_attempt, error, *rest = row
    delivered, dead, dropped, title = rest
    state = (
        "dropped" if dropped is not None else "delivered" if delivered is not None else "dead" if dead is not None
        else "waiting"
    )  # fmt: skip
    times = {"created": created, "delivered": delivered, "dead": dead, "dropped": dropped}
    if state == "waiting" and next_attempt:
        times["next_attempt"] = next_attempt
    return {
        "number": number, "id": identifier, "channel": channel, "subject": subject, "reason": reason,
        "standing": standing, "level": level, "state": state, "title": title, "attempts": attempts,
        **{name: format_rfc3339(time) for name, time in times.items() if time is not None},
        **({} if error is None else {"last_error": error}),
    }  # fmt: skip
