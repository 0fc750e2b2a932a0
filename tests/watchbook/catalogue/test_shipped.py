"""The shipped catalogues hold exactly what the documents of the five systems list."""

import pytest

from watchbook.catalogue import Catalogue, Catalogues, Kind, load_catalogues
from watchbook.shipped import shipped_folder

CATALOGUES = Catalogues(load_catalogues([shipped_folder("config") / "catalogues"]))
BY_NAME = {catalogue.name: catalogue for catalogue in CATALOGUES.all}


def counts(catalogue: Catalogue, kind: Kind) -> dict[str, int]:
    return {group.name: len(group.entries) for group in catalogue.listing(kind).groups}


def test_there_is_one_for_each_of_the_five() -> None:
    assert set(BY_NAME) == {"harbr", "harness-audit", "harness-sei", "workspace-platform", "notebook-platform"}


def test_harbr_lists_57_event_types_in_11_groups_each_with_its_count() -> None:
    found = counts(BY_NAME["harbr"], "event_type")
    assert found == {
        "Asset": 7, "Connector": 5, "Data Share": 7, "Export": 4, "Organization": 2, "Process Instance": 2,
        "Product": 9, "Secret": 8, "Service Account": 4, "Subscription": 6, "User": 3,
    }  # fmt: skip
    assert sum(found.values()) == len({entry.name for entry in BY_NAME["harbr"].entries}) == 57


def test_harness_lists_146_resource_types_in_24_categories_and_41_actions_in_11_groups() -> None:
    harness = BY_NAME["harness-audit"]
    types, actions = harness.listing("resource_type"), harness.listing("action")
    assert (len(types.groups), len({entry.name for entry in types.entries})) == (24, 146)
    assert [entry.name for entry in types.entries if entry.is_wildcard] == ["CLOUD_ASSET_GOVERNANCE_*", "IDP_CATALOG_*"]
    assert (len(actions.groups), len(list(actions.entries))) == (11, 43)
    assert len({entry.name for entry in actions.entries}) == 41


def test_the_other_three_list_what_their_documents_do() -> None:
    sei, workspace, notebook = (BY_NAME[name] for name in ("harness-sei", "workspace-platform", "notebook-platform"))
    assert counts(sei, "resource_type") == {"Types": 20}
    assert len({entry.name for entry in sei.listing("action").entries}) == 10
    assert counts(sei, "object") == {"Tracked objects": 6}
    assert len(list(workspace.listing("resource_type").entries)) == 12
    assert counts(workspace, "action") == {
        "Workspace": 11, "Users": 5, "Organization": 4, "Plans": 3, "Invitations": 1, "Billing & Invoices": 2,
        "Activity Logs": 2,
    }  # fmt: skip
    assert [sum(counts(notebook, kind).values()) for kind in ("action", "resource_type", "outcome")] == [9, 10, 4]


@pytest.mark.parametrize("name", BY_NAME)
def test_every_entry_that_is_an_event_type_or_action_says_action_and_category_or_leaves_it_to_the_resource(
    name: str,
) -> None:
    for entry in BY_NAME[name].entries:
        if entry.kind in ("event_type", "action"):
            assert entry.action, entry
        if entry.kind == "event_type":
            assert entry.category, entry
            assert entry.description, entry


def test_a_misspelt_group_is_an_alias_of_the_proper_one() -> None:
    (match,) = CATALOGUES.find("module", "Suscription")
    assert (match.catalogue, match.meant.name, match.by_alias) == ("harbr", "Subscription", True)
    (proper,) = CATALOGUES.find("module", "Subscription")
    assert not proper.by_alias


@pytest.mark.parametrize(
    "spelling", ["Asset created", "ASSET_CREATED", "assetCreated", "asset created", "asset-created"]
)
def test_names_are_found_however_words_are_joined(spelling: str) -> None:
    assert [match.meant.name for match in CATALOGUES.find("event_type", spelling)] == ["Asset created"]


def test_a_wildcard_finds_what_begins_so_and_nothing_else() -> None:
    found = CATALOGUES.find("resource.type", "CLOUD_ASSET_GOVERNANCE_RULE_SET")
    assert [match.meant.name for match in found] == ["CLOUD_ASSET_GOVERNANCE_*"]
    assert CATALOGUES.find("resource.type", "CLOUD_ASSET") == []
    both = CATALOGUES.find("resource.type", "idp_catalog_connector")
    assert [match.meant.name for match in both] == ["IDP_CATALOG_CONNECTOR", "IDP_CATALOG_*"]


def test_only_queue_events_are_hidden() -> None:
    assert {name for name in CATALOGUES.hidden() if " " in name} == {
        "Process instance queued",
        "Process instance dequeued",
    }
