"""A desk of notifications on a real state file: one that arrived, two dead letters and one that waits.

The channel ``hook`` has a receiver that takes everything; at ``broken`` nobody listens.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collector.locked import LockedConnection
from collector.notify.attempt import AttemptFailedError
from collector.notify.channel_settings import WebhookSettings
from collector.notify.desk import NotifyDesk
from collector.notify.failing import FailingChannels
from collector.notify.outbox import Outbox
from collector.notify.sender import Sender
from collector.notify.settings import ChannelSettings, NotifySettings
from collector.state import open_state
from watchbook.clock import Clock, now_us

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
INSERT = (
    "insert into notification (id, channel, subject, reason, standing, level, document, created, attempts, last_error, "
    "delivered, dead) values (?, ?, ?, 'new', 'firing', 'high', ?, ?, ?, ?, ?, ?)"
)


class Taking:
    """A channel that takes everything."""

    async def send(self, notification: str, document: Mapping[str, Any]) -> str:
        return f"took {document['subject']}"


class Broken:
    """A channel whose receiver cannot be reached."""

    async def send(self, notification: str, document: Mapping[str, Any]) -> str:
        raise AttemptFailedError("Cannot connect to host 127.0.0.1:9")


def notifications_of(
    state: Path, clock: Clock = now_us
) -> tuple[NotifyDesk, LockedConnection, list[Mapping[str, Any]]]:
    """Return the desk, its connection (to be closed), and the events that it tells."""
    connection = LockedConnection(open_state(state))
    now = clock()
    with connection.transaction() as writing:
        for number, (channel, delivered, dead) in enumerate(
            [("hook", now, None), ("broken", None, now), ("broken", None, now), ("broken", None, None)], 1
        ):
            error = None if delivered else "answered 422: what is that?"
            values = (f"a{number}-1-1-{channel}", channel, f"a{number}", f'{{"subject": "HIGH: Alert {number}"}}',
                      now - number, 1, error, delivered, dead)  # fmt: skip
            writing.execute(INSERT, values)
    webhook = WebhookSettings(url="http://127.0.0.1:9/", secret=SECRET)
    settings = NotifySettings(
        channels=tuple(ChannelSettings(name=name, webhook=webhook) for name in ("hook", "broken"))
    )
    told: list[Mapping[str, Any]] = []

    async def tell(events: Sequence[Mapping[str, Any]], _: str) -> str | None:
        told.extend(events)
        return None

    outbox = Outbox(connection)
    sender = Sender(
        outbox, settings, {"hook": Taking(), "broken": Broken()},
        FailingChannels(connection, lambda _: None, clock), firing=lambda _: (), clock=clock,
    )  # fmt: skip
    return NotifyDesk(settings, outbox, sender, tell, {"hook": 7}, clock), connection, told
