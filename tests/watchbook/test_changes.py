"""What changed: creates, updates, deletes and reads as the sources show them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbook.changes import before_and_after, derive_changes


@pytest.mark.parametrize("empty", [None, "", {}])
def test_a_create_shows_the_whole_new_state_as_added(empty: Any) -> None:
    assert derive_changes(empty, {"name": "Q2", "plan": "free"}) == [
        {"field": "name", "new": "Q2"},
        {"field": "plan", "new": "free"},
    ]


@pytest.mark.parametrize("empty", [None, "", {}])
def test_a_delete_shows_the_whole_old_state_as_removed(empty: Any) -> None:
    assert derive_changes({"name": "Q2"}, empty) == [{"field": "name", "old": "Q2"}]


def test_an_update_of_a_plain_value_shows_both_values() -> None:
    assert derive_changes("Premium", "Enterprise") == [{"field": "value", "old": "Premium", "new": "Enterprise"}]


def test_an_update_of_an_object_shows_only_the_fields_that_differ() -> None:
    before = {"title": "Report", "visibility": "private", "owner": "alice"}
    after = {"title": "Q2 Sales Report", "visibility": "shared", "owner": "alice"}
    assert derive_changes(before, after) == [
        {"field": "title", "old": "Report", "new": "Q2 Sales Report"},
        {"field": "visibility", "old": "private", "new": "shared"},
    ]


def test_a_field_that_comes_or_goes_has_one_side_only() -> None:
    assert derive_changes({"old_only": 1}, {"new_only": 2}) == [
        {"field": "old_only", "old": 1},
        {"field": "new_only", "new": 2},
    ]


def test_a_read_has_no_changes() -> None:
    assert derive_changes(None, None) == []
    assert derive_changes("", "") == []
    assert derive_changes({"a": 1}, {"a": 1}) == []


def test_an_organization_update_names_the_changed_settings() -> None:
    before = {"name": "Acme", "plan": "Premium", "credits": {"monthly": 100}}
    after = {"name": "Acme", "plan": "Enterprise", "credits": {"monthly": 500}}
    assert [change["field"] for change in derive_changes(before, after)] == ["plan", "credits"]


def test_a_value_that_becomes_an_object_is_one_change() -> None:
    assert derive_changes("on", {"mode": "on"}) == [{"field": "value", "old": "on", "new": {"mode": "on"}}]


@pytest.mark.parametrize(("old", "new"), [(1, True), (0, False)])
def test_a_number_and_a_truth_value_differ(old: Any, new: Any) -> None:
    assert derive_changes({"a": old}, {"a": new}) == [{"field": "a", "old": old, "new": new}]


def test_false_and_zero_are_states() -> None:
    assert derive_changes(None, False) == [{"field": "value", "new": False}]
    assert derive_changes(0, None) == [{"field": "value", "old": 0}]


def test_the_two_states_come_back_from_a_list_of_changes() -> None:
    changes: list[dict[str, Any]] = [
        {"field": "title", "old": "a", "new": "b"},
        {"field": "added", "new": None},
        {"field": "gone", "old": 1},
    ]
    assert before_and_after(changes) == ({"title": "a", "gone": 1}, {"title": "b", "added": None})


_OBJECTS = st.dictionaries(st.sampled_from("abcd"), st.none() | st.booleans() | st.integers(0, 2) | st.text(max_size=1))


@given(_OBJECTS, _OBJECTS)
def test_what_changed_is_all_that_separates_the_two_states(before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = before_and_after(derive_changes(before, after))
    kept = {name: value for name, value in before.items() if name not in old}
    assert repr(sorted((kept | new).items())) == repr(sorted(after.items()))
