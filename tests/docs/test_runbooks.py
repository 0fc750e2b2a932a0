"""The pages for whoever was woken up: there is one for each rule, and its queries find what the alert is about."""

import re
from pathlib import Path
from typing import Any

import pytest

from collector.detect import Rule, load_rules
from collector.detect.documents import rule_files
from collector.query.language import parse_query
from collector.query.match import compile_plan
from tests.collector.detect.blocks import START, blocks_of
from tests.collector.detect.suites import cases_of, passes
from tests.docs.pages import ROOT, write_examples
from tests.docs.words import complaint_about
from watchbook.shipped import shipped_folder

RULES = shipped_folder("rules")
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
HEADINGS = ["What it means", "What to look at", "What to do", "How to make it quieter"]
#: What people put where a page has a word in capitals.
CAPITALS = {"ADDRESS": "192.0.2.1", "NAME": "alice", "COLLECTOR": "log01"}
BY_NAME = pytest.mark.parametrize("path", rule_files(RULES), ids=lambda path: path.stem)


def only(path: Path) -> Rule:
    (rule,) = load_rules([path]).rules
    return rule


def page_of(path: Path) -> str:
    return (RUNBOOKS / f"{path.stem}.md").read_text(encoding="utf-8")


def searches_in(text: str) -> list[str]:
    return re.findall(r"watchbook search '([^']+)'", text)


def filled(query: str, group: dict[str, Any]) -> str:
    """Return a query with the values of an alert's group, as whoever reads the page puts them in."""
    for word, value in CAPITALS.items():
        query = re.sub(rf"\b{word}\b", value, query)
    return re.sub(r"<([a-z_.]+)>", lambda found: str(group[found[1]]), query)


def found_by(query: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    select = compile_plan(parse_query(query, START))
    (block,) = blocks_of(events, size=len(events))
    return [events[index] for index in select(block, range(len(events)))]


@BY_NAME
def test_a_rule_and_its_page_belong_together(path: Path) -> None:
    rule, page = only(path), page_of(path)
    assert rule.brief.runbook == f"docs/runbooks/{path.stem}.md"
    assert page.startswith(f"# {rule.brief.title}\n")
    assert f"level `{rule.brief.level}`" in page
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS
    assert "One alert for each " + " and ".join(f"`{field}`" for field in rule.group_by) in page
    assert f"| [{path.stem}]({path.stem}.md) | {rule.brief.title} | `{rule.brief.level}` |" in (
        RUNBOOKS / "README.md"
    ).read_text(encoding="utf-8")


def test_no_page_is_left_over() -> None:
    assert {path.stem for path in PAGES} - {path.stem for path in rule_files(RULES)} == {
        "README", "weekly-review", "investigations",
    }  # fmt: skip


@BY_NAME
def test_queries_can_be_asked_with_whatever_the_alert_names(path: Path) -> None:
    rule = only(path)
    odd = dict.fromkeys(rule.group_by, "Smith, Bob (arn:aws:iam::1:user/x)") | {"source.ip": "2001:db8::7"}
    response = searches_in(rule.brief.response or "")
    assert response or path.stem == "store_tampered"
    for query in searches_in(page_of(path)) + response:
        parse_query(filled(query, odd), START)
        assert set(re.findall(r"<([a-z_.]+)>", query)) <= set(rule.group_by)


@BY_NAME
def test_the_first_query_of_a_page_finds_the_events_of_its_alerts(path: Path) -> None:
    query = searches_in(page_of(path))[0]
    alerts = 0
    for case, _ in cases_of(RULES / "tests" / path.name):
        for expected in case.expect:
            if None not in expected.group.values():
                alerts += 1
                found = found_by(filled(query, dict(expected.group)), case.events_from(START))
                assert len(found) >= expected.count, f"{case.place}: {expected.group}"
    assert alerts >= 3


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_of_a_page_can_be_typed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    commands = re.findall(r"^watchbook .+$", text, re.MULTILINE) + re.findall(r"`(watchbook [^`]+)`", text)
    assert [complaint for each in commands if (complaint := complaint_about(each, complete=False))] == []


def test_the_rule_for_a_source_that_falls_silent_does_what_its_tests_say(tmp_path: Path) -> None:
    write_examples(RUNBOOKS / "agent_silent.md", tmp_path)
    rules = load_rules([tmp_path / "rules"])
    assert [rule.brief.title for rule in rules.rules] == ["Source silent"]
    cases = cases_of(tmp_path / "rules" / "tests" / "source_silent.yml")
    assert [case.name for case, blocks in cases if not passes(rules, case, blocks)] == []
    assert len(cases) > 3


def event(at: int, actor: str, action: str, resource: str, **fields: Any) -> dict[str, Any]:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return {"time": START + at, "actor.type": "user", "actor.id": actor, "action": action, "outcome": "success",
            "resource.type": "database", "resource.id": resource, **named}  # fmt: skip


HAPPENED = {
    "read": event(1, "alice@example.com", "read", "sales_db", category="access"),
    "queried": event(2, "bob@example.com", "execute", "sales_db", category="data", measures={"rows": 120_000}),
    "granted": event(3, "carol@example.com", "grant", "sales_db", category="permission"),
    "exported": event(4, "bob@example.com", "export", "sales_db", category="export", measures={"rows": 250_000}),
    "altered": event(5, "bob@example.com", "update", "sales_db", category="configuration",
                     changes=[{"field": "plan", "old": "a", "new": "b"}]),
    "set": event(6, "dave@example.com", "update", "pool", category="configuration"),
    "logged in": event(7, "bob@example.com", "login", "portal", category="authentication"),
    "in his place": event(8, "support@example.com", "delete", "draft", category="data",
                          actor__on_behalf_of="bob@example.com"),
    "failed": event(9, "scheduler", "execute", "nightly", category="data", outcome="failure",
                    reason="Step 2 - database connection timeout", source__request_id="req-7"),
    "began": event(10, "scheduler", "start", "nightly", category="lifecycle", source__request_id="req-7"),
    "refused": event(11, "mallory", "login", "portal", category="authentication", outcome="failure"),
    "secret": event(12, "bob@example.com", "read", "db-password", category="access", resource__type="secret"),
    "published": event(13, "carol@example.com", "share", "dashboard", category="permission",
                       changes=[{"field": "visibility", "old": "private", "new": "public"}]),
    "impersonated": event(14, "support@example.com", "impersonate", "portal", category="access"),
    "all fetched": event(15, "jack@example.com", "read", "workspaces", category="access", event_type="Fetch All"),
    "gone": event(16, "web01", "lose", "app.log", category="system", event_type="agent.bytes_lost", outcome="failure"),
}  # fmt: skip


def answers_of(name: str) -> dict[str, list[set[str]]]:
    """Return for each section of a page what its queries find of what happened."""
    names = {event["time"]: name for name, event in HAPPENED.items()}
    sections = re.split(r"^## ", (RUNBOOKS / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        section.splitlines()[0]: [
            {names[found["time"]] for found in found_by(query, list(HAPPENED.values()))}
            for query in searches_in(section)
        ]
        for section in sections
    }


def test_row_98_four_investigations_find_what_happened() -> None:
    by_bob = {"queried", "exported", "altered", "logged in", "secret"}
    assert answers_of("investigations.md") == {
        "What changed?": [{"queried", "granted", "exported", "altered"},
                          {"granted", "altered", "set", "published", "began"}],
        "What did this person do?": [by_bob | {"in his place"}, {"queried", "exported", "altered", "in his place"},
                                     {"in his place"}],
        "Where did the data go?": [{"read", "queried"}, {"exported"}, {"granted"}, {"queried", "exported"}],
        "Why did it fail?": [{"failed"}, {"failed"}, {"failed", "began"}],
    }  # fmt: skip


def test_row_124_the_weekly_review_has_three_sections_that_find_what_they_are_for() -> None:
    assert answers_of("weekly-review.md") == {
        "Unusual activity": [{"granted", "published"}, {"logged in"}, {"impersonated"}, {"all fetched"}],
        "Failed operations": [{"refused"}, {"failed", "gone"}, {"gone"}],
        "Sensitive access": [{"secret"}, {"exported"}, {"published"}],
        "What the alerts said": [],
    }
