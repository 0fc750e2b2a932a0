"""Hostile names and values, large events, many fields, impossible times: a right answer or a clear refusal."""

from typing import Any

import pytest

from collector.problem import ApiProblem
from collector.query.canonical import canonical
from collector.query.language import parse_query
from tests.collector.query.memory_source import an_event
from tests.collector.query.test_answers import HOUR_US, NOW, At
from watchbook.clock import TIME_MAX_US, TIME_MIN_US, format_rfc3339

ALL_TIME = {"from": "0001-01-01T00:00:00Z"}
ODD = [
    "quote\"d", "a=b", "nul\0l", "\u202ertl\u202c", "back\\slash", "a b", "a:b", "(a)", "a,b", "*", "a*b", "-", "OR",
    "'; DROP TABLE block; --", "\ud7ff\ue000", "😀", "İ", "ß", "a" * 500, "[" * 50, "\n", "%s{0}",
]  # fmt: skip


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def in_form(at: At, form: str) -> At:
    at.indexes.reach["day-1"] = 0 if form == "decoded" else None
    if form == "sealed":
        at.source.seal("day-1", 3)
    return at


@pytest.mark.parametrize("form", ["decoded", "indexed", "sealed"])
def test_odd_values_are_found_and_counted_as_they_are(form: str) -> None:
    at = At()
    at.source.append([an_event(NOW - n, actor_id=odd, message=f"m{n}") for n, odd in enumerate(ODD)])
    in_form(at, form)
    for n, odd in enumerate(ODD):
        same = [f"m{k}" for k, other in enumerate(ODD) if other.casefold() == odd.casefold()]
        assert at.messages(f"actor.id:{quoted(odd)}") == same, odd
        assert f"m{n}" not in at.messages(f"-actor.id:{quoted(odd)}")
    values = at.ask("facets", fields=["actor"], size=100)["facets"]["actor"]["values"]
    assert {entry["value"] for entry in values} == set(ODD)


@pytest.mark.parametrize("form", ["decoded", "indexed", "sealed"])
def test_odd_names_in_details_can_be_asked_for(form: str) -> None:
    at = At()
    at.source.append([an_event(NOW - n, details={odd: n}, message=f"m{n}") for n, odd in enumerate(ODD)])
    in_form(at, form)
    for n, odd in enumerate(ODD):
        text = f"{quoted(f'details.{odd}')}:{n}"
        assert at.messages(text) == [f"m{n}"], odd
        assert parse_query(canonical(parse_query(text))) == parse_query(text)


@pytest.mark.parametrize("form", ["decoded", "indexed", "sealed"])
def test_ten_thousand_names_in_details_are_no_trouble(form: str) -> None:
    at = At()
    at.source.append([an_event(NOW, details={f"f{n}.{k}": k for k in range(100)}) for n in range(100)])
    in_form(at, form)
    assert len(at.ask("search", q="details.f77.99:99", limit=10)["events"]) == 1
    assert at.ask("facets", fields=["details.f77.99"])["facets"]["details.f77.99"]["missing"] == 99


@pytest.mark.parametrize("form", ["decoded", "indexed", "sealed"])
def test_an_event_of_a_megabyte_is_found_by_its_words(form: str) -> None:
    at = At()
    at.source.append([an_event(NOW, message="needle " + "x " * 500_000), an_event(NOW, message="hay")])
    in_form(at, form)
    (event,) = at.ask("search", q="needle")["events"]
    assert len(event["message"]) == 1_000_007
    assert at.ask("facets", fields=["message"])["facets"]["message"]["other"] == 0


@pytest.mark.parametrize("form", ["decoded", "indexed", "sealed"])
def test_times_of_all_years_are_in_order_and_in_range(form: str) -> None:
    at = At()
    times = [TIME_MIN_US, -1, 0, 1, NOW, TIME_MAX_US - 1, TIME_MAX_US]
    at.source.append([an_event(time) for time in times])
    in_form(at, form)
    found = at.ask("search", total=True, **ALL_TIME)
    assert [event["time"] for event in found["events"]] == [format_rfc3339(time) for time in reversed(times)]
    assert found["total"]["value"] == len(times)
    assert len(at.ask("search", **ALL_TIME, to="1970-01-01T00:00:00Z")["events"]) == 2
    assert len(at.ask("search", q="time:<1970-01-01", **ALL_TIME)["events"]) == 2
    assert len(at.ask("search", q="time:>=9999-12-31T23:59:59.999998Z", **ALL_TIME)["events"]) == 2
    histogram = at.ask("histogram", **ALL_TIME)
    assert histogram["total"]["value"] == len(times)
    assert sum(bucket["count"] for bucket in histogram["buckets"]) == len(times) - 2  # the chart ends a day ahead


@pytest.mark.parametrize("sealed", [False, True])
def test_a_clock_that_went_backwards_does_not_hide_what_was_received(sealed: bool) -> None:
    at = At()
    for received in (NOW, NOW - 3 * HOUR_US, NOW - HOUR_US):
        at.source.append([an_event(NOW, message=f"m{(NOW - received) // HOUR_US}")] * 2, received=received)
    if sealed:
        at.source.seal("day-1", 4)
    assert set(at.messages("received:>-2h")) == {"m0", "m1"}
    assert set(at.messages("received:<-2h")) == {"m3"}
    assert at.ask("search", q="-received:>-2h", total=True)["total"] == {"value": 2, "exact": True}


@pytest.mark.parametrize(
    "parameters",
    [
        {"q": "(" * 10_000},
        {"q": '"' + "[" * 10_000},
        {"q": "details" + ".a" * 100 + ":x"},
        {"filters": {"actor": ["x" * 10_000]}},
        {"filters": {"nul\0": ["x"]}},
        {"from": "\0"},
        {"from": "9" * 5000},
        {"cursor": "\ud800"},
        {"q": "duration:>" + "9" * 5000},
    ],
)
def test_what_is_too_much_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ApiProblem) as caught:
        At().ask("search", **parameters)
    assert caught.value.status == 400


def test_many_stars_over_a_long_text_take_no_time() -> None:
    at = At()
    at.source.append([an_event(NOW, message="a" * 100_000)])
    assert at.messages("event_type:" + "a*" * 200 + "b") == []
    assert at.messages("a*" * 200 + "b") == []
