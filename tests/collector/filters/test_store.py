"""Saved filters in a real ``state.db``: who sees, changes and removes which."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from collector.filters import FilterSettings, FilterStore
from collector.problem import ApiProblem
from collector.state import COMPATIBILITY, open_state
from watchbook.clock import parse_rfc3339

NOW = parse_rfc3339("2026-11-21T12:00:00Z")


def a_filter(name: str = "Failed logins", visibility: str = "mine", **content: Any) -> dict[str, Any]:
    return {"name": name, "visibility": visibility, "q": None, "filters": {}, "exclude": [], "range": None, **content}


@pytest.fixture
def store(tmp_path: Path) -> FilterStore:
    path = tmp_path / "state.db"
    open_state(path).close()
    return FilterStore(path, COMPATIBILITY, FilterSettings(per_owner_max=3), lambda: NOW)


def refused(status: int, call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """Return the detail of the problem that a call raises."""
    with pytest.raises(ApiProblem) as caught:
        call(*arguments, **named)
    assert caught.value.status == status, caught.value.detail
    return caught.value.detail


def names(found: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(one["owner"], one["name"]) for one in found]


def test_a_filter_comes_back_as_it_was_saved(store: FilterStore) -> None:
    saved = a_filter(
        q="outcome:failure", filters={"actor": ["alice", "bob"]}, exclude=["system"], range={"from": "30d", "to": None}
    )
    made = store.create(saved, "alice")
    assert made == {
        **saved,
        "id": made["id"],
        "owner": "alice",
        "version": 1,
        "created": "2026-11-21T12:00:00.000000Z",
        "changed": "2026-11-21T12:00:00.000000Z",
        "changed_by": "alice",
    }
    assert store.get(made["id"], "alice") == made


def test_a_filter_of_somebodys_own_is_as_if_it_were_not_there(store: FilterStore) -> None:
    own = store.create(a_filter(), "alice")["id"]
    store.create(a_filter("Shared", "everyone"), "alice")
    assert names(store.visible("bob")) == [("alice", "Shared")]
    missing = refused(404, store.get, "0" * 16, "bob")
    assert refused(404, store.get, own, "bob") == missing.replace("0" * 16, own)
    refused(404, store.change, own, a_filter(), "bob", None)
    refused(404, store.remove, own, "bob", None, any_owner=True)


def test_everyone_may_change_what_everyone_sees_but_not_take_it_away(store: FilterStore) -> None:
    made = store.create(a_filter("Shared", "everyone"), "alice")
    changed = store.change(made["id"], a_filter("Renamed", "everyone", q="action:read"), "bob", made["version"])
    assert (changed["name"], changed["q"], changed["version"], changed["changed_by"], changed["owner"]) == (
        "Renamed", "action:read", 2, "bob", "alice",
    )  # fmt: skip
    assert "only its owner, 'alice'" in refused(403, store.change, made["id"], a_filter("Mine"), "bob", 2)
    assert "only its owner, 'alice'," in refused(403, store.remove, made["id"], "bob", 2, any_owner=False)
    store.remove(made["id"], "bob", 2, any_owner=True)
    assert store.visible("alice") == []


def test_a_change_of_another_version_is_refused_and_changes_nothing(store: FilterStore) -> None:
    made = store.create(a_filter("Shared", "everyone"), "alice")
    store.change(made["id"], a_filter("Shared", "everyone", q="first"), "bob", 1)
    assert "'bob' changed the filter" in refused(412, store.change, made["id"], a_filter(), "alice", 1)
    refused(412, store.remove, made["id"], "alice", 1, any_owner=False)
    assert store.get(made["id"], "alice")["q"] == "first"


def test_of_many_changes_of_the_same_version_one_is_made(store: FilterStore) -> None:
    made = store.create(a_filter(), "alice")
    outcomes: list[int] = []

    def change(number: int) -> None:
        try:
            store.change(made["id"], a_filter(q=str(number)), "alice", 1)
            outcomes.append(200)
        except ApiProblem as problem:
            outcomes.append(problem.status)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200, 412, 412, 412, 412]


def test_a_name_is_unique_for_its_owner_and_among_everyones(store: FilterStore) -> None:
    store.create(a_filter("Straße"), "alice")
    assert "there is a filter named 'STRASSE' already" in refused(409, store.create, a_filter("STRASSE"), "alice")
    store.create(a_filter("Straße", "everyone"), "bob")
    refused(409, store.create, a_filter("strasse", "everyone"), "carol")
    other = store.create(a_filter("Other"), "alice")
    refused(409, store.change, other["id"], a_filter("Straße"), "alice", 1)
    assert names(store.visible("alice")) == [("alice", "Other"), ("alice", "Straße"), ("bob", "Straße")]


def test_the_number_of_filters_is_limited_for_each_owner(store: FilterStore) -> None:
    for number in range(3):
        store.create(a_filter(str(number)), "alice")
    assert "'filters.per_owner_max'" in refused(409, store.create, a_filter("more"), "alice")
    store.create(a_filter("more"), "bob")
