"""Any sequence of what rules say and people do leaves each alert as a naive model says; also over restarts."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collector.finding import Inhibition
from collector.problem import ApiProblem
from tests.collector.alert.alerts import RULE, SECOND, opened, resolved, updated
from tests.collector.alert.desks import Office

OTHER = RULE._replace(id="other", title="Other", level="low")
#: Each alert with its rule and its group: those of OTHER are inhibited by those of RULE with the same actor.
PLACES = {"r-alice": (RULE, "alice"), "r-bob": (RULE, "bob"), "o-alice": (OTHER, "alice"), "o-bob": (OTHER, "bob")}
SILENCES = {"level=low": lambda place: place[0].level == "low", "actor.id=alice": lambda place: place[1] == "alice"}
ALERTS = st.sampled_from(sorted(PLACES))


class Life(RuleBasedStateMachine):
    """A desk beside a model in plain Python."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        #: id -> [status, events, whether its rule is done with it]
        self.model: dict[str, list[Any]] = {}
        #: [words, from, to, id]
        self.silences: list[list[Any]] = []
        self.expected: dict[str, list[str]] = {}

    @initialize()
    def open_the_desk(self) -> None:
        self.office = Office(Path(self.folder.name), inhibitions=[Inhibition(RULE.id, OTHER.id, ("actor.id",))])

    def teardown(self) -> None:
        self.office.store.close()
        self.folder.cleanup()

    def happened(self, alert_id: str, kind: str) -> None:
        kinds = self.expected.setdefault(alert_id, [])
        if kind == "updated" and "updated" in kinds:
            kinds.remove("updated")  # of those only the latest is kept
        kinds.append(kind)

    @rule(alert_id=ALERTS)
    def the_rule_opens_it(self, alert_id: str) -> None:
        brief, actor = PLACES[alert_id]
        self.office.say(opened(alert_id, rule=brief, group=(("actor.id", actor),)))
        if alert_id not in self.model:
            self.model[alert_id] = ["open", 3, False]
            self.happened(alert_id, "opened")

    @precondition(lambda self: self.model)
    @rule(data=st.data(), more=st.integers(0, 4))
    def the_rule_counts_more(self, data: st.DataObject, more: int) -> None:
        alert_id = data.draw(st.sampled_from(sorted(self.model)))
        life, (brief, actor) = self.model[alert_id], PLACES[alert_id]
        events = life[1] + more
        self.office.say(updated(alert_id, life[1], events, rule=brief, group=(("actor.id", actor),)))
        if life[2] or not more:
            return
        self.happened(alert_id, "reopened" if life[0] == "resolved" else "updated")
        life[1] = events
        life[0] = "open" if life[0] == "resolved" else life[0]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def the_rule_is_done_with_it(self, data: st.DataObject) -> None:
        alert_id = data.draw(st.sampled_from(sorted(self.model)))
        life, (brief, actor) = self.model[alert_id], PLACES[alert_id]
        self.office.say(resolved(alert_id, life[1], rule=brief, group=(("actor.id", actor),)))
        if life[2]:
            return
        if life[0] != "resolved":
            self.happened(alert_id, "resolved")
        life[0], life[2] = "resolved", True

    @rule(alert_id=ALERTS, act=st.sampled_from(["acknowledge", "resolve", "reopen"]))
    def somebody_acts(self, alert_id: str, act: str) -> None:
        life = self.model.get(alert_id)
        allowed = {"acknowledge": ("open", "acknowledged"), "resolve": ("open", "acknowledged"),
                   "reopen": ("acknowledged", "resolved")}  # fmt: skip
        try:
            self.office.desk.act(alert_id, act, "carol", None)
            refused = None
        except ApiProblem as problem:
            refused = problem.status
        assert refused == (404 if life is None else None if life[0] in allowed[act] else 409)
        if life is None or refused:
            return
        life[0] = {"acknowledge": "acknowledged", "resolve": "resolved", "reopen": "open"}[act]
        self.happened(alert_id, {"acknowledge": "acknowledged", "resolve": "resolved", "reopen": "reopened"}[act])

    @rule(words=st.sampled_from(sorted(SILENCES)), minutes=st.integers(1, 9), starts=st.sampled_from([None, "2m"]))
    def somebody_silences(self, words: str, minutes: int, starts: str | None) -> None:
        name, _, value = words.partition("=")
        begin = self.office.now + (0 if starts is None else 120 * SECOND)
        end = self.office.now + minutes * 60 * SECOND
        matchers = [{"name": name, "operator": "=", "value": value}]
        made, refused = None, None
        try:
            made = self.office.desk.silence(matchers, starts, f"{minutes}m", "x", "carol")
        except ApiProblem as problem:
            refused = problem.status
        assert refused == (422 if begin >= end else None)
        if made is not None:
            self.silences.append([words, begin, end, made["id"]])

    @precondition(lambda self: self.silences)
    @rule(data=st.data())
    def somebody_ends_a_silence(self, data: st.DataObject) -> None:
        silence = data.draw(st.sampled_from(self.silences))
        refused = None
        try:
            self.office.desk.end_silence(silence[3], "carol")
        except ApiProblem as problem:
            refused = problem.status
        assert refused == (409 if self.office.now >= silence[2] else None)
        silence[2] = min(silence[2], self.office.now)

    @rule(seconds=st.integers(1, 300))
    def time_goes_by(self, seconds: int) -> None:
        self.office.now += seconds * SECOND
        self.office.desk.look()

    @rule()
    def the_collector_starts_again(self) -> None:
        now = self.office.now
        self.office.store.close()
        self.open_the_desk()
        self.office.now = now
        self.office.desk.look()

    @invariant()
    def every_alert_is_as_the_model_says(self) -> None:
        for alert_id, life in self.model.items():
            view = self.office.store.alert(alert_id)
            assert view is not None
            assert [view.status, view.state.events, view.state.resolved is not None] == life
            assert (view.closed is not None) == (life[0] == "resolved")
            if life[0] != "resolved":
                place = PLACES[alert_id]
                active = [each for each in self.silences if each[1] <= self.office.now < each[2]]
                assert (view.silenced_by is not None) == any(SILENCES[each[0]](place) for each in active)
                assert view.inhibited_by == self.inhibitor(alert_id)
            if life[0] == "open":
                assert view.acknowledged is None
        going_on = {alert_id for alert_id, life in self.model.items() if not life[2]}
        assert {alert.id for alert in self.office.store.open_alerts()} == going_on

    @invariant()
    def what_happened_is_written_down_in_order(self) -> None:
        for alert_id, kinds in self.expected.items():
            found = [kind for kind in self.office.kinds(alert_id) if "silence" not in kind]
            assert found == kinds

    def inhibitor(self, alert_id: str) -> str | None:
        brief, actor = PLACES[alert_id]
        other = f"r-{actor}"
        is_there = other in self.model and self.model[other][0] != "resolved"
        return other if brief is OTHER and is_there else None


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
