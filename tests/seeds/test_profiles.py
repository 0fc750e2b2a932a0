"""Each profile makes of each name what the catalogue says it means: the two are held together here."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from agent.profile import CompiledProfile
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, flat
from tests.seeds.activity import CATALOGUES, Activity, activity

ALL = list(activity())
PROFILES: Mapping[str, CompiledProfile] = {
    name: compiled(DEFINITIONS[name], include=tuple(DEFINITIONS[name].kinds)) for name in {each.profile for each in ALL}
}


def event_of(each: Activity) -> dict[str, Any]:
    profile = PROFILES[each.profile]
    made = profile([each.line.encode()], READ_US)
    assert not made.unparsed, made.unparsed
    (row,) = made.rows
    return flat(profile, row)


def test_there_is_activity_for_every_entry_of_every_catalogue() -> None:
    assert Counter(each.profile for each in ALL) == {
        "harbr": 57,
        "harness-audit": 146 + 43 + 3 * 6 + 2 * 9,  # identity actions on 4 types, pipeline actions on 3
        "harness-sei": 26 * 10,
        "workspace-platform": 28 + 5,
        "notebook-platform": 9 * 10,
        "notebook-platform-csv": 9,
    }
    assert {profile for catalogue in CATALOGUES.values() for profile in catalogue.profiles} == set(PROFILES)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_name_becomes_what_the_catalogue_says_it_means(name: str) -> None:
    wrong: list[tuple[str, str, Any, Any]] = []
    for each in ALL:
        if each.profile == name:
            event = event_of(each)
            wrong += [
                (each.about, field, wanted, event.get(field))
                for field, wanted in each.expected.items()
                if event.get(field) != wanted
            ]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_event_answers_who_what_when_where_and_with_what_result(name: str) -> None:
    for each in ALL:
        if each.profile == name:
            event = event_of(each)
            who = event.get("actor.id") or event["actor.type"] in ("service", "system", "anonymous")
            where = event.get("resource.id") or event.get("resource.name")
            # How a run ended, its end does not say unless its line has a status.
            ended = event.get("outcome") or event["event_type"] in ("END", "STAGE_END")
            assert who and event["action"] and event["category"] and where and ended, each.about  # noqa: PT018
            assert "time_assumed" not in event.get("flags", ())
            assert event["time"] < READ_US


def test_what_a_line_has_besides_stays_in_the_details() -> None:
    (first,) = (each for each in ALL if each.about == "Asset created")
    assert event_of(first)["details"] == {"attempt": 0, "tags": ["a", "b"]}


@pytest.mark.parametrize("spelling", [str.upper, str.lower, lambda name: name.title().replace(" ", ""), "as a code"])
def test_a_name_may_be_spelt_in_other_ways(spelling: Any) -> None:
    """As ``ASSET_CREATED``, ``asset.created``, ``AssetCreated``: what it means stays the same."""
    for each in ALL:
        if each.profile != "harbr":
            continue
        name = each.about
        words = name.lower().replace(" ", ".") if spelling == "as a code" else spelling(name)
        words = words.replace(" ", "_") if spelling is str.upper else words
        event = event_of(each._replace(line=each.line.replace(f'"type": "{name}"', f'"type": "{words}"')))
        assert event["event_type"] == words
        for field in ("action", "category", "outcome", "reason", "actor.type"):
            assert event.get(field) == event_of(each).get(field), (words, field)
