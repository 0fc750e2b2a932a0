"""The outbox: notifications that were written with the alerts they tell of, until a channel took them."""

from typing import NamedTuple

from collector.alert.state import State


class Due(NamedTuple):
    """A notification to send: its idempotency key, its body, and how often it was tried."""

    id: str
    payload: str
    attempts: int


class Outbox:
    """Notifications and their attempts.  Any thread may call any method."""

    def __init__(self, state: State) -> None:
        self._state = state

    def due(self, channel: str, now_us: int, limit: int) -> list[Due]:
        """Return notifications of a channel whose time has come, oldest first.

        A notification waits for the earlier ones about the same alert: nobody hears that it is over before it began.
        """
        return [
            Due(*row)
            for row in self._state.rows(
                "select id, payload, attempts from outbox as one where channel = ? and delivered is null "
                "and next_attempt <= ? and not exists (select 1 from outbox as earlier where "
                "earlier.alert_id = one.alert_id and earlier.channel = one.channel and earlier.delivered is null "
                "and earlier.number < one.number) order by number limit ?",
                channel, now_us, limit,
            )
        ]  # fmt: skip

    def next_attempt(self, channel: str, after_us: int) -> int | None:
        """Return the time of a channel's next attempt after a time, None when nothing waits for one."""
        row = self._state.row(
            "select min(next_attempt) from outbox where channel = ? and delivered is null and next_attempt > ?",
            channel, after_us,
        )  # fmt: skip
        return row[0] if row is not None else None

    def delivered(self, notification: str, now_us: int) -> None:
        """Note that a channel took a notification."""
        with self._state.transaction() as connection:
            connection.execute(
                "update outbox set delivered = ?, attempts = attempts + 1, last_error = null where id = ?",
                (now_us, notification),
            )

    def failed(self, notification: str, error: str, next_attempt_us: int) -> None:
        """Note that an attempt failed, and when the next one is."""
        with self._state.transaction() as connection:
            connection.execute(
                "update outbox set attempts = attempts + 1, last_error = ?, next_attempt = ? where id = ?",
                (error, next_attempt_us, notification),
            )

    def pending(self) -> dict[str, int]:
        """Return how many notifications wait, by channel (also of channels that are no longer configured)."""
        return dict(self._state.rows("select channel, count(*) from outbox where delivered is null group by channel"))
