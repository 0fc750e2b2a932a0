"""What is made from the code is current, and nothing of the code is missing in the pages."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest
from sigma.modifiers import modifier_mapping

from agent.config import AgentSettings
from agent.parse import FORMATS
from agent.profile.casts import CASTS, VERB
from agent.profile.times import TIME_FORMATS
from agent.ship import ShipState
from collector.config import CollectorSettings
from collector.detect.counting import RuleCounters
from collector.export.columns import SEED_COLUMNS
from collector.query.fields import NAMES
from collector.store.findings import Kind
from collector.web.export import MEDIA_TYPES
from collector.web.vocabulary import (
    ALERTS,
    EVENTS,
    EXCEPTIONS,
    EXPLAIN,
    EXPORT,
    FACETS,
    HISTOGRAM,
    HISTORY,
    RATIOS,
    SILENCES,
    TAIL,
    VALUES,
)
from tests.docs.generated import has_parts, needs_collector, regenerated
from tests.docs.metrics import metrics_of, names_in_source
from tests.docs.pages import ROOT, all_fences, page_name, page_paths
from tests.docs.tables import options_of
from tests.docs.traffic import agent_exposition_of, exposition_of
from tests.docs.words import all_words
from tests.stand import Stand
from watchbook.event import FIELD_BY_NAME

#: Metrics of inputs that receive: only an agent that has one answers them.
LISTENING = {"watchbook_agent_listener", "watchbook_agent_listener_failing"}

pytestmark = [pytest.mark.timeout(180)]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def sources(*folders: str) -> str:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def without_a_word(name: str, words: Iterable[str]) -> list[str]:
    """Return those that the page does not show as code."""
    text = page(name)
    return sorted(word for word in words if not re.search(rf"`[^`\n]*(?<![\w.]){re.escape(word)}(?![\w])", text))


@pytest.mark.parametrize("path", [p for p in page_paths() if has_parts(p.read_text())], ids=page_name)
def test_what_is_made_from_the_code_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == regenerated(path, str), "run: make docs"


def test_the_metrics_are_those_of_running_programs(stand: Stand) -> None:
    exposition = exposition_of(stand) + agent_exposition_of(stand)
    for path in page_paths():
        if needs_collector(path.read_text(encoding="utf-8")):
            assert path.read_text(encoding="utf-8") == regenerated(path, lambda: exposition), "run: make docs"
            break
    else:
        pytest.fail("no page shows the metrics")


def test_every_metric_that_the_source_declares_is_answered_by_a_collector(stand: Stand) -> None:
    answered = {metric.name.removesuffix("_total") for metric in metrics_of(exposition_of(stand))}
    assert answered == names_in_source(sources("collector"))


def test_every_metric_that_the_agents_source_declares_is_answered_by_an_agent(stand: Stand) -> None:
    answered = {metric.name for metric in metrics_of(agent_exposition_of(stand))}
    assert answered == names_in_source(page("agent/exposition.py")) - LISTENING


def test_a_metric_that_appears_or_vanishes_changes_the_page() -> None:
    one = "# HELP watchbook_z A.\n# TYPE watchbook_z gauge\nwatchbook_z 1.0\n"
    two = '# HELP watchbook_b_total B.\n# TYPE watchbook_b_total counter\nwatchbook_b_total{x="1"} 1.0\n'
    began = '# HELP watchbook_b_created B.\n# TYPE watchbook_b_created gauge\nwatchbook_b_created{x="1"} 1.0\n'
    assert [metric.name for metric in metrics_of(one + two + began)] == ["watchbook_b_total", "watchbook_z"]
    path = ROOT / "docs" / "metrics.md"
    assert "watchbook_z" not in path.read_text()
    assert "watchbook_z" in regenerated(path, lambda: one)
    assert "watchbook_store_events" not in regenerated(path, lambda: one)
    mine = "# HELP watchbook_agent_z A.\n# TYPE watchbook_agent_z gauge\nwatchbook_agent_z 1.0\n"
    assert "`watchbook_agent_z`" in regenerated(path, lambda: mine)


def test_every_word_shows_its_help_in_one_place() -> None:
    shown = [fence.name for fence in all_fences("help")]
    assert sorted(shown) == sorted(all_words())


@pytest.mark.parametrize("settings", [AgentSettings, CollectorSettings])
def test_every_setting_says_in_a_sentence_what_it_is_for(settings: type) -> None:
    for option in options_of(settings):
        assert re.fullmatch(r"[A-Z].*[^.]\.", option.doc), option.name


@pytest.mark.parametrize("settings", [AgentSettings, CollectorSettings])
def test_every_setting_has_its_row(settings: type) -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", page("docs/settings.md"), re.MULTILINE)
    assert [option.name for option in options_of(settings) if option.name not in rows] == []


def test_every_environment_variable_is_documented() -> None:
    named = set(re.findall(r"\bWATCHBOOK_[A-Z_]+\b", sources("agent", "collector", "watchbook")))
    assert named
    assert without_a_word("docs/settings.md", named) == []


def test_every_counter_of_an_input_is_documented(stand: Stand) -> None:
    counted = set(re.findall(r'ounters\[[\w.]+, "(\w+)"\]', page("agent/pump.py")))
    counted |= {f"bytes_{part}" for part in ("read", "delivered", "dropped", "unparsed", "lost")} | {"dropped"}
    assert {"lines", "truncated"} <= counted
    assert set(stand.agent_status()["counters"]["app"]) <= counted
    assert without_a_word("docs/metrics.md", counted) == []


def test_every_counter_of_what_is_received_is_documented() -> None:
    counted = set(re.findall(r'(?:ounters\[[^\]]+, |_count\()"(\w+)"', sources("agent/listen")))
    assert {"dropped", "kernel_dropped", "connections_refused"} <= counted
    assert without_a_word("docs/metrics.md", counted) == []


def test_every_part_of_the_agents_status_is_documented(stand: Stand) -> None:
    report = stand.agent_status()
    parts = [report, report["agent"], report["spool"], report["files"][0], report["agent"]["ship"]]
    parts.append(report["files"][0]["account"])
    live = report["agent"]
    parts = [report, live, report["spool"], report["files"][0], live["ship"], live["reload"], live["reloads"]]
    assert report["agent"]["ship"].keys() == ShipState.__dataclass_fields__.keys()
    assert without_a_word("docs/metrics.md", {key for part in parts for key in part} - {"ship"}) == []


def test_everything_that_a_rule_counts_is_documented() -> None:
    assert without_a_word("docs/metrics.md", RuleCounters.__dataclass_fields__) == []


def test_the_whole_language_of_profiles_is_documented() -> None:
    from agent.profile import reading

    words = {*reading._TOP, *reading._SOURCE, *CASTS, VERB, *TIME_FORMATS, *FORMATS}
    assert without_a_word("docs/profiles.md", words) == []


def test_the_whole_language_of_rules_is_documented() -> None:
    from collector.detect import extension

    times = {"minute", "hour", "day", "week", "month", "year"}
    longer = {"i", "m", "s", "ignorecase", "multiline", "dotall", "utf16le"}
    assert without_a_word("docs/rules.md", {*extension._KNOWN, *modifier_mapping} - times - longer) == []


def test_the_names_of_the_query_language_are_documented() -> None:
    assert without_a_word("docs/query.md", {*NAMES, "has"} - FIELD_BY_NAME.keys()) == []


def test_every_parameter_of_the_api_is_documented() -> None:
    asked = (EVENTS, FACETS, HISTOGRAM, HISTORY, VALUES, EXPLAIN, EXPORT, TAIL, ALERTS, RATIOS, SILENCES, EXCEPTIONS)
    assert without_a_word("docs/api.md", {parameter.name for each in asked for parameter in each}) == []


def test_every_column_and_format_of_an_export_is_documented() -> None:
    assert without_a_word("docs/api.md", {*SEED_COLUMNS, "id", "received", *MEDIA_TYPES}) == []


def test_everything_that_verify_may_find_is_documented() -> None:
    assert without_a_word("docs/integrity.md", {kind.replace("_", " ").upper() for kind in get_args(Kind)}) == []


def test_every_entry_of_the_ledger_and_every_report_of_retention_is_documented() -> None:
    assert without_a_word("docs/store.md", {"sealed", "rewritten", "archived", "removed"}) == []
    titles = re.findall(
        r'"((?:Segment|Events|Deletion|Legal hold|Organization) [a-z ]+)"', page("collector/lifecycle/reports.py")
    )
    assert len(set(titles)) == 8
    assert without_a_word("docs/retention.md", titles) == []


def test_every_file_of_the_data_folder_is_documented(stand: Stand) -> None:
    there = {path.name for path in (stand.folder / "collector").rglob("*") if path.is_file()}
    named = {re.sub(r"^\d{4}-\d\d-\d\d(\.\d+)?", "NAME", re.sub(r"-(wal|shm)$", "", name)) for name in there}
    assert {"NAME.blk", "NAME.ix", "state.db", "checkpoint.key"} <= named
    assert without_a_word("docs/store.md", named) == []
