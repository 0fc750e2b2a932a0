"""The shipped examples and those of the pages work: configurations, units, profiles, rules, sample logs."""

import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from agent.config import AgentSettings
from agent.config import load_settings as load_agent
from agent.parse import FORMATS
from agent.profile import compile_profile, load_profiles
from agent.redact import RedactSettings, make_redactor
from collector.config import CollectorSettings
from collector.config import load_settings as load_collector
from collector.detect import load_rules
from collector.notify.channel_settings import KINDS
from tests.collector.detect.suites import cases_of, passes
from tests.docs import shell
from tests.docs.pages import ROOT, write_examples
from tests.docs.words import complaint_about
from watchbook.clock import now_us
from watchbook.configfile import EX_CONFIG
from watchbook.shipped import shipped_folder

SECRET = "whsec_d2F0Y2hib29rIHdhdGNoYm9vayB3YXRjaGJvb2s="
SAMPLES = {
    "app.jsonl": "jsonl",
    "auth.log": "sshd",
    "journal.jsonl": "journal",
    "nginx-access.log": "nginx",
    "syslog.log": "syslog",
}
UNITS = sorted((ROOT / "systemd").glob("*.service"))


def test_the_example_configuration_of_the_agent_is_right() -> None:
    settings, profiles = load_agent(ROOT / "config" / "agent.yaml")
    assert set(SAMPLES.values()) <= {name for each in settings.inputs for name in each.profile_names} <= profiles.keys()


def test_what_the_agents_example_has_in_comments_is_right_too(tmp_path: Path) -> None:
    text = (ROOT / "config" / "agent.yaml").read_text()
    opened = re.sub(r"^  # (?=(?:urls|token_files|tls|proxy):|- name:|  )", "  ", text, flags=re.MULTILINE)
    opened = re.sub(r"^  (url|token_file): .*\n", "", opened, flags=re.MULTILINE)
    path = tmp_path / "agent.yaml"
    path.write_text(opened)
    settings, _ = load_agent(path)
    assert [each.name for each in settings.inputs if each.received is not None] == ["network", "journal"]
    ship = settings.collector
    assert (len(ship.addresses), len(ship.token_files), ship.proxy is None) == (2, 2, False)
    assert None not in (ship.tls.ca_file, ship.tls.cert_file, ship.tls.key_file)


def test_the_example_configuration_of_the_collector_is_right() -> None:
    settings = load_collector(ROOT / "config" / "collector.yaml")
    assert settings.listen == CollectorSettings(data=settings.data).listen


def test_what_the_collectors_example_has_in_comments_is_right_too(tmp_path: Path) -> None:
    text = (ROOT / "config" / "collector.yaml").read_text()
    sections = ("web", "rules", "notify", "retention", "checkpoints", "agents", "processes", "index")
    opened = re.sub(rf"^# (?=(?:{'|'.join(sections)}):|  )", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"^(\w+):", opened, re.MULTILINE)) == {"listen", "data", *sections}
    path = tmp_path / "collector.yaml"
    path.write_text(opened.replace("/etc/watchbook", str(tmp_path)))
    (tmp_path / "webhook.secret").write_text(SECRET)
    (tmp_path / "webhook.secret").chmod(0o640)
    (tmp_path / "rules").mkdir()
    shutil.copy(ROOT / "rules" / "mfa_disabled.yml", tmp_path / "rules" / "own.yml")
    own = (tmp_path / "rules" / "own.yml").read_text()
    renamed = re.sub(
        r"^name: .*$", "name: own", re.sub(r"^id: .*$", f"id: {uuid4()}", own, flags=re.MULTILINE), flags=re.MULTILINE
    )
    (tmp_path / "rules" / "own.yml").write_text(renamed)
    settings = load_collector(path)
    assert [channel.name for channel in settings.notify.channels] == ["on-call", "mail"]
    assert [route.name for route in settings.notify.routes] == ["urgent", "rest"]
    assert settings.rule_paths == (shipped_folder("rules"), tmp_path / "rules")
    assert settings.web.tls is not None
    assert settings.web.tls.client_ca_file == tmp_path / "clients.pem"
    plain = CollectorSettings(data=settings.data)
    assert (settings.retention.keep, settings.processes, settings.index) == (
        plain.retention.keep, plain.processes, plain.index
    )  # fmt: skip
    assert settings.agents == replace(plain.agents, unenrolled="refuse")
    assert [scope.category or scope.org for scope in settings.retention.scopes] == ["access", "acme"]
    assert [destination.name for destination in settings.checkpoints.send] == ["vault", "share", "central-log"]
    assert len(load_rules(settings.rule_paths).rules) == len(load_rules([shipped_folder("rules")]).rules) + 1


def test_the_notifications_of_the_guide_are_right_and_show_every_kind_of_channel(tmp_path: Path) -> None:
    page = ROOT / "docs" / "notifications.md"
    write_examples(page, tmp_path)
    path = tmp_path / "collector.yaml"
    text = path.read_text()
    for name in re.findall(r"/etc/watchbook/([\w.]+)", text):
        (tmp_path / name).write_text(SECRET if name == "webhook.secret" else f"{'k' * 32}\n")
        (tmp_path / name).chmod(0o640)
    path.write_text(text.replace("/etc/watchbook", str(tmp_path)))
    notify = load_collector(path).notify
    kinds = {kind for channel in notify.channels for kind in KINDS if getattr(channel, kind) is not None}
    assert kinds == set(KINDS)
    assert all(f"| `{kind}` |" in page.read_text() for kind in KINDS)
    assert {name for route in notify.routes for name in route.channels} == {each.name for each in notify.channels}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_has_nothing_to_say_about_a_unit(unit: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed here")
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^(Exec\w+=-?)/\S+", r"\1/bin/true", unit.read_text(), flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_unit_runs_a_command_that_exists_and_knows_its_exit_codes(unit: Path) -> None:
    text = unit.read_text()
    (command,) = re.findall(r"^ExecStart=\S*/(watchbook .+)$", text, re.MULTILINE)
    assert complaint_about(command, complete=True) is None
    assert f"RestartPreventExitStatus={EX_CONFIG}\n" in text
    (patience,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    settings = AgentSettings if "agent" in unit.name else CollectorSettings
    assert int(patience) > settings.drain_timeout


@pytest.mark.parametrize(("sample", "profile"), SAMPLES.items())
def test_try_shows_for_every_line_of_a_sample_what_became_of_it(sample: str, profile: str, tmp_path: Path) -> None:
    path = ROOT / "config" / "samples" / sample
    lines = path.read_text().splitlines()
    done = shell.run(f"watchbook agent try {path} --profile {profile} --json", tmp_path)
    assert done.returncode == 0, done.stderr
    *tried, summary = map(json.loads, done.stdout.splitlines())
    assert [each["line"] for each in tried] == [n for n, line in enumerate(lines, 1) if line.strip()]
    assert all(("event" in each) == (each["profile"] is not None) for each in tried)
    counts = Counter(each["profile"] or "unparsed" for each in tried)
    assert summary["summary"] == counts | Counter(blank=len(lines) - len(tried))
    assert counts.keys() == {profile, "unparsed"}
    assert counts["unparsed"] == 1  # each sample has one line that is not of its profile


@pytest.mark.parametrize(("sample", "profile"), SAMPLES.items())
def test_try_finds_the_profile_of_most_lines_of_a_sample_by_itself(sample: str, profile: str, tmp_path: Path) -> None:
    done = shell.run(f"watchbook agent try {ROOT / 'config' / 'samples' / sample}", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = (ROOT / "config" / "samples" / sample).read_text().splitlines()
    headings = dict(re.findall(r"^(\d+)  ([\w-]+)(?:  \(best of .*\))?$", done.stdout, re.MULTILINE))
    assert headings.keys() == {str(number) for number, line in enumerate(lines, 1) if line.strip()}
    found = Counter(headings.values())
    assert found.most_common(1)[0][0] == profile, found


def test_the_profiles_of_the_guide_understand_their_lines(tmp_path: Path) -> None:
    write_examples(ROOT / "docs" / "profiles.md", tmp_path)
    profiles = load_profiles(tmp_path / "profiles")
    redactor = make_redactor(RedactSettings())
    for name, rows, dropped in (("backoffice", 2, 0), ("quill", 11, 2)):
        lines = (tmp_path / f"{name}.log").read_bytes().splitlines()
        made = compile_profile(profiles.pop(name), FORMATS, redactor)(lines, now_us())
        assert (len(made.rows), sum(made.dropped.values()), made.unparsed) == (rows, dropped, [])
    assert not profiles


def test_the_rules_of_the_guide_do_what_their_tests_say(tmp_path: Path) -> None:
    write_examples(ROOT / "docs" / "rules.md", tmp_path)
    assert len(load_rules([tmp_path / "rules"]).rules) == 6
    suites = sorted((tmp_path / "rules" / "tests").glob("*.yml"))
    assert len(suites) == 6
    for path in suites:
        rules = load_rules([tmp_path / "rules" / path.name])
        for case, blocks in cases_of(path):
            assert passes(rules, case, blocks), f"{path.name}: {case.name}"
