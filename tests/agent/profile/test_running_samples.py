"""Samples are run, shown when they fail, filled in when they are drafts, and told to CI as JUnit XML."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from watchbook.cli import cli

PROFILE = """\
# A comment on top.
profile: shop
format: json
match: {app: shop}
constants: {action: log}
fields: {actor.id: user, duration_ms: ms}
optional: [{name: pings, when: {e: ping}}]
samples:
  - note: the usual
    line: '{"app": "shop", "user": "ann", "ms": 5, "time": 1}'
"""
EVENT = """\
    event:
      time: '2026-11-21T22:26:40.000000Z'
      actor: {type: user, id: ann}
      action: log
      duration_ms: 5
      details: {app: shop, time: 1}
      flags: [time_assumed, no_resource]
"""
MORE = """\
  # It stays where it is.
  - line: '{"app": "shop", "e": "ping"}'
    dropped: pings
  - line: '{"app": "shop", "e": "ping"}'
    include: pings
    event: {time: '2026-11-21T22:26:40.000000Z', actor: {type: anonymous}, action: log,
            details: {app: shop, e: ping}, flags: [time_assumed, no_resource]}
  - {line: '{"app": "other"}', unparsed: "'app' is 'other'"}
"""


def run(path: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["agent", "test", str(path), *options])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.yaml"


def test_samples_that_become_what_they_say_pass(path: Path) -> None:
    path.write_text(PROFILE + EVENT + MORE)
    result = run(path)
    assert (result.exit_code, result.output) == (0, f"{'shop':<24} 4 passed\n4 samples, all passed\n")


def test_a_difference_is_shown_field_by_field(path: Path) -> None:
    path.write_text(PROFILE + EVENT.replace("id: ann", "id: bob").replace("duration_ms: 5", "org: x"))
    result = run(path)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{path}:9: shop, sample 1 (the usual)",
        '    {"app": "shop", "user": "ann", "ms": 5, "time": 1}',
        "    actor.id",
        '        expected "bob"',
        '        got      "ann"',
        "    org",
        '        expected "x"',
        "        got      nothing",
        "    duration_ms",
        "        expected nothing",
        "        got      5",
        "",
        f"{'shop':<24} 1 of 1 failed",
        "1 samples, 1 failed",
    ]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("unparsed: fits no pattern", "got      an event"),
        ("dropped: pings", "got      an event"),
        ("events: [{}, {}]", "expected 2 events"),
        ("", "does not say what becomes of it"),
    ],
)
def test_another_outcome_than_the_expected_one_fails(path: Path, outcome: str, said: str) -> None:
    path.write_text(f"{PROFILE}    {outcome}\n")
    result = run(path)
    assert result.exit_code == 1
    assert said in result.output


def test_an_unknown_kind_is_named(path: Path) -> None:
    path.write_text(PROFILE + "    include: [ping]\n")
    result = run(path)
    assert result.exit_code == 1
    assert f"{path}:9:5: 'samples[0]': there is no optional kind 'ping'; known here: pings" in result.output


def test_drafts_are_filled_and_nothing_else_is_touched(path: Path) -> None:
    drafts = (
        "\n"
        "  # A strange one.\n"
        "  - line: |-\n"
        '      {"app": "shop", "user": "yes", "@k": "it\'s",\n'
        '       "x": ["a\\u0007", null, true, 1.5, {}]}\n'
        "\n"
        '  - {line: \'{"app": "other"}\'}\n'
        '  - line: \'{"app": "shop", "e": "ping"}\'\n'
        "\n"
        "# The end.\n"
    )
    path.write_text(PROFILE + drafts)
    result = run(path, "--fill")
    assert result.exit_code == 0
    assert result.output.startswith(f"{path}: wrote the outcome of 4 samples; check each by eye\n")
    text = path.read_text()
    assert text.startswith(PROFILE + EVENT + "\n  # A strange one.\n  - line: |-\n")
    assert "details: {app: shop, '@k': 'it''s', x: [\"a\\x07\", null, true, 1.5, {}]}" in text
    assert "      actor: {type: user, id: 'yes'}\n" in text
    assert "\"other\"}', unparsed: 'is not of the profile ''shop'': ''app'' is ''other'', expected ''shop'''}\n" in text
    assert text.endswith("    dropped: pings\n\n# The end.\n")
    assert run(path).exit_code == 0


def test_several_events_of_a_line_are_filled_too(path: Path) -> None:
    line = '{"l": [{"a": 1}, {"a": 2}]}'
    head = "profile: x\nformat: json\nconstants: {action: log}\neach: l\nsamples:\n"
    path.write_text(f"{head}  - line: '{line}'\n")
    assert run(path, "--fill").exit_code == 0
    assert path.read_text().count("- time: ") == 2
    assert run(path).exit_code == 0


def test_the_results_are_written_for_ci(path: Path, tmp_path: Path) -> None:
    path.write_text(PROFILE + EVENT + MORE.replace("dropped: pings", "dropped: pongs"))
    assert run(path, "--junit", str(tmp_path / "out.xml")).exit_code == 1
    (suite,) = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("shop", "4", "1")
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["sample 2"]


def test_profiles_are_named_or_all_of_a_folder(path: Path, tmp_path: Path) -> None:
    path.write_text(PROFILE + EVENT)
    runner = CliRunner()
    everything = runner.invoke(cli, ["agent", "test", "--profiles", str(tmp_path)])
    assert everything.output == f"{'shop':<24} 1 passed\n1 samples, all passed\n"
    named = runner.invoke(cli, ["agent", "test", "shop", "--profiles", str(tmp_path)])
    assert named.output == everything.output
    unknown = runner.invoke(cli, ["agent", "test", "nowhere"])
    assert unknown.exit_code == 2
    assert "there is no profile 'nowhere'" in unknown.output
