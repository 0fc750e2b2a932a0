"""What people do about alerts, and what the clock does: states, transitions, and the events that tell of it."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.alert import Watermark
from collector.finding import ExceptionUse, RuleException
from collector.problem import ApiProblem
from tests.collector.alert.alerts import EVENT, RULE, SECOND, START, event_id, opened, resolved, updated
from tests.collector.alert.desks import DAY, Office
from watchbook.daemon import Stop
from watchbook.wire import columns_of, decode_batch, encode_batch

OTHER = RULE._replace(id="other", title="Other", level="low")
BOB = (("actor.id", "bob"),)


def of(name: str, value: str, operator: str = "=") -> dict[str, str]:
    return {"name": name, "operator": operator, "value": value}


def test_an_alert_is_acknowledged_resolved_and_opened_again_by_new_matches(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened())
    shown = office.desk.act("a1", "acknowledge", "carol", " on it ")
    assert shown["status"] == "acknowledged"
    assert shown["acknowledged"] == {"time": "2026-11-18T11:06:50.000000Z", "by": "carol", "note": "on it"}
    office.say(updated())
    assert office.status()[0] == "acknowledged"
    shown = office.desk.act("a1", "resolve", "carol", None)
    assert (shown["status"], shown["resolution"], shown["resolved_by"]) == ("resolved", "by_hand", "carol")
    assert shown["counting"]
    office.say(updated())  # said once more
    assert office.status()[0] == "resolved"
    office.say(updated(before=5, events=7))
    shown = office.desk.get("a1")
    assert (shown["status"], shown["count"]) == ("open", 7)
    assert {"acknowledged", "resolved", "resolved_by"} & set(shown) == set()
    office.say(resolved(events=7))
    shown = office.desk.get("a1")
    assert (shown["status"], shown["resolution"], shown["counting"]) == ("resolved", "quiet", False)
    assert office.kinds() == ["opened", "acknowledged", "updated", "resolved", "reopened", "resolved"]
    assert [each["kind"] for each in shown["history"]] == office.kinds()
    assert office.changes == 2


def test_what_people_resolved_stays_theirs_when_its_rule_is_done_with_it(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened())
    office.desk.act("a1", "resolve", "carol", "a test")
    office.say(resolved())
    shown = office.desk.get("a1")
    assert (shown["resolution"], shown["resolved_note"], shown["counting"]) == ("by_hand", "a test", False)
    assert office.kinds() == ["opened", "resolved"]
    assert office.store.open_alerts() == []
    office.desk.act("a1", "reopen", "carol", None)
    office.say(updated())  # its rule is done with it: nothing but people changes it now
    assert (office.desk.get("a1"))["count"] == 3
    assert office.status()[0] == "open"


def test_an_alert_that_was_resolved_by_hand_goes_on_counting_after_a_restart(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened())
    office.desk.act("a1", "resolve", "carol", None)
    office.store.close()
    again = Office(tmp_path)
    assert [alert.id for alert in again.store.open_alerts()] == ["a1"]
    again.say(updated())
    assert again.status()[0] == "open"


@pytest.mark.parametrize(
    ("before", "act", "said"),
    [
        ([], "reopen", "open already"),
        (["resolve"], "acknowledge", "reopen it first"),
        (["resolve"], "resolve", "resolved already"),
    ],
)
def test_what_a_state_does_not_allow_is_refused(tmp_path: Path, before: list[str], act: str, said: str) -> None:
    office = Office(tmp_path)
    office.say(opened())
    for each in before:
        office.desk.act("a1", each, "carol", None)
    count = len(office.transitions())
    with pytest.raises(ApiProblem, match=said) as caught:
        office.desk.act("a1", act, "carol", None)
    assert caught.value.status == 409
    assert len(office.transitions()) == count


def test_an_id_may_be_cut_short_as_long_as_it_says_which(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened("abcdef12"), opened("abcdef34", group=BOB), opened("ffffff00", group=(("actor.id", "c"),)))
    assert (office.desk.get("abcdef1"))["id"] == "abcdef12"
    assert (office.desk.act("ffffff", "acknowledge", "carol", None))["id"] == "ffffff00"
    for short, status in (("abcdef", 409), ("abcde", 404), ("abcdef%", 404), ("abcdef5", 404)):
        with pytest.raises(ApiProblem) as caught:
            office.desk.get(short)
        assert caught.value.status == status


def test_a_silence_hides_what_is_there_and_what_comes_until_it_ends(tmp_path: Path) -> None:
    office = Office(tmp_path, silence_warning=60.0)
    office.say(opened(), opened("b2", group=BOB))
    made = office.desk.silence([of("actor.id", "AL*")], None, "1h", "restore test", "carol")
    assert (made["state"], made["hides"], made["author"]) == ("active", 1, "carol")
    assert office.status("a1") == ("open", made["id"], None)
    assert office.status("b2") == ("open", None, None)
    office.say(opened("c3", opened=START + 9 * SECOND))
    assert office.status("c3") == ("open", made["id"], None)
    assert office.kinds("c3") == ["opened", "silenced"]
    office.now += 3541 * SECOND
    assert office.desk.look()
    assert not office.desk.look()
    assert office.kinds("a1") == ["opened", "silenced", "silence_ending"]
    office.now += 59 * SECOND
    assert office.desk.look()
    assert office.status("a1") == ("open", None, None)
    assert office.kinds("a1") == ["opened", "silenced", "silence_ending", "unsilenced"]
    assert [each["event_type"] for each in office.told()] == ["silence.created", "silence.ending", "silence.expired"]
    assert (office.desk.get_silence(made["id"]))["state"] == "over"
    with pytest.raises(ApiProblem, match="is over already"):
        office.desk.end_silence(made["id"], "carol")


def test_a_silence_may_begin_later_and_be_ended_by_hand_and_survives_a_restart(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened())
    made = office.desk.silence([of("level", "medium", ">=")], "10m", "1h", "x", "carol")
    assert (made["state"], office.status()[1]) == ("waiting", None)
    office.now += 600 * SECOND
    office.store.close()
    again = Office(tmp_path)
    again.now = office.now
    assert again.desk.look()
    assert again.status()[1] == made["id"]
    ended = again.desk.end_silence(made["id"], "dave")
    assert (ended["state"], ended["ended_by"], again.status()[1]) == ("ended", "dave", None)
    assert again.kinds() == ["opened", "silenced", "unsilenced"]
    assert not again.desk.look()


def test_of_two_silences_the_one_that_is_left_goes_on_hiding(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened())
    first = office.desk.silence([of("rule", "failure spike")], None, "1h", "x", "carol")
    second = office.desk.silence([of("tag", "attack.*")], None, "2h", "y", "carol")
    office.desk.end_silence(first["id"], "carol")
    assert office.status()[1] == second["id"]
    assert "unsilenced" not in office.kinds()


def test_a_preview_says_what_a_silence_would_have_hidden_and_changes_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path)
    old = START - 8 * DAY
    office.say(
        opened(), opened("b2", group=BOB), opened("c3", rule=OTHER), resolved("c3", rule=OTHER),
        opened("d4", opened=old), resolved("d4", opened=old), opened("e5", opened=old),
    )  # fmt: skip
    found = office.desk.preview([of("actor.id", "alice")], 7)
    assert found["hides_now"]["count"] == 2
    assert [alert["id"] for alert in found["hides_now"]["alerts"]] == ["a1", "e5"]
    earlier = found["would_have_hidden"]
    assert (earlier["count"], earlier["of"]) == (2, 3)
    assert sorted((rule["title"], rule["count"]) for rule in earlier["rules"]) == [("Failure spike", 1), ("Other", 1)]
    assert (office.desk.silenced(None), office.status()[1], office.told()) == ([], None, [])


@pytest.mark.parametrize(
    ("matchers", "said"),
    [
        ([], "expected 1 to 20 matchers"),
        ([of("actor.idd", "x")], "did you mean 'actor.id'"),
        ([of("level", "urgent")], "expected a level out of"),
        ([of("actor.id", "x", "<=")], "compares levels only"),
        ([of("level", "m*", "<=")], "expected a level out of"),
        ([of("rule", "x", "=~")], "expected one of the operators"),
        ([of("rule", "")], "expected a value"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(tmp_path: Path, matchers: list[dict[str, str]], said: str) -> None:
    office = Office(tmp_path)
    with pytest.raises(ApiProblem, match=said) as caught:
        office.desk.silence(matchers, None, "1h", "x", "carol")
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("ends", "reason", "said"),
    [
        ("yesterday", "x", "'ends': expected how long from now"),
        ("2020-01-01T00:00:00Z", "x", "expected a time ahead"),
        ("91d", "x", "expected at most 90d from now"),
        ("1h", "  ", "expected why"),
    ],
)
def test_a_silence_needs_an_end_and_a_reason(tmp_path: Path, ends: str, reason: str, said: str) -> None:
    with pytest.raises(ApiProblem, match=said):
        Office(tmp_path).desk.silence([of("level", "low")], None, ends, reason, "carol")


def test_silences_and_exceptions_are_limited(tmp_path: Path) -> None:
    office = Office(tmp_path, silences_max=1, exceptions_max=1)
    office.say(opened())
    office.desk.silence([of("level", "low")], None, "1h", "x", "carol")
    with pytest.raises(ApiProblem, match=r"alert\.silences_max"):
        office.desk.silence([of("level", "low")], None, "1h", "x", "carol")
    office.desk.make_exception("a1", [{"name": "actor.id"}], "1d", "x", "carol")
    with pytest.raises(ApiProblem, match=r"alert\.exceptions_max"):
        office.desk.make_exception("a1", [{"name": "actor.id"}], "1d", "x", "carol")


def test_what_an_alert_turned_out_to_be_feeds_the_ratio_of_its_rule(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(*(opened(f"a{n}") for n in range(4)), opened("b1", rule=OTHER), opened("old", opened=START - 31 * DAY))
    for alert_id, disposition in (
        ("a0", "true_positive"),
        ("a1", "false_positive"),
        ("a2", "benign"),
        ("old", "benign"),
    ):
        shown = office.desk.dispose(alert_id, disposition, "carol", "seen")
        assert shown["disposition"]["value"] == disposition
    office.desk.dispose("a2", "true_positive", "dave", None)
    found = office.desk.ratios(30)
    assert found["rules"][0] == {
        "rule_id": RULE.id, "title": "Failure spike", "alerts": 4, "unresolved": 4, "true_positive": 2,
        "false_positive": 1, "benign": 0, "ratio": 0.6667,
    }  # fmt: skip
    assert "ratio" not in found["rules"][1]
    assert office.told()[-1]["changes"] == [{"field": "disposition", "new": "true_positive", "old": "benign"}]
    with pytest.raises(ApiProblem, match="expected one of true_positive"):
        office.desk.dispose("a0", "maybe", "carol", None)


def test_an_exception_takes_the_alerts_own_values_and_holds_from_the_next_event(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened())
    assert office.store.fresh_exceptions(1) == []
    assert office.store.fresh_exceptions(5) is None
    wanted = [{"name": "actor.id"}, {"name": "resource.name"}, {"name": "source.ip", "value": "10.0.0.7"}]
    made = office.desk.make_exception("a1", wanted, "30d", "backup", "carol")
    assert made["fields"] == [
        {"name": "actor.id", "value": "alice"},
        {"name": "resource.name", "value": "Q2 Sales Report"},
        {"name": "source.ip", "value": "10.0.0.7"},
    ]
    assert (made["state"], made["events"]) == ("waiting", 0)
    assert office.store.exceptions() == []
    fields = (("actor.id", "alice"), ("resource.name", "Q2 Sales Report"), ("source.ip", "10.0.0.7"))
    exception = RuleException(made["id"], RULE.id, fields, 43, office.now + 30 * DAY)
    assert office.store.fresh_exceptions(43) == [exception]
    office.store.apply([], Watermark(60, START), {made["id"]: ExceptionUse(2, START + 5)})
    office.store.apply([], Watermark(70, START), {made["id"]: ExceptionUse(1, START + 3)})
    ended = office.desk.end_exception(made["id"], "dave")
    assert (ended["state"], ended["events"], ended["ended_by"]) == ("ended", 3, "dave")
    assert ended["last"] == "2026-11-18T11:06:40.000005Z"
    assert office.store.fresh_exceptions(71) == [exception._replace(ended=71)]
    assert office.store.fresh_exceptions(99) is None
    office.store.close()
    assert Office(tmp_path).store.exceptions() == [exception._replace(ended=71)]
    assert office.changes == 2


def test_an_exception_is_over_by_the_clock(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.say(opened())
    made = office.desk.make_exception("a1", [{"name": "actor.id"}], "1d", "backup", "carol")
    office.now += DAY
    assert office.desk.look()
    assert (office.desk.excepted("over", RULE.id))[0]["id"] == made["id"]
    assert office.told()[-1]["event_type"] == "exception.expired"
    with pytest.raises(ApiProblem, match="is over already"):
        office.desk.end_exception(made["id"], "carol")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([], "expected 1 to 10 fields"),
        ([{"name": "actor.idd"}], "did you mean 'actor.id'"),
        ([{"name": "source.ip"}], "no event that the alert keeps has 'source.ip'"),
        ([{"name": "event_type"}], "several values of 'event_type'"),
        ([{"name": "actor.id"}, {"name": "actor.id", "value": "x"}], "named twice"),
    ],
)
def test_an_exception_that_cannot_be_meant_is_refused(tmp_path: Path, fields: list[dict[str, Any]], said: str) -> None:
    office = Office(tmp_path)
    office.events[event_id(1)] = {**EVENT, "event_type": "another"}
    office.say(opened())
    with pytest.raises(ApiProblem, match=said) as caught:
        office.desk.make_exception("a1", fields, "1d", "x", "carol")
    assert caught.value.status == 422
    assert office.desk.excepted(None, None) == []


def test_every_act_is_an_event_that_the_wire_takes_and_is_told_once(tmp_path: Path) -> None:
    office = Office(tmp_path, look_every=0.01)
    office.say(opened())
    for act in ("acknowledge", "resolve", "reopen"):
        office.desk.act("a1", act, "carol", "because")
    office.desk.dispose("a1", "benign", "carol", None)
    silence = office.desk.silence([of("level", "low")], None, "1h", "x", "carol")
    office.desk.end_silence(silence["id"], "carol")
    exception = office.desk.make_exception("a1", [{"name": "actor.id"}], "1d", "x", "carol")
    office.desk.end_exception(exception["id"], "carol")
    events = office.told()
    assert [event["event_type"] for event in events] == [
        "alert.acknowledged", "alert.resolved", "alert.reopened", "alert.disposed", "silence.created", "silence.ended",
        "exception.created", "exception.ended",
    ]  # fmt: skip
    assert {(event["actor.id"], event["category"], event["module"]) for event in events} == {
        ("carol", "meta", "alerts")
    }
    assert decode_batch(encode_batch(len(events), columns_of(events)), bytes_max=1 << 20).n == len(events)
    assert (events[0]["resource.type"], events[0]["resource.id"]) == ("alert", "a1")
    assert events[0]["details"]["note"] == "because"

    stored: list[tuple[str, Any]] = []

    async def tell(told: Sequence[Mapping[str, Any]], key: str) -> str | None:
        if len(stored) == 3 and stored[-1] != ("", "busy"):
            stored.append(("", "busy"))
            return "busy"
        stored.extend((key, event["event_type"]) for event in told)
        return None

    async def run_until_all_is_told() -> None:
        running = asyncio.create_task(office.awaited.run(stop := Stop(), tell))
        while await asyncio.to_thread(office.told):
            await asyncio.sleep(0.01)
        stop.asked.set()
        await running

    asyncio.run(run_until_all_is_told())
    keys = [key for key, _ in stored if key]
    assert len(keys) == 11  # the three that were stored before it was busy came again, under the same keys
    assert len(set(keys)) == len(events)


def test_the_query_of_an_alert_names_what_all_its_events_share(tmp_path: Path) -> None:
    office = Office(tmp_path, public_url="https://log.example.com")
    office.say(opened(group=(("actor.id", 'al "ice"'), ("org", None), ("alias", "x"))), opened("b2", events=5))
    shown = office.desk.get("a1")
    moment = "2026-11-18T11:06:40.000000Z"
    assert shown["query"] == (
        'actor.id:"al \\"ice\\"" -has:org action:execute event_type:notebook_executed resource.type:notebook '
        f"time:{moment}..{moment}"
    )
    assert shown["permalink"] == "https://log.example.com/v1/alerts/a1"
    assert shown["search"]["href"].startswith("https://log.example.com/v1/events?q=actor.id")
    # Of the other one only three of five events are known: what they share may not hold for the rest.
    assert (office.desk.get("b2"))["query"].startswith("actor.id:alice time:")
