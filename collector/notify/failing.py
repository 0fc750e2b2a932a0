"""A channel that does not work is an alert of its own, told on the others, and over when it works again.

The alert has a rule that stands in no file (``routing.FAILING_RULE``).  It is opened once, however often the channel
fails, and the router never leads it to the channel that it is about, so nothing goes round in circles: if the others
fail as well, each has one such alert that waits until one of them works.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from collector.finding import AlertChange, AlertState, RuleBrief
from collector.locked import LockedConnection
from collector.notify.routing import FAILING_RULE
from watchbook.clock import SECOND_US, Clock

#: Writes alerts; called in a worker thread.
RaiseAlerts = Callable[[Sequence[AlertChange]], None]

_RULE: Final = RuleBrief(
    id=FAILING_RULE,
    title="Notification channel failing",
    level="high",
    description="Notifications do not reach this channel: whoever relies on it hears of no alert.",
    response=(
        "1. See why: watchbook notify channels\n"
        "2. Correct it, then try it: watchbook notify test CHANNEL\n"
        "3. See what was given up, and send it again: watchbook notify dead list; watchbook notify dead retry NUMBER"
    ),
    tags=("watchbook.self",),
)


class FailingChannels:
    """Opens and ends those alerts.  Any thread may call any method; they block."""

    def __init__(self, connection: LockedConnection, raise_alerts: RaiseAlerts, clock: Clock) -> None:
        self._connection = connection
        self._raise = raise_alerts
        self._clock = clock

    def failed(self, channel: str, attempts: int) -> None:
        """Open an alert about a channel, if there is none."""
        if self._alert(channel) is not None:
            return
        now = self._clock()
        alert = AlertState(
            id=f"channel-{channel}-{now // SECOND_US}", rule=_RULE, group=(("channel", channel),), track="",
            events=max(1, attempts), first=now, last=now, holds_from=now, holds_until=now, received=now, opened=now,
        )  # fmt: skip
        # First the note, then the alert: a crash between the two opens the same alert again at the next failure.
        self._note(channel, alert)
        self._raise([AlertChange("opened", alert)])

    def works(self, channel: str) -> None:
        """End the alert about a channel, if there is one."""
        alert = self._alert(channel)
        if alert is not None:
            self._end(channel, alert, "works_again")

    def forget_others(self, channels: Collection[str]) -> None:
        """End the alerts about channels that there are no more; open those again that a crash kept from opening."""
        for channel, text in self._connection.rows("select channel, alert from notify_channel"):
            alert = msgspec.json.decode(text, type=AlertState)
            if channel in channels:
                self._raise([AlertChange("updated", alert)])
            else:
                self._end(channel, alert, "removed")

    def _end(self, channel: str, alert: AlertState, why: str) -> None:
        self._raise([AlertChange("resolved", alert._replace(resolved=self._clock(), resolution=why))])
        with self._connection.transaction() as connection:
            connection.execute("delete from notify_channel where channel = ?", (channel,))

    def _alert(self, channel: str) -> AlertState | None:
        row = self._connection.row("select alert from notify_channel where channel = ?", channel)
        return None if row is None else msgspec.json.decode(row[0], type=AlertState)

    def _note(self, channel: str, alert: AlertState) -> None:
        with self._connection.transaction() as connection:
            connection.execute(
                "insert or replace into notify_channel (channel, alert) values (?, ?)",
                (channel, msgspec.json.encode(alert).decode()),
            )
