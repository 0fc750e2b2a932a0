"""The reckoning: what counts as lost and doubled, what is shown, and what fails the demo."""

from typing import Any

import pytest

from watchbook.demo.agent_view import AgentView, view_of
from watchbook.demo.alarms import SHIPPED_RULES, Alarms
from watchbook.demo.live import Sample, live_line
from watchbook.demo.show import Board, summary
from watchbook.demo.tally import Account, Outcome, Stored
from watchbook.shipped import shipped_folder

GOOD = Account("nginx", written=10, read=10, delivered=10, stored=10, lines=10, unparsed=0)
RULES = {"r1": "Failure spike", "r2": "Large export"}


def outcome(**changed: Any) -> Outcome:
    good = Outcome([GOOD], RULES, alerts={"r1": 1, "r2": 3}, exit_codes={"agent": 0, "collector": 0})
    return good._replace(**changed)


def event(name: str, offset: int, *, number: int = 0, time: str = "t", flags: tuple[str, ...] = ()) -> dict[str, Any]:
    origin = {"input": name, "offset": offset}
    return {"id": f"{name}-{offset}-{number}-{time}", "time": time, "origin": origin, "flags": list(flags)}


def test_events_are_counted_by_input_and_lines_by_where_they_stood() -> None:
    stored = Stored()
    stored.add([event("nginx", 0), event("nginx", 50), event("sshd", 0)])
    stored.add(
        [event("nginx", 0, time="after a rotation"), event("sshd", 9, flags=("unparsed",)), {"id": "x", "time": "t"}]
    )
    assert (stored.events("nginx"), stored.lines("nginx"), stored.unparsed("nginx")) == (3, 3, 0)
    assert (stored.events("sshd"), stored.lines("sshd"), stored.unparsed("sshd")) == (2, 2, 1)
    assert stored.events("app") == 0


def test_a_line_that_is_stored_twice_is_doubled_and_does_not_hide_one_that_is_lost() -> None:
    stored = Stored()
    stored.add([event("nginx", 0), event("nginx", 0, number=1), event("nginx", 50)])
    account = GOOD._replace(written=3, stored=stored.events("nginx"), lines=stored.lines("nginx"))
    assert (account.stored, account.lost, account.doubled) == (3, 1, 1)


def test_the_same_event_on_two_pages_is_one() -> None:
    stored = Stored()
    stored.add([event("nginx", 0)])
    stored.add([event("nginx", 0)])
    assert stored.events("nginx") == 1


def test_a_demo_without_shortcomings_succeeds() -> None:
    assert outcome().shortcomings() == []
    assert summary(outcome())[-1] == "All of it arrived, nothing is lost and nothing is doubled."


@pytest.mark.parametrize(
    ("changed", "shortcoming"),
    [
        ({"accounts": [GOOD._replace(lines=8, stored=8)]}, "nginx: 2 of 10 lines are not stored"),
        ({"accounts": [GOOD._replace(stored=11)]}, "nginx: 1 events are stored more than once"),
        ({"accounts": [GOOD._replace(unparsed=4)]}, "nginx: 4 lines were not understood"),
        ({"accounts": [GOOD._replace(written=0, stored=0, lines=0)]}, "nginx: nothing was written"),
        ({"alerts": {"r1": 1}}, "no alert of the rule 'Large export' arrived"),
        ({"exit_codes": {"agent": 0, "collector": -9}}, "the collector exited with -9, expected 0"),
        ({"exit_codes": {"agent": None, "collector": 0}}, "the agent exited with nothing yet, expected 0"),
    ],
)
def test_everything_that_is_missing_fails_the_demo_and_is_said(changed: dict[str, Any], shortcoming: str) -> None:
    failed = outcome(**changed)
    assert failed.shortcomings() == [shortcoming]
    assert summary(failed)[-2:] == ["FAILED:", f"  - {shortcoming}"]


def test_the_summary_is_a_table_of_the_applications() -> None:
    lines = summary(outcome(accounts=[GOOD._replace(written=12_345, delivered=None)]))
    assert lines[1].split() == ["application", "written", "read", "delivered", "stored", "lost", "doubled"]
    assert lines[2].split() == ["nginx", "12,345", "10", "?", "10", "12,335", "0"]
    assert "         3  Large export" in lines


def test_the_demo_waits_for_exactly_the_shipped_rules() -> None:
    shipped = "".join(path.read_text() for path in shipped_folder("rules").glob("*.yml"))
    for rule, title in SHIPPED_RULES.items():
        assert f"title: {title}\n" in shipped
        assert f"id: {rule}\n" in shipped


def message(rule: str, alert: str) -> dict[str, Any]:
    title = f"Rule {rule}"
    data = {
        "id": alert,
        "rule_id": rule,
        "title": title,
        "level": "high",
        "summary": f"{title} (actor.id root): 12 events",
    }
    return {"type": "alert.opened", "data": data}


def test_alerts_are_counted_once_and_the_first_of_each_rule_are_shown() -> None:
    said: list[str] = []
    alarms = Alarms(said.append)
    for alert in ("a", "a", "b", "c", "d"):
        alarms.take(message("r1", alert))
    alarms.take(message("r2", "e"))
    assert alarms.counts() == {"r1": 4, "r2": 1}
    assert alarms.total() == 5
    assert said[0] == "ALERT  high     Rule r1 (actor.id root): 12 events"
    assert [line.startswith("ALERT") for line in said] == [True, True, True, False, True]


def test_the_alarms_are_complete_with_one_alert_of_every_shipped_rule() -> None:
    alarms = Alarms(lambda line: None)
    first, *others = SHIPPED_RULES
    for rule in others:
        alarms.take(message(rule, "a"))
    assert not alarms.complete.is_set()
    alarms.take(message(first, "b"))
    assert alarms.complete.is_set()


def test_the_live_line_has_totals_and_rates() -> None:
    last = Sample(10.0, 1000, 900, 800, 800, 1)
    now = Sample(12.0, 1400, 1200, 1100, 1250, 3)
    assert (
        live_line(last, now)
        == "   12 s   written 1,400 (200/s)   read 1,200   delivered 1,100   stored 1,250 (225/s)   alerts 3"
    )


def test_on_a_terminal_the_live_line_stays_at_the_foot() -> None:
    written: list[str] = []
    board = Board(written.append, terminal=True)
    assert board.wants_live(0.1)
    board.live("10 s")
    board.say("ALERT")
    board.live("11 s")
    board.settle()
    board.say("done")
    assert "".join(written) == "\r\x1b[2K10 s\r\x1b[2KALERT\n10 s\r\x1b[2K11 s\ndone\n"


def test_elsewhere_the_live_line_is_written_every_5_s() -> None:
    written: list[str] = []
    board = Board(written.append, terminal=False)
    for second in range(1, 13):
        if board.wants_live(second):
            board.live(f"{second} s")
    board.settle()
    assert written == ["5 s\n", "10 s\n"]


def test_the_agents_report_gives_what_was_read_and_sent() -> None:
    report = {
        "spool": {"events": 2},
        "counters": {"nginx": {"lines": 5, "events": 5}, "sshd": {"events": 0}},
    }
    assert view_of(report) == AgentView({"nginx": 5, "sshd": 0}, unsent=2)


def test_what_was_delivered_is_known_once_nothing_waits() -> None:
    assert AgentView({"nginx": 5}, unsent=2).delivered("nginx") is None
    assert AgentView({"nginx": 5}, unsent=0).delivered("nginx") == 5
    assert AgentView({}, unsent=0).delivered("nginx") is None
