"""An alert keeps those of other rules quiet, as long as it is not resolved itself."""

import sqlite3
from pathlib import Path

import pytest

from collector.finding import Inhibition
from tests.collector.alert.alerts import RULE, SECOND, START, opened, resolved
from tests.collector.alert.desks import Office

OTHER = RULE._replace(id="other", title="Other", level="low")
BOB = (("actor.id", "bob"),)


def test_an_alert_inhibits_those_with_equal_values_until_it_is_resolved(tmp_path: Path) -> None:
    office = Office(tmp_path, inhibitions=[Inhibition(RULE.id, OTHER.id, ("actor.id",))])
    office.say(opened("b1", rule=OTHER), opened("b2", rule=OTHER, group=BOB))
    assert office.status("b1") == ("open", None, None)
    office.say(opened())
    assert office.status("b1") == ("open", None, "a1")
    assert office.status("b2") == ("open", None, None)
    office.say(opened("b3", rule=OTHER, opened=START + 9 * SECOND))
    assert office.kinds("b3") == ["opened", "silenced"]
    office.desk.act("a1", "resolve", "carol", None)
    assert office.kinds("b1") == ["opened", "silenced", "unsilenced"]
    office.desk.act("a1", "reopen", "carol", None)
    assert office.status("b1")[2] == "a1"
    office.say(resolved())
    assert (office.status("b1")[2], office.status("b3")[2]) == (None, None)
    assert office.store.hidden() == {"silenced": 0, "inhibited": 0}


def test_what_was_rolled_back_inhibits_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path, inhibitions=[Inhibition(RULE.id, OTHER.id, ("actor.id",))])
    office.say(opened("b1", rule=OTHER))
    office.store.state.rows(
        "create trigger full before insert on alert_transition begin select raise(abort, 'full'); end"
    )
    with pytest.raises(sqlite3.IntegrityError):
        office.say(opened())
    office.store.state.rows("drop trigger full")
    office.say(opened("b2", rule=OTHER), resolved("b1", rule=OTHER))
    assert [office.status(each)[2] for each in ("b1", "b2")] == [None, None]
    office.say(opened("a1"), opened("a2", opened=START + 7 * SECOND))
    assert office.status("b2")[2] == "a1"
    office.say(resolved("a1"))
    assert office.status("b2")[2] == "a2"


def test_other_rules_may_end_what_one_kept_quiet(tmp_path: Path) -> None:
    office = Office(tmp_path, inhibitions=[Inhibition(RULE.id, OTHER.id, ())])
    office.say(opened(), opened("b1", rule=OTHER, group=BOB))
    assert office.status("b1")[2] == "a1"
    assert not office.desk.look()
    office.desk.rules_changed([])
    assert office.desk.look()
    assert office.status("b1")[2] is None
