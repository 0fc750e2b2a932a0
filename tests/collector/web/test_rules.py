"""``/v1/rules`` over HTTP, with a real keeper over the shipped rules and rules of our own."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from collector.detect import RuleSet, load_rules
from collector.state import COMPATIBILITY
from collector.switches import RuleSwitches
from tests.collector.detect.rules import RULE_ID, detection
from tests.collector.web.conftest import Face
from tests.collector.web.kept_rules import KeptRules
from watchbook.configfile import ConfigError, Problem
from watchbook.daemon import Stop

ADMIN = {"X-Caller": "root", "X-Scopes": "read admin"}


async def send(face: Face, path: str, expect: int, body: Any = None, **headers: str) -> Any:
    async with face.client.post(path, json=body, headers=ADMIN | headers) as response:
        assert response.status == expect, await response.text()
        return await response.json()


async def test_rules_are_listed_with_what_they_found_and_cost(face: Face) -> None:
    found = await face.get("/v1/rules")
    assert found["problems"] == []
    by_name = {rule["name"]: rule for rule in found["rules"]}
    assert {"failure_spike", "large_export", "permission_change", "agent_silent"} <= by_name.keys()
    spike = by_name["failure_spike"]
    assert spike["kind"] == "correlation"
    assert spike["state"] == "active"
    assert spike["alerts_24h"] == spike["matched"] == 0
    assert spike["cost"] == {"us_per_event": 0.0, "seconds": 0.0, "asked": 0}
    assert any(rule["state"] == "counted" for rule in found["rules"])
    counted = await face.get("/v1/rules?state=counted")
    assert {rule["state"] for rule in counted["rules"]} == {"counted"}
    await face.get("/v1/rules?state=asleep", 400)


async def test_one_rule_is_shown_by_name_or_id_with_its_text_and_what_it_comes_to(face: Face) -> None:
    found = await face.get("/v1/rules/large_export")
    assert await face.get(f"/v1/rules/{found['id']}") == found
    assert "measures.rows" in found["condition"]
    assert f"id: {found['id']}" in found["text"]
    assert found["correlation"] is None
    spike = await face.get("/v1/rules/failure_spike")
    assert spike["condition"] is None
    assert spike["correlation"]["type"] == "event_count"
    await face.get("/v1/rules/none", 404)


async def test_a_rule_is_switched_off_and_on_and_each_is_told_in_the_log(face: Face) -> None:
    off = await send(face, "/v1/rules/large_export/disable", 200, {"reason": "migration"})
    assert (off["state"], off["reason"], off["changed_by"]) == ("disabled", "migration", "root")
    assert off["id"] not in face.kept.watch.engine.counters
    assert not (await asyncio.to_thread(face.kept.switches.all))[off["id"]].enabled
    on = await send(face, "/v1/rules/large_export/enable", 200)
    assert (on["state"], on["reason"]) == ("active", None)
    assert on["id"] in face.kept.watch.engine.counters
    told: list[tuple[dict[str, Any], str]] = []

    async def tell(events: Any, key: str) -> str | None:
        told.extend((dict(event), key) for event in events)
        stop.asked.set()
        return None if len(told) > 1 else "the disk is full"

    stop = Stop()
    await face.kept.keeper.run(stop, tell)
    stop = Stop()
    await face.kept.keeper.run(stop, tell)
    types = [event["event_type"] for event, _ in told]
    assert types == ["rule.disabled", "rule.disabled", "rule.enabled"]  # the first could not be stored at once
    assert told[0][1] == told[1][1] != told[2][1]
    assert told[1][0]["actor.id"] == "root"
    assert told[1][0]["reason"] == "migration"
    assert await asyncio.to_thread(face.kept.switches.waiting) == []


async def test_a_rule_that_is_only_counted_cannot_be_switched_off_for_that_would_change_nothing(face: Face) -> None:
    for act, body in (("disable", {}), ("shadow", {"shadow": True})):
        problem = await send(face, f"/v1/rules/failed_operation/{act}", 409, body)
        assert problem["detail"] == (
            "'Failed operation' raises no alerts of its own; switch what counts it: failure_spike"
        )
    problem = await send(face, "/v1/rules/failed_login/disable", 409, {})  # counted by a rule that is counted itself
    assert problem["detail"].endswith("switch what counts it: brute_force_success")
    assert await asyncio.to_thread(face.kept.switches.all) == {}


async def test_a_rule_says_what_it_needs_and_what_it_keeps_quiet(face: Face) -> None:
    found = await face.get("/v1/rules/brute_force_success")
    assert found["correlation"] == {
        "type": "temporal_ordered", "rules": ["many_failed_logins", "login_after_failures"],
        "group_by": ["actor.id", "source.ip"], "timespan_s": 600,
    }  # fmt: skip
    assert found["inhibits"] == [
        {"rule": "failure_spike", "equal": ["actor.id"]},
        {"rule": "lockout_then_login", "equal": ["actor.id", "source.ip"]},
    ]


async def test_only_a_token_with_the_scope_admin_changes_rules(face: Face) -> None:
    await send(face, "/v1/rules/large_export/disable", 200)
    assert face.asked[-1] == "admin"
    await send(face, "/v1/rules/large_export/enable", 200)
    assert face.asked[-1] == "admin"
    await send(face, "/v1/rules/reload", 200)
    assert face.asked[-1] == "admin"
    await face.get("/v1/rules")
    assert face.asked[-1] == "read"


@pytest.mark.parametrize("body", [{"why": "x"}, {"reason": 5}, [], {"reason": "x" * 1001}])
async def test_a_body_that_is_no_reason_is_refused(face: Face, body: Any) -> None:
    await send(face, "/v1/rules/large_export/disable", 413 if len(str(body)) > 1000 else 422, body)
    assert await asyncio.to_thread(face.kept.switches.all) == {}
    await send(face, "/v1/rules/none/disable", 404)


async def test_rules_that_are_wrong_change_nothing_and_every_mistake_is_in_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "rule.yml"
    await asyncio.to_thread(path.write_text, detection("action: read"))

    def load() -> RuleSet:
        return load_rules([path])

    kept = await asyncio.to_thread(KeptRules, tmp_path / "state.db", load)
    try:
        keeper = kept.keeper
        await asyncio.to_thread(path.write_text, detection("actin: read\nnope: 1"))
        refused = await keeper.reload("root")
        assert not refused["reloaded"]
        assert [text.removeprefix(f"{path}:").split(" ")[0] for text in refused["problems"]] == ["8:5:", "9:5:"]
        assert "(and 1 more)" in keeper.problems[0]
        assert keeper.reloads == {"taken": 0, "refused": 1}
        assert (await asyncio.to_thread(keeper.listed))[0]["title"] == "A test"
        await asyncio.to_thread(path.write_text, detection("action: delete").replace("A test", "Another"))
        assert await keeper.reload("root") == {
            "reloaded": True, "rules": 1, "added": 0, "removed": 0, "changed": 1, "problems": []
        }  # fmt: skip
        assert keeper.problems == []
        assert (await asyncio.to_thread(keeper.get, RULE_ID))["title"] == "Another"
        assert [report.event["event_type"] for report in await asyncio.to_thread(kept.switches.waiting)] == [
            "rules.refused",
            "rules.reloaded",
        ]
    finally:
        await kept.close()


async def test_a_failure_that_nobody_thought_of_changes_nothing_either(tmp_path: Path) -> None:
    answers: list[Any] = [RuleSet(()), RuntimeError("odd"), ConfigError([Problem("a.yml", 1, 2, "wrong")])]

    def load() -> RuleSet:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]

    kept = await asyncio.to_thread(KeptRules, tmp_path / "state.db", load)
    try:
        assert "cannot be read: RuntimeError('odd')" in (await kept.keeper.reload())["problems"][0]
        assert (await kept.keeper.reload())["problems"] == ["a.yml:1:2: wrong"]
        assert await asyncio.to_thread(RuleSwitches(tmp_path / "state.db", COMPATIBILITY).all) == {}
    finally:
        await kept.close()
