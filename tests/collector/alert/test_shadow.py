"""Alerts of rules in shadow mode: kept, and told to nobody."""

from pathlib import Path
from typing import Any

from collector.alert import AlertStore, Filters
from collector.alert.ratios import ratios
from collector.finding import Inhibition
from tests.collector.alert.alerts import RULE, START, open_store, opened, resolved, shown, updated

SHADOW = RULE._replace(shadow=True)
OTHER = RULE._replace(id="11111111-1111-4111-8111-111111111111", title="Other")


def ids(page: dict[str, Any]) -> list[str]:
    return sorted(alert["id"] for alert in page["alerts"])


def hidden(store: AlertStore) -> list[str]:
    """Return the alerts that nobody is told of."""
    views = [store.alert(alert_id) for alert_id in ids(store.page(Filters(shadow="also")))]
    return [view.state.id for view in views if view is not None and (view.silenced_by or view.inhibited_by)]


def test_nobody_is_told_of_them_and_lists_and_counts_leave_them_out(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.apply([opened("s1", rule=SHADOW), opened("a1", rule=OTHER)], None)
    store.apply([updated("s1", rule=SHADOW), resolved("s1", events=5, rule=SHADOW)], None)
    assert ids(store.page()) == ["a1"]
    assert ids(store.page(Filters(shadow="only"))) == ["s1"]
    assert ids(store.page(Filters(shadow="also"))) == ["a1", "s1"]
    assert store.counts() == {"open": 1, "acknowledged": 0, "resolved": 0}
    assert store.shadow_counts() == {"open": 0, "acknowledged": 0, "resolved": 1}
    assert {each.alert_id for each in store.transitions_after(0, 100)} == {"a1"}
    assert [each["rule_id"] for each in ratios(store.state, START, 30)["rules"]] == [OTHER.id]
    shadow = shown(store, "s1")
    assert shadow is not None
    assert (shadow["shadow"], shadow["count"], shadow["status"]) == (True, 5, "resolved")
    store.close()


def test_an_alert_stays_what_it_was_when_it_opened(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.apply([opened("s1", rule=SHADOW), opened("a1")], None)
    # The rule is taken out of shadow mode, and another one put into it, while their alerts go on.
    store.apply([updated("s1", rule=RULE), resolved("s1", events=5, rule=RULE)], None)
    store.apply([resolved("a1", rule=SHADOW)], None)
    assert ids(store.page()) == ["a1"]
    assert [each.kind for each in store.transitions_after(0, 100)] == ["opened", "resolved"]
    assert {each.alert_id for each in store.transitions_after(0, 100)} == {"a1"}
    store.close()


def test_what_is_in_shadow_mode_keeps_nobody_quiet(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.hiding.inhibitions = (Inhibition(RULE.id, OTHER.id, ("actor.id",)),)
    store.apply([opened("s1", rule=SHADOW)], None)
    store.apply([opened("a1", rule=OTHER)], None)
    assert hidden(store) == []
    store.apply([opened("r1", rule=RULE)], None)
    assert hidden(store) == ["a1"], "a rule that is not in shadow mode does"
    store.close()
