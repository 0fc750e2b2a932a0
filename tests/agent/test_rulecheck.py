"""What ``agent check`` says of rules, after a look at the last lines of the files."""

from pathlib import Path

import pytest

from agent.routes import load_plan
from agent.rulecheck import check_rules
from watchbook.clock import parse_rfc3339
from watchbook.configfile import ConfigError

READ_US = parse_rfc3339("2026-11-21T22:26:40Z")
WEB = '192.0.2.7 - - [21/Nov/2026:14:05:09 +0100] "GET /%s HTTP/1.1" 200 5 "-" "-"\n'


def said(folder: Path, inputs: str, top: str = "") -> list[str]:
    """Return the findings, as they are printed."""
    path = folder / "agent.yaml"
    path.write_text(f"collector: {{url: 'http://x', token: t}}\nstate: /x\n{top}inputs:\n{inputs}")
    settings, routes, _ = load_plan(path)
    return [f"{each.level} {each.text}" for each in check_rules(settings, routes, READ_US)]


def test_a_rule_for_all_inputs_counts_the_events_of_all_of_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.log").write_text(WEB % "x" + WEB % "healthz" + "strange\n")
    inputs = "".join(f"  - {{name: {n}, files: [{tmp_path}/{n}.log], profile: nginx}}\n" for n in ("a", "b"))
    top = "drop: [{name: health, when: {resource.id: /healthz}}, {name: never, when: {action: export}}]\n"
    assert said(tmp_path, inputs, top) == [
        "ok rule health: wants 2 of the last 4 events",
        "note rule never: wants none of the last 4 events; look at its 'when'",
    ]


def test_records_of_several_lines_and_profiles_that_are_found_are_tried_as_the_agent_reads_them(tmp_path: Path) -> None:
    (tmp_path / "auto.log").write_text(WEB % "x" * 5)
    (tmp_path / "trace.log").write_text('{"action":"export",\n "user":"a"}\n' * 3)
    inputs = (
        f"  - name: auto\n    files: [{tmp_path}/auto.log]\n    profile: auto\n"
        "    drop: [{name: all, when: {action: read}}]\n"
        f"  - name: trace\n    files: [{tmp_path}/trace.log]\n    profile: jsonl\n    multiline: {{indented: true}}\n"
        "    drop: [{name: exports, when: {action: export}}]\n"
    )
    assert said(tmp_path, inputs) == [
        "note input auto: rule all: wants all of the last 5 events; look at its 'when'",
        "note input trace: rule exports: wants all of the last 3 events; look at its 'when'",
    ]


def test_without_lines_or_rules_nothing_is_said(tmp_path: Path) -> None:
    inputs = (
        f"  - {{name: a, files: [{tmp_path}/none.log], profile: jsonl, drop: [{{name: d, when: {{action: x}}}}]}}\n"
    )
    assert said(tmp_path, inputs) == []
    (tmp_path / "none.log").write_text("no JSON\n")
    assert said(tmp_path, inputs) == []


PROFILE = """\
profile: mine
format: json
constants: {action: log}
optional:
  - {name: steps, description: Steps., default: off, when: {kind: step}}
  - {name: views, description: Views., default: on, when: {kind: view}}
"""


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ("include: [step]", "has no optional kind 'step'; there are: steps, views"),
        ("exclude: [nothing]", "has no optional kind 'nothing'"),
        ("include: [steps], exclude: [steps]", "'steps' is in 'include' too"),
        ("drop: [{name: views, when: {action: x}}]", "'views' is an optional kind"),
    ],
)
def test_an_optional_kind_that_is_not_there_is_a_mistake_that_names_what_there_is(
    options: str, wrong: str, tmp_path: Path
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(PROFILE)
    inputs = f"  - {{name: a, files: [/a], profile: mine, {options}}}\n"
    with pytest.raises(ConfigError) as caught:
        said(tmp_path, inputs, f"profiles: {tmp_path}/profiles\n")
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/agent.yaml:5:"), text
    assert wrong in text, text


def test_optional_kinds_are_switched_by_the_input(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(PROFILE)
    lines = [b'{"kind":"step"}', b'{"kind":"view"}', b'{"kind":"other"}']
    made = {}
    for options in ("include: [steps]", "exclude: [views]", "keep_raw: false"):
        said(tmp_path, f"  - {{name: a, files: [/a], profile: mine, {options}}}\n", f"profiles: {tmp_path}/profiles\n")
        made[options] = load_plan(tmp_path / "agent.yaml").routes["a"].normalise(lines, READ_US)
    assert [len(each.rows) for each in made.values()] == [3, 1, 2]
    assert [dict(each.dropped) for each in made.values()] == [{}, {"steps": 1, "views": 1}, {"steps": 1}]
