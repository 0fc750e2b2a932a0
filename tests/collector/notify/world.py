"""Alerts that live in memory, what happens to them, and plans about them with a clock that is set by hand."""

from dataclasses import dataclass, field
from typing import Any

from collector.finding import AlertState, RuleBrief
from collector.notify import AlertView, ChannelSettings, NotifySettings, Transition
from collector.notify.channel_settings import PagerDutySettings, WebhookSettings
from collector.notify.flow import Tell
from collector.notify.groups import PlanState
from collector.notify.plan import Planned, plan
from collector.notify.routing import Router
from watchbook.configfile import bind, parse

SECOND = 1_000_000
#: A Monday, 00:00:00 UTC.
START = 1_795_392_000 * SECOND
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def rule(name: str = "spike", level: Any = "high", tags: tuple[str, ...] = ("attack.t1110",)) -> RuleBrief:
    return RuleBrief(
        id=name, title=f"Rule {name}", level=level, description="Many failures.", response="Look.\nThen act.",
        runbook="https://example.com/runbook", tags=tags,
    )  # fmt: skip


def alert_state(alert_id: str = "a1", *, brief: RuleBrief | None = None, at: int = START, **more: Any) -> AlertState:
    known: dict[str, Any] = {
        "rule": brief or rule(), "group": (("actor.id", "alice"),), "track": "", "events": 3, "first": at,
        "last": at + 5 * SECOND, "holds_from": at, "holds_until": at, "received": at, "opened": at,
    }  # fmt: skip
    return AlertState(id=alert_id, **(known | more))


def hook(name: str = "ops", **more: Any) -> ChannelSettings:
    return ChannelSettings(name=name, webhook=WebhookSettings(url="http://127.0.0.1:9/", secret=SECRET), **more)


def pager(name: str = "pager", **more: Any) -> ChannelSettings:
    from pathlib import Path

    return ChannelSettings(name=name, pagerduty=PagerDutySettings(routing_key_file=Path("/nowhere")), **more)


def settings(text: str, *channels: ChannelSettings) -> NotifySettings:
    """Return what YAML says, with channels."""
    bound = bind(parse(text, "notify.yaml"), NotifySettings)
    return NotifySettings(**{**vars(bound), "channels": channels or (hook(),)})


@dataclass
class World:
    """``now`` is in seconds after START."""

    settings: NotifySettings
    now: int = 0
    views: dict[str, AlertView] = field(default_factory=dict)
    orgs: dict[str, str] = field(default_factory=dict)
    state: PlanState = field(default_factory=PlanState)
    waiting: list[Transition] = field(default_factory=list)
    numbers: int = 0
    last: Planned = field(default_factory=Planned)

    def __post_init__(self) -> None:
        self.router = Router(self.settings)

    @property
    def time(self) -> int:
        return START + self.now * SECOND

    def happened(self, alert_id: str, kind: str, by: str | None = None) -> None:
        self.numbers += 1
        self.waiting.append(Transition(self.numbers, alert_id, kind, self.time, by))

    def open(self, alert_id: str, brief: RuleBrief | None = None, **more: Any) -> None:
        self.views[alert_id] = AlertView(alert_state(alert_id, brief=brief, at=self.time, **more), "open")
        self.happened(alert_id, "opened")

    def resolve(self, alert_id: str, by: str | None = None) -> None:
        view = self.views[alert_id]
        over = view.alert._replace(resolved=self.time, resolution="by_hand" if by else "quiet")
        self.views[alert_id] = view._replace(alert=over, status="resolved", by=by or view.by)
        self.happened(alert_id, "resolved", by)

    def acknowledge(self, alert_id: str, by: str = "bob") -> None:
        self.views[alert_id] = self.views[alert_id]._replace(status="acknowledged", by=by)
        self.happened(alert_id, "acknowledged", by)

    def reopen(self, alert_id: str) -> None:
        view = self.views[alert_id]
        again = view.alert._replace(resolved=None, resolution=None)
        self.views[alert_id] = view._replace(alert=again, status="open", by=None)
        self.happened(alert_id, "reopened")

    def mute(self, alert_id: str, why: str | None = "silence s1") -> None:
        self.views[alert_id] = self.views[alert_id]._replace(muted=why)
        self.happened(alert_id, "silenced" if why else "unsilenced")

    def plan(self) -> list[Tell]:
        waiting, self.waiting = self.waiting, []
        self.last = plan(
            self.state, waiting, self.time, look=self.views.get, router=self.router,
            org_of=lambda view: self.orgs.get(view.alert.id),
        )  # fmt: skip
        return self.last.tells

    def wake(self) -> int | None:
        """Return when the last plan wants the next one, in seconds after START, rounded up."""
        return None if self.last.wake is None else -(-(self.last.wake - START) // SECOND)

    def until(self, second: int) -> list[tuple[int, Tell]]:
        """Go on to a second, planning only when the plan before asked for it; return what was told, with the second."""
        told = [(self.now, tell) for tell in self.plan()]
        while (wake := self.wake()) is not None and wake <= second:
            assert wake > self.now, "a plan asks for another one at once"
            self.now = wake
            told += [(self.now, tell) for tell in self.plan()]
        self.now = second
        return told
