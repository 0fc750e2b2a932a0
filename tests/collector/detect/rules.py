"""Small rules for tests: a detection around a few lines, or a correlation over it."""

from pathlib import Path
from textwrap import dedent, indent

from collector.detect import Engine, RuleSet, load_rules
from collector.detect.settings import DetectSettings
from watchbook.units import Seconds

RULE_ID = "11111111-1111-4111-8111-111111111111"


def detection(lines: str, condition: str = "selection", extra: str = "", rule_id: str = RULE_ID) -> str:
    """Return a rule whose ``selection`` has these lines; with another condition, ``lines`` name the selections."""
    body = dedent(lines).strip()
    named = body if condition != "selection" else "selection:\n" + indent(body, "  ")
    return (
        f"title: A test\nname: test\nid: {rule_id}\nlogsource:\n  product: watchbook\ndetection:\n"
        + indent(named, "  ")
        + f"\n  condition: {condition}\n"
        + dedent(extra)
    )


def correlation(threshold: int, timespan: str, group_by: str = "[actor.id]", lines: str = "outcome: failure") -> str:
    """Return a base rule and a correlation that counts it."""
    base = detection(lines, rule_id="22222222-2222-4222-8222-222222222222")
    return f"""{base}
---
title: Many
id: {RULE_ID}
correlation:
  type: event_count
  rules: [test]
  group-by: {group_by}
  timespan: {timespan}
  condition: {{gte: {threshold}}}
"""


def ruleset(folder: Path, text: str) -> RuleSet:
    """Return the compiled rules of one file with this text."""
    path = folder / "rule.yml"
    path.write_text(text, encoding="utf-8")
    return load_rules([path])


def engine(
    folder: Path,
    text: str,
    *,
    lateness: float = 120.0,
    state_events_max: int = 1_000_000,
    window_events_max: int = 1000,
) -> Engine:
    """Return an engine for the rules of one text."""
    settings = DetectSettings(
        lateness=Seconds(lateness),
        state_events_max=state_events_max,
        window_events_max=window_events_max,
    )
    return Engine(ruleset(folder, text), settings)
