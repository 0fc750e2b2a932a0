"""The storm cap: how much a channel is told in a time, and the digest of what was held back."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from collector.finding import LEVELS
from collector.notify.groups import Flow, Held, PlanState, Reason, Standing
from collector.notify.routing import Key, Router
from collector.notify.settings import Cap
from collector.notify.view import AlertView
from watchbook.clock import SECOND_US

_EXEMPT: Final = ("resolved", "acknowledged")


class Tell(NamedTuple):
    """A notification to be: ``id`` is its idempotency key.

    ``alerts`` are those it is about, the new ones (``fresh``) first; ``over`` are those that ended.  ``subject`` is the
    same for all notifications of a group: whoever keeps incidents keeps one for it.  ``held`` is what a digest tells,
    by rule; ``since`` when the first of it was held back.
    """

    id: str
    channel: str
    subject: str
    route: str
    key: Key
    reason: Reason
    standing: Standing
    level: str
    time: int
    alerts: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    repeats: int = 0
    held: tuple[tuple[str, Held], ...] = ()
    since: int | None = None


def level_of(levels: Iterable[str]) -> str:
    """Return the highest of some levels."""
    return max(levels, key=_rank, default=LEVELS[0])


class Flows:
    """The flow of each channel.  ``changed`` collects the names of those that changed."""

    def __init__(self, state: PlanState, router: Router, now: int, changed: set[str]) -> None:
        self._flows = state.flows
        self._router = router
        self._now = now
        self._changed = changed

    def take(self, tell: Tell, views: Mapping[str, AlertView]) -> bool:
        """Return whether a notification may go out, and count it; else hold it back and count that."""
        traits = self._router.channels[tell.channel]
        if traits.cap is None or (traits.stateful and tell.reason in _EXEMPT):
            return True
        flow = self._flow(tell.channel)
        self._prune(flow, traits.cap)
        rank = _rank(tell.level)
        if sum(1 for _, sent in flow.sent if sent >= rank) < traits.cap.most:
            flow.sent.append((self._now, rank))
            return True
        self._hold(flow, tell, views, traits.cap)
        return False

    def digests(self) -> Iterator[Tell]:
        """Yield the digests that are due, and for channels that keep incidents the end of one."""
        for channel, flow in self._flows.items():
            traits = self._router.channels.get(channel)
            if traits is None or traits.cap is None:
                continue
            if flow.digest_at is not None and flow.digest_at <= self._now:
                flow.digests += 1
                level = level_of(held.level for held in flow.held.values())
                yield self._told(channel, flow, "digest", level)
                flow.held, flow.held_since, flow.digest_at = {}, None, None
                flow.digest_last = self._now
                flow.open = traits.stateful
                self._changed.add(channel)
            elif (calm := self._calm_at(channel, flow)) is not None and calm <= self._now:
                flow.open = False
                yield self._told(channel, flow, "calm", LEVELS[0])
                self._changed.add(channel)

    def times(self) -> Iterator[int]:
        """Yield when there is something to do."""
        for channel, flow in self._flows.items():
            if channel in self._router.channels:
                for time in (flow.digest_at, self._calm_at(channel, flow)):
                    if time is not None:
                        yield time

    def _flow(self, channel: str) -> Flow:
        self._changed.add(channel)
        return self._flows.setdefault(channel, Flow())

    def _prune(self, flow: Flow, cap: Cap) -> None:
        begin = self._now - _window(cap)
        flow.sent = [one for one in flow.sent if one[0] > begin]

    def _hold(self, flow: Flow, tell: Tell, views: Mapping[str, AlertView], cap: Cap) -> None:
        fresh, over = set(tell.fresh), set(tell.over)
        for alert_id in tell.alerts:
            rule = views[alert_id].alert.rule
            held = flow.held.setdefault(rule.id, Held(rule.title, rule.level))
            if alert_id in fresh:
                held.new += 1
            elif alert_id in over:
                held.over += 1
            elif tell.reason == "repeat":
                held.repeats += 1
        if flow.held_since is None:
            flow.held_since = self._now
            after = self._now + self._router.digest_wait_us
            flow.digest_at = after if flow.digest_last is None else max(after, flow.digest_last + _window(cap))

    def _calm_at(self, channel: str, flow: Flow) -> int | None:
        cap = self._router.channels[channel].cap
        if not flow.open or flow.digest_at is not None or flow.digest_last is None or cap is None:
            return None
        return flow.digest_last + _window(cap)

    def _told(self, channel: str, flow: Flow, reason: Reason, level: str) -> Tell:
        held = tuple(sorted(flow.held.items(), key=lambda item: (-_rank(item[1].level), -item[1].new, item[0])))
        return Tell(
            id=f"{reason}-{self._now // SECOND_US}-{flow.digests}-{channel}", channel=channel,
            subject=f"digest-{channel}", route="", key=(), reason=reason,
            standing="firing" if reason == "digest" else "resolved", level=level, time=self._now, held=held,
            since=flow.held_since,
        )  # fmt: skip


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def _window(cap: Cap) -> int:
    return round(cap.window_s * SECOND_US)
