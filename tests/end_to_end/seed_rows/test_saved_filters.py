"""Saved filters: made, renamed, applied, removed; for oneself and for everyone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.seed_rows.desk import OF_THE_LOG, Answer, Desk
from tests.end_to_end.seed_rows.journal import value

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

FAILED = {"name": "Failed logins", "filters": {"action": ["login"], "status": ["Failed"]}}


@pytest.fixture(autouse=True)
def _without_filters(desk: Desk, colleague: str) -> Iterator[None]:
    yield
    for token in (desk.stand.token, colleague):
        for each in desk.get("/v1/filters", token=token)["filters"]:
            if each["owner"] == ("colleague" if token == colleague else "operator"):
                desk.send("DELETE", f"/v1/filters/{each['id']}", token=token, If_Match="*")


def _save(desk: Desk, document: dict[str, Any], token: str | None = None) -> Any:
    answer = desk.send("POST", "/v1/filters", document, token=token)
    assert answer.status == 201, answer.body
    assert answer.headers["Location"] == f"/v1/filters/{answer.document['id']}"
    return answer.document


def _names(desk: Desk, token: str | None = None) -> list[str]:
    return [each["name"] for each in desk.get("/v1/filters", token=token)["filters"]]


def _put(desk: Desk, made: Any, token: str | None = None, version: int | None = None, **changed: Any) -> Answer:
    document = {name: made[name] for name in ("name", "visibility", "q", "filters", "exclude", "range")} | changed
    path, tag = f"/v1/filters/{made['id']}", f'"{version or made["version"]}"'
    return desk.send("PUT", path, document, token=token, If_Match=tag)


def test_a_filter_is_made_renamed_applied_and_removed(desk: Desk) -> None:
    """Row 74."""
    made = _save(desk, FAILED)
    assert _names(desk) == ["Failed logins"]
    renamed = _put(desk, made, name="Refused logins")
    assert renamed.status == 200
    assert _names(desk) == ["Refused logins"]
    kept = desk.get(f"/v1/filters/{made['id']}")
    meant = desk.journal.numbers(lambda e: e["action"] == "login" and value(e, "outcome") == "failure")
    assert desk.numbers(**kept["filters"]) == meant != []
    removed = desk.send("DELETE", f"/v1/filters/{made['id']}", If_Match=f'"{renamed.document["version"]}"')
    assert removed.status == 204
    assert desk.ask(f"/v1/filters/{made['id']}").status == 404
    assert _names(desk) == []


def test_the_operators_words_do_the_same(desk: Desk) -> None:
    """Row 74: save, list, apply, remove."""
    saved = desk.operate("filters", "save", "Failed logins", "action:login", "outcome:failure", "--exclude", "system")
    assert saved.exit_code == 0, saved.output
    assert [each["name"] for each in desk.said("filters", "list")] == ["Failed logins"]
    meant = desk.journal.numbers(lambda e: e["action"] == "login" and value(e, "outcome") == "failure")
    found = desk.said("search", "--filter", "Failed logins", "--all")
    assert sorted(event["details"]["n"] for event in found) == meant
    assert desk.operate("filters", "rm", "Failed logins").exit_code == 0
    assert desk.operate("search", "--filter", "Failed logins").exit_code != 0


def test_a_filter_that_could_not_be_applied_is_not_saved(desk: Desk) -> None:
    """Row 74: a mistake is told when it is made, not when somebody needs the filter."""
    for wrong in ({"q": "staus:failed"}, {"filters": {"colour": ["red"]}}, {"range": {"from": "yesterday-ish"}}):
        assert desk.send("POST", "/v1/filters", {"name": "Wrong", **wrong}).status in (400, 422)
    assert _names(desk) == []


def test_only_me_means_that_nobody_else_sees_it(desk: Desk, colleague: str) -> None:
    """Row 75: not in the list, not by its id, neither to read nor to change."""
    made = _save(desk, FAILED)
    assert made["visibility"] == "mine"
    assert _names(desk, colleague) == []
    assert desk.ask(f"/v1/filters/{made['id']}", token=colleague).status == 404
    assert _put(desk, made, token=colleague, name="Mine now").status == 404
    assert desk.send("DELETE", f"/v1/filters/{made['id']}", token=colleague, If_Match="*").status == 404
    assert _names(desk) == ["Failed logins"]


def test_everyone_may_see_and_edit_what_is_shared(desk: Desk, colleague: str) -> None:
    """Row 75: "who can view and edit"."""
    made = _save(desk, {**FAILED, "visibility": "everyone"})
    assert _names(desk, colleague) == ["Failed logins"]
    changed = _put(desk, made, token=colleague, q="org:default")
    assert changed.status == 200
    assert changed.document["changed_by"] == "colleague"
    assert desk.get(f"/v1/filters/{made['id']}")["q"] == "org:default"


def test_no_change_is_overwritten_unseen(desk: Desk, colleague: str) -> None:
    """Row 75: of two who edit the same version, the second is told."""
    made = _save(desk, {**FAILED, "visibility": "everyone"})
    assert _put(desk, made, token=colleague, q="org:default").status == 200
    assert _put(desk, made, q="org:payments").status == 412
    assert _put(desk, made, version=2, q="org:payments").status == 200


def test_a_filter_holds_no_range_unless_asked(desk: Desk) -> None:
    """Row 76: saving is not applying; what is applied looks at the last seven days unless a range is set."""
    made = _save(desk, {"name": "Old projects", "filters": {"type": ["PROJECT"]}})
    assert made["range"] is None
    page = desk.get("/v1/events", **made["filters"], q=OF_THE_LOG)
    assert page["range"]["default"] is True
    assert [e for e in page["events"] if e["resource"]["id"].startswith("old")] == []
    told = desk.operate("search", "--filter", "Old projects")
    assert "default range" in told.stderr
    found = desk.said("search", "--filter", "Old projects", "--since", "730d")
    assert [e["resource"]["id"] for e in found if e["resource"]["id"].startswith("old")] == [
        f"old-{number}" for number in range(4)
    ]


def test_a_range_that_was_asked_for_is_kept_and_can_be_replaced(desk: Desk) -> None:
    """Row 76."""
    made = _save(desk, {"name": "Long", "filters": {"type": ["PROJECT"]}, "range": {"from": "250d"}})
    assert made["range"] == {"from": "250d", "to": None}

    def old(*words: str) -> list[str]:
        found = desk.said("search", "--filter", "Long", *words)
        return [e["resource"]["id"] for e in found if e["resource"]["id"].startswith("old")]

    assert old() == ["old-0", "old-1"]
    assert old("--since", "150d") == ["old-0"]
