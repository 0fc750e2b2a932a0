"""The samples of the profiles of cloud services: each line becomes exactly the event beside it, and says it whole."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.profile.samples import run_samples
from agent.sample_cli import _compile
from tests.agent.profile.shipped import DEFINITIONS

SERVICES = (
    "atlassian", "azure-activity", "azure-audit", "azure-signin", "bitbucket", "bitbucket-text", "gcp-audit",
    "google-workspace", "microsoft365", "onepassword", "slack-audit", "teleport",
)  # fmt: skip
#: Where a value may be told in another form: times, words that are mapped, addresses in their canonical form.
TOLD_OTHERWISE = frozenset(
    [
        "activityDateTime",
        "CreationTime",
        "createdDateTime",
        "created",
        "eventTimestamp",
        "time",
        "TimeGenerated",
        "timestamp",
        "ActivityStatusValue",
        "ItemType",
        "objectType",
        "ResultStatus",
        "resultType",
        "type",
        "typeName",
        "ipAddress",
    ]
)
#: The name of a parameter leaves with its value.
NAMES = frozenset({"name", "Name", "key"})


@pytest.mark.parametrize("name", SERVICES)
def test_each_sample_becomes_the_event_beside_it(name: str) -> None:
    results = run_samples(DEFINITIONS[name], _compile)
    assert len(results) >= 8
    assert [(result.sample.note, result.differences) for result in results if result.differences] == []


@pytest.mark.parametrize("name", SERVICES)
def test_no_value_of_a_line_is_lost(name: str) -> None:
    for sample in DEFINITIONS[name].samples:
        if not sample.events or not sample.line.startswith("{"):
            continue
        told = json.dumps(sample.events, ensure_ascii=False)
        lost = [(path, value) for path, value in leaves(json.loads(sample.line)) if json.dumps(value)[1:-1] not in told]
        assert [found for found in lost if found[0] not in TOLD_OTHERWISE | NAMES] == [], sample.note


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of a JSON value, also those within a JSON text, each with the key it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, key)
    elif isinstance(value, str) and value:
        inside = json.loads(value) if value.startswith('{"') else None
        yield from leaves(inside) if inside else [(key, value)]
