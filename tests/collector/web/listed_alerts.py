"""Nine alerts in a real alert store, and the desk over it: every second one is open."""

from pathlib import Path

from collector.alert import AlertDesk, AlertSettings, AlertStore, Fields
from collector.detect import group_complaint, value_in
from collector.finding import AlertChange, AlertState, RuleBrief
from collector.state import open_state
from watchbook.clock import SECOND_US, Clock, now_us, parse_rfc3339

EVENT_ID = f"{'5' * 32}-1-0"
RULE = RuleBrief("11111111-2222-4333-8444-555555555555", "Many failures", "high", tags=("attack.t1110",))
LAST = parse_rfc3339("2026-11-21T12:00:00Z")
EVENT = {"time": LAST, "actor.id": "mallory", "action": "login", "outcome": "failure", "source.ip": "10.0.0.7"}


def a_change(number: int) -> list[AlertChange]:
    """Return what the rules say of the alert ``a{number}``, which counted so many events."""
    alert = AlertState(
        f"a{number}", RULE, (("actor.id", "mallory"), ("org", None)), "", number, LAST - 60 * SECOND_US, LAST, LAST,
        LAST, LAST, LAST,
    )  # fmt: skip
    over = alert._replace(resolved=LAST + 1800 * SECOND_US, resolution="quiet")
    return [AlertChange("opened", alert, (EVENT_ID,)), *([] if number % 2 else [AlertChange("resolved", over)])]


def desk_of(state: Path, clock: Clock = now_us) -> tuple[AlertDesk, AlertStore]:
    """Return the desk over a state file with nine alerts, and its store, which is to be closed."""
    settings = AlertSettings()
    event_of = {EVENT_ID: EVENT}.get
    store = AlertStore(open_state(state), settings, clock=clock)
    store.apply([change for number in range(1, 10) for change in a_change(number)], None)
    fields = Fields(group_complaint, value_in)
    return AlertDesk(store, settings, fields=fields, event_of=event_of, changed=lambda: None, clock=clock), store
