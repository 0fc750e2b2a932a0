"""The desk: what people see of notifications and do about them.  Belongs to the event loop.

Whoever tries a dead letter again, drops one or tests a channel leaves an event in the store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from collector.notify.channel_settings import KINDS
from collector.notify.outbox import Outbox
from collector.notify.sender import Sender
from collector.notify.settings import ChannelSettings, NotifySettings
from collector.problem import ApiProblem
from watchbook.clock import Clock
from watchbook.logs import get_logger

log = get_logger("notify")

#: Stores events of the collector's own, once for each key; returns why it could not, None when it did.
Tell = Callable[[Sequence[Mapping[str, Any]], str], Awaitable[str | None]]
_ACTIONS: Final = {"retry": "retried", "drop": "dropped", "test": "tested"}


class NotifyDesk:
    """Shows notifications and channels, and acts on them; ``by`` is the name of a token.  Raises ApiProblem."""

    def __init__(
        self,
        settings: NotifySettings,
        outbox: Outbox,
        sender: Sender,
        tell: Tell,
        held: Mapping[str, int],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._sender = sender
        self._tell = tell
        self._held = held
        self._clock = clock

    async def page(self, state: str | None, channel: str | None, limit: int, before: int | None) -> dict[str, Any]:
        """Return notifications, newest first: ``{"notifications": [...], "next_before": …}``."""
        found = await asyncio.to_thread(self._outbox.page, state, channel, limit, before)
        page: dict[str, Any] = {"notifications": found}
        if len(found) == limit:
            page["next_before"] = found[-1]["number"]
        return page

    async def channels(self) -> list[dict[str, Any]]:
        """Return the channels: their kind, how they are, and what they did since the start."""
        counts = await asyncio.to_thread(self._outbox.counts)
        known = [self._channel(each, counts) for each in self._settings.channels]
        gone = sorted({channel for channel, _ in counts} - {each.name for each in self._settings.channels})
        return known + [
            {"name": name, "kind": "removed", "state": "removed", "waiting": counts.get((name, "waiting"), 0),
             "dead": counts.get((name, "dead"), 0)}
            for name in gone
        ]  # fmt: skip

    async def retry(self, number: int, by: str) -> dict[str, Any]:
        """Try a dead letter again and return it."""
        done = await asyncio.to_thread(self._outbox.retry, number, self._clock())
        shown = await self._acted(number, "retry", by, done=done, wanted="dead")
        self._sender.wake()
        return shown

    async def drop(self, number: int, by: str) -> dict[str, Any]:
        """Give up a notification for good and return it."""
        done = await asyncio.to_thread(self._outbox.drop, number, self._clock())
        shown = await self._acted(number, "drop", by, done=done, wanted="dead or waiting")
        self._sender.wake()
        return shown

    async def test(self, channel: str, by: str) -> dict[str, Any]:
        """Send a test message through a channel and return what happened."""
        try:
            outcome = await self._sender.test(channel)
        except KeyError as error:
            known = ", ".join(each.name for each in self._settings.channels) or "none"
            text = f"there is no channel {channel[:80]!r}; the channels are: {known}"
            raise ApiProblem(404, "not-found", text) from error
        await self._note("test", by, channel, outcome["id"], "success" if outcome["sent"] else "failure")
        return outcome

    async def _acted(self, number: int, act: str, by: str, *, done: bool, wanted: str) -> dict[str, Any]:
        shown = await asyncio.to_thread(self._outbox.get, number)
        if shown is None:
            raise ApiProblem(404, "not-found", f"there is no notification {number}")
        if not done:
            text = f"the notification {number} is {shown['state']}, not {wanted}"
            raise ApiProblem(409, "notification-state", text)
        await self._note(act, by, shown["channel"], shown["id"], "success")
        return shown

    async def _note(self, act: str, by: str, channel: str, notification: str, outcome: str) -> None:
        """Write into the store who did what; a store that cannot take it is said, and the act stays done."""
        now = self._clock()
        word = _ACTIONS[act]
        event = {
            "time": now, "actor.type": "api_key", "actor.id": by, "action": "execute",
            "event_type": f"notification.{word}", "category": "meta", "resource.type": "notification",
            "resource.id": notification, "resource.name": channel, "module": "notify", "outcome": outcome,
            "message": f"{by} {word} the {'channel' if act == 'test' else f'notification {notification} to'} {channel}",
        }  # fmt: skip
        refused = await self._tell([event], f"notify-{act}-{notification}-{now}")
        log.info("notification_acted_on", act=act, by=by, channel=channel, notification=notification)
        if refused is not None:
            log.error("act_not_stored", act=act, by=by, notification=notification, error=refused)

    def _channel(self, settings: ChannelSettings, counts: Mapping[tuple[str, str], int]) -> dict[str, Any]:
        name, counters = settings.name, self._sender.counters[settings.name]
        state = "gone" if counters.gone else "failing" if counters.failing else (
            "retrying" if counters.last_error is not None else "ok"
        )  # fmt: skip
        shown = {
            "name": name,
            "kind": next(kind for kind in KINDS if getattr(settings, kind) is not None),
            "state": state,
            "waiting": counts.get((name, "waiting"), 0),
            "dead": counts.get((name, "dead"), 0),
            "held_back": self._held.get(name, 0),
            "sent": counters.sent,
            "failed": counters.failed,
            "last_error": counters.last_error,
        }
        return {key: value for key, value in shown.items() if value is not None}
