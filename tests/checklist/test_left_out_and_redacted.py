"""Rows 109 and 121: what an agent does not send."""

import pytest

from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled
from tests.checklist.world import World, batches_of, event_of
from tests.seeds.activity import harness_audit

STEPS = {"START", "END", "STAGE_START", "STAGE_END"}


@pytest.mark.row(109)
def test_starts_and_ends_of_pipelines_are_left_out_and_counted_unless_an_input_asks_for_them() -> None:
    lines = [each.line.encode() for each in harness_audit()]
    steps = [each for each in harness_audit() if each.about.partition(" ")[0] in STEPS]
    assert len(steps) == 4 * 3
    usual = compiled(DEFINITIONS["harness-audit"])(lines, READ_US)
    assert usual.dropped == {"pipeline-execution": len(steps)}
    assert len(usual.rows) == len(lines) - len(steps)
    asked = compiled(DEFINITIONS["harness-audit"], include=("pipeline-execution",))(lines, READ_US)
    assert not asked.dropped
    assert len(asked.rows) == len(lines)


@pytest.mark.row(109)
def test_other_events_of_pipelines_are_not_left_out() -> None:
    lines = [(each.profile, each.line) for each in harness_audit()]
    sent = {event["event_type"] for batch in batches_of(lines) for event in batch}
    assert {"PAUSE", "RESUME", "ABORT", "TIMEOUT", "RERUN"} <= sent
    assert not STEPS & sent


@pytest.mark.row(121)
def test_both_examples_are_redacted_before_they_leave_the_agent(world: World) -> None:
    query = world.event(resource_name="row121-query")
    assert query["message"] == "query selected [REDACTED]"
    key = world.event(resource_name="row121-key")
    assert key["event_type"] == "API key updated (actual key not shown)"
    assert (key["action"], key["category"]) == ("update", "permission")
    assert world.events(q='"ak_live_51HxTq2eZvKYlo2C"') == []
    assert world.events(q="password_hash") == []


@pytest.mark.row(121)
@pytest.mark.parametrize("profile", sorted(DEFINITIONS.keys() & {"harbr", "harness-audit", "harness-sei"}))
def test_secrets_under_their_names_are_redacted_in_every_profile(profile: str) -> None:
    line = (
        '{"type": "Asset created", "action": "CREATE", "email": "a@example.com", "module": "CD", "resource": "r", '
        '"subject": {"id": "s"}, "actingUser": "a@example.com", "password": "hunter2hunter2", '
        '"details": {"api_key": "ak_live_51HxTq2eZvKYlo2C"}}'
    )
    event = str(event_of(profile, line))
    assert "hunter2" not in event
    assert "ak_live" not in event
    assert "[REDACTED]" in event
