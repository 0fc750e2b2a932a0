"""Rules of others: what runs is copied, what does not is told with its reason; done again, it is brought up to date."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.detect import load_rules, read_surroundings
from collector.rule_import import MANIFEST, copy, counts, judge, reasons
from tests.collector.detect.community import PROFILES
from watchbook.cli import cli

NOW = 1_795_000_000_000_000
UNKNOWN = "can never match here: no profile has the log source {product: windows, category: dns_query}"


def rule(number: int, source: str, lines: str = "eventName: StopLogging", level: str = "high", name: str = "") -> str:
    named = f"name: {name}\n" if name else ""
    return (
        f"title: Rule {number}\n{named}id: {number:08d}-0000-4000-8000-000000000000\nlogsource: {{{source}}}\n"
        f"detection:\n  s: {{{lines}}}\n  condition: s\nlevel: {level}\n"
    )


def correlation(number: int, of: str) -> str:
    return (
        f"title: Many {number}\nid: {number:08d}-0000-4000-8000-000000000000\ncorrelation:\n  type: event_count\n"
        f"  rules: [{of}]\n  group-by: [actor.id]\n  timespan: 5m\n  condition: {{gte: 3}}\n"
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    for name, source in PROFILES.items():
        (profiles / f"{name}.yaml").write_text(f"profile: {name}\n" + (f"logsource: {source}\n" if source else ""))
    path = tmp_path / "collector.yaml"
    path.write_text(f"data: {tmp_path}/data\ndetect:\n  profiles: [{profiles}]\n  lists: {{Admins: [root]}}\n")
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "sigma"
    files = {
        "LICENSE": "as you like\n",
        "rules/aws/trail.yml": rule(1, "product: aws, service: cloudtrail", name="trail"),
        "rules/aws/many.yml": correlation(2, "trail"),
        "rules/aws/lone.yml": correlation(3, "windows_dns"),
        "rules/okta/listed.yml": rule(4, "product: okta", "actor.alternateId|expand: '%Admins%'", level="low"),
        "rules/okta/unlisted.yml": rule(5, "product: okta", "actor.alternateId|expand: '%Servers%'"),
        "rules/windows/dns.yml": rule(6, "product: windows, category: dns_query", name="windows_dns"),
        "rules/windows/dns2.yml": rule(7, "product: windows, category: dns_query"),
        "rules/odd/odd.yml": rule(8, "product: aws", "eventName|re: '(a'"),
        "rules/odd/shape.yml": "- no\n- rule\n",
        "rules/tests/trail.yml": "rule: trail\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def surroundings_of(config: Path) -> object:
    return read_surroundings([config.parent / "profiles"], lists={"Admins": ("root",)})


def test_each_file_is_judged_with_its_reason(checkout: Path, config: Path) -> None:
    verdicts = judge(checkout, surroundings_of(config))  # type: ignore[arg-type]
    found = {verdict.path.removeprefix("rules/"): (verdict.outcome, verdict.why) for verdict in verdicts}
    assert found.keys() == {
        "aws/trail.yml", "aws/many.yml", "aws/lone.yml", "okta/listed.yml", "okta/unlisted.yml", "windows/dns.yml",
        "windows/dns2.yml", "odd/odd.yml", "odd/shape.yml",
    }  # fmt: skip
    assert found["aws/trail.yml"] == found["aws/many.yml"] == found["okta/listed.yml"] == ("runs", "")
    assert found["okta/unlisted.yml"] == ("needs list", "needs list 'Servers'")
    assert found["windows/dns.yml"] == ("cannot match", UNKNOWN)
    outcome, why = found["aws/lone.yml"]
    assert outcome == "wrong"
    assert "there is no rule 'windows_dns'" in why
    assert found["odd/odd.yml"][0] == "wrong"
    assert "missing )" in found["odd/odd.yml"][1]
    assert "expected a rule, which is a mapping" in found["odd/shape.yml"][1]
    assert counts(verdicts)["windows"]["cannot match"] == 2
    assert list(reasons(verdicts, "cannot match")) == [(UNKNOWN, 2)]


def test_what_was_imported_runs_and_is_brought_up_to_date(checkout: Path, config: Path, tmp_path: Path) -> None:
    surroundings, into = surroundings_of(config), tmp_path / "into"

    def again() -> dict[str, list[str]]:
        verdicts = judge(checkout, surroundings)  # type: ignore[arg-type]
        return {what: names for what, names in copy(checkout, into, verdicts, NOW)._asdict().items() if names}

    names = ["rules/aws/many.yml", "rules/aws/trail.yml", "rules/okta/listed.yml"]
    assert again() == {"added": names}
    assert len(load_rules([into], surroundings).rules) == 2  # type: ignore[arg-type]
    assert (into / "LICENSE").read_text() == "as you like\n"
    assert json.loads((into / MANIFEST).read_text())["files"].keys() == set(names)
    assert again() == {"unchanged": names}

    trail, listed = checkout / names[1], checkout / names[2]
    trail.write_text(trail.read_text() + "status: stable\n")
    (into / names[0]).write_text((into / names[0]).read_text() + "# ours\n")
    listed.unlink()
    assert again() == {"updated": [names[1]], "removed": [names[2]], "kept": [names[0]]}
    assert (into / names[0]).read_text().endswith("# ours\n")
    assert again() == {"unchanged": [names[1]], "kept": [names[0]]}
    (checkout / names[0]).unlink()
    assert again() == {"unchanged": [names[1]], "kept": [names[0]]}
    (into / MANIFEST).write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        again()


def test_the_word_import_prints_a_table_and_copies_only_when_told_where_to(
    checkout: Path, config: Path, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    looked = CliRunner().invoke(cli, ["rules", "import", str(checkout), "--config", str(config)])
    assert looked.exit_code == 0, looked.output
    assert "nothing was copied" in looked.output
    lines = {line.split()[0]: line.split()[1:] for line in looked.output.splitlines() if line}
    assert lines["aws"] == ["3", "2", "-", "-", "1", "-"]
    assert lines["windows"] == ["3", "-", "-", "2", "1", "-"]
    assert lines["all"] == ["9", "3", "1", "2", "3", "-"]
    assert f"     2  {UNKNOWN}" in looked.output
    words = ["--into", str(into), "--product", "aws", "--product", "okta", "--level", "medium"]
    done = CliRunner().invoke(cli, ["rules", "import", str(checkout), "--config", str(config), *words])
    assert done.exit_code == 0, done.output
    assert f"{into}: 2 added" in done.output
    assert sorted(path.name for path in into.rglob("*.yml")) == ["many.yml", "trail.yml"]
    as_json = CliRunner().invoke(cli, ["rules", "import", str(checkout), "--config", str(config), "--json"])
    assert {"path", "product", "rules", "outcome", "why"} == json.loads(as_json.output.splitlines()[0]).keys()


def test_lint_names_every_mistake_and_remark_with_its_place(checkout: Path, config: Path) -> None:
    everything = checkout / "rules" / "all.yml"
    everything.write_text(rule(9, "product: okta", "a: b").replace("condition: s", "condition: not s"))
    done = CliRunner().invoke(cli, ["rules", "lint", str(checkout / "rules"), "--config", str(config)])
    assert done.exit_code == 1
    told = done.output.replace(f"{checkout}/rules/", "")
    assert "okta/unlisted.yml:5:7: 'detection.s.actor.alternateId|expand': needs list 'Servers'" in told
    assert "windows/dns.yml:4:12: 'logsource': can never match here" in told
    assert "odd/odd.yml:5:7: 'detection.s.eventName|re': Regular expression '(a' is invalid: missing )" in told
    assert "all.yml:5:3: remark: matches every event that has none of its fields" in told
    assert "all.yml:5:7: remark: no alias is known for the field 'a' of okta" in told
    assert "5 rules, 5 mistakes, 3 remarks" in told
    clean = CliRunner().invoke(cli, ["rules", "lint", str(checkout / "rules/aws/trail.yml"), "--config", str(config)])
    assert (clean.exit_code, clean.output) == (0, "1 rule, no mistakes, no remarks\n")
    strict = ["rules", "lint", str(everything), "--config", str(config), "--strict"]
    assert CliRunner().invoke(cli, strict).exit_code == 1
    assert CliRunner().invoke(cli, strict[:-1]).exit_code == 0


def test_the_shipped_rules_have_neither_mistakes_nor_remarks() -> None:
    done = CliRunner().invoke(cli, ["rules", "lint", "--strict"])
    assert done.exit_code == 0, done.output


def test_what_a_correlation_counts_comes_with_it_and_says_of_which_product_it_is(tmp_path: Path) -> None:
    folder, into = tmp_path / "sigma", tmp_path / "rules"
    files = {
        "base/reset.yml": rule(1, "product: okta", "eventType: user.mfa.factor.deactivate", level="low", name="reset"),
        "base/other.yml": rule(2, "product: okta", "eventType: user.session.start", level="low"),
        "aws/trail.yml": rule(3, "product: aws, service: cloudtrail", name="trail"),
        "chains/resets.yml": correlation(4, "reset") + "level: high\n",
        "chains/trails.yml": correlation(5, "trail") + "level: high\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    verdicts = judge(folder, read_surroundings(), products=["okta"], level="high")
    assert {verdict.path: (verdict.product, verdict.outcome) for verdict in verdicts} == {
        "base/reset.yml": ("okta", "runs"),
        "base/other.yml": ("okta", "left out"),
        "aws/trail.yml": ("aws", "left out"),
        "chains/resets.yml": ("okta", "runs"),
        "chains/trails.yml": ("aws", "left out"),
    }
    copy(folder, into, verdicts, NOW)
    assert [rule.brief.title for rule in load_rules([into]).rules] == ["Many 4"]  # and nothing is missing
