"""What the rules say of an alert between two acts of people comes to the same however it is written."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.problem import ApiProblem
from tests.collector.alert.alerts import RULE, opened, resolved, updated
from tests.collector.alert.desks import Office


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.lists(st.booleans(), max_size=3), st.sampled_from(["acknowledge", "resolve", "reopen", None])),
        min_size=1,
        max_size=4,
    )
)
@example([([], "acknowledge"), ([], "resolve"), ([False, True], None)])
def test_what_the_rules_say_together_comes_to_what_they_say_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[list[bool], str | None]]
) -> None:
    offices = [Office(tmp_path_factory.mktemp(name)) for name in ("together", "apart")]
    for office, together in zip(offices, (True, False), strict=True):
        office.say(opened())
        events, is_over = 3, False
        for ends, act in said:
            changes = []
            for is_end in ends:
                if is_over:
                    break
                before, events, is_over = events, events + (not is_end), is_end
                changes.append(resolved(events=events) if is_end else updated(before=before, events=events))
            for part in [changes] if together else [[change] for change in changes]:
                office.say(*part)
            if act is not None:
                with suppress(ApiProblem):
                    office.desk.act("a1", act, "carol", "why")
    alone, at_once = (office.desk.get("a1") for office in reversed(offices))
    assert at_once == alone


def test_an_alert_is_silenced_by_what_its_rule_said_when_it_opened(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened())
    office.desk.act("a1", "resolve", "carol", None)
    matcher = {"name": "rule", "operator": "=", "value": RULE.title}
    made = office.desk.silence([matcher], None, "1h", "restore test", "carol")
    office.say(updated(rule=RULE._replace(title="Another title")))
    assert office.status() == ("open", made["id"], None)
    assert office.kinds()[-2:] == ["reopened", "silenced"]
