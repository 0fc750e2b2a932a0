"""``GET /v1/catalogue`` and ``exclude=hidden``."""

from typing import Any

import pytest

from tests.collector.web.conftest import Face
from tests.collector.web.memory_answers import an_event
from tests.collector.web.test_openapi import check, schema_of


def names(document: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in document["entries"]]


async def listed(face: Face, **parameters: Any) -> dict[str, Any]:
    found: dict[str, Any] = await face.get("/v1/catalogue", **parameters)
    check(found, schema_of("/v1/catalogue", 200))
    return found


async def test_all_catalogues_are_listed_with_their_counts(face: Face) -> None:
    found = await listed(face)
    lists = {(each["name"], one["kind"]): one for each in found["catalogues"] for one in each["lists"]}
    assert lists["harbr", "event_type"] == {
        "kind": "event_type", "field": "event_type", "groups": 11, "entries": 57, "names": 57,
    }  # fmt: skip
    assert (lists["harness-audit", "action"]["entries"], lists["harness-audit", "action"]["names"]) == (43, 41)
    assert len(found["entries"]) == sum(one["entries"] for one in lists.values())
    assert face.asked == ["read"]


async def test_an_entry_says_what_its_events_are(face: Face) -> None:
    (entry,) = (await listed(face, type="secret_access_unauthorized"))["entries"]
    assert entry == {
        "catalogue": "harbr", "kind": "event_type", "group": "Secret", "name": "Secret access unauthorized",
        "description": "Somebody without the right wanted to read a secret.", "action": "read", "category": "access",
        "outcome": "failure", "reason": "unauthorized", "hidden": False, "aliases": ["secret.access.unauthorized"],
        "applies_to": [],
    }  # fmt: skip


async def test_filters_narrow_down_and_take_a_trailing_star(face: Face) -> None:
    assert len(names(await listed(face, catalogue="harness-audit", kind="resource_type"))) == 146
    assert names(await listed(face, type="CLOUD_ASSET_GOVERNANCE_*")) == ["CLOUD_ASSET_GOVERNANCE_*"]
    assert names(await listed(face, type="CLOUD_ASSET_GOVERNANCE_RULE")) == ["CLOUD_ASSET_GOVERNANCE_*"]
    assert len(names(await listed(face, type="chaos_*"))) == 7
    found = await listed(face, group="suscription")
    assert [group["name"] for group in found["groups"]] == ["Subscription"]
    assert len(names(found)) == 6
    assert len(names(await listed(face, catalogue="harbr", hidden="true"))) == 2
    assert len(names(await listed(face, catalogue="harbr", hidden="false"))) == 55


async def test_a_catalogue_that_there_is_not_is_said_with_what_was_meant(face: Face) -> None:
    problem = await face.get("/v1/catalogue", 404, catalogue="harbor")
    assert problem["detail"] == "there is no catalogue 'harbor'; did you mean 'harbr'?"


async def test_what_came_and_is_not_listed_is_offered(face: Face) -> None:
    face.append(
        an_event(event_type="Asset created", resource={"type": "asset"}),
        an_event(event_type="Order placed", resource={"type": "QUANTUM_GATE"}),
        an_event(event_type="Order placed", module="Suscription"),
        an_event(event_type="asset.update.failed", resource={"type": "IDP_CATALOG_THING"}),
    )
    seen = (await listed(face, seen="true"))["seen"]
    assert seen["unlisted"] == [
        {"field": "event_type", "value": "Order placed", "count": 2},
        {"field": "resource.type", "value": "asset", "count": 1},
        {"field": "resource.type", "value": "QUANTUM_GATE", "count": 1},
    ]
    # The memory answers any query with all events: the details' alias is counted as all four.
    assert seen["aliases"] == [
        {"field": "event_type", "value": "asset.update.failed", "count": 1, "catalogue": "harbr",
         "meant": "Asset data update failed"},
        {"field": "module", "value": "Suscription", "count": 1, "catalogue": "harbr", "meant": "Subscription"},
        {"field": "details.group", "value": "Suscription", "count": 4, "catalogue": "harbr", "meant": "Subscription"},
    ]  # fmt: skip
    assert seen["other"] == 0


@pytest.mark.parametrize("path", ["/v1/events", "/v1/facets", "/v1/histogram"])
async def test_what_is_hidden_is_told_to_the_question_that_leaves_it_out(face: Face, path: str) -> None:
    face.answers.excluded["hidden"] = ("event_type", "Process instance queued")
    await face.get(path, exclude="hidden")
    assert "Process instance queued" in face.parameters()["hidden_types"]
    await face.get(path)
    assert "hidden_types" not in face.parameters()
