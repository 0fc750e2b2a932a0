"""Inputs that name several profiles, or leave them to be found."""

from pathlib import Path
from typing import Any

import pytest

from agent.autocheck import check_auto
from agent.config import load_settings
from agent.pump import Route
from agent.records import Chunk
from agent.routes import load_plan
from tests.agent.profile.shipped import READ_US
from tests.agent.routing.test_choosing import CRON, SSHD
from watchbook.configfile import ConfigError

JSON = b'{"time": "2026-11-21T14:05:09Z", "user": "alice", "action": "login"}'


def config(folder: Path, inputs: str) -> Path:
    (folder / "token").write_text("t", encoding="utf-8")
    path = folder / "agent.yaml"
    path.write_text(
        f"collector: {{url: 'http://127.0.0.1:1', token_file: {folder}/token}}\nstate: {folder}/state\n"
        f"auto: {{lines: 4}}\ninputs:\n{inputs}",
        encoding="utf-8",
    )
    return path


def chunk(file: Path, *lines: bytes) -> Chunk:
    return Chunk("app", str(file), list(lines), [None] * len(lines))


def events(route: Route, *lines: bytes) -> list[dict[str, Any]]:
    made = route.normalise(lines, READ_US)
    return [{**route.normalise.constants, **dict(zip(route.normalise.fields, row, strict=True))} for row in made.rows]


@pytest.fixture
def auto(tmp_path: Path) -> Route:
    plan = load_plan(config(tmp_path, f"  - {{name: app, profile: auto, files: ['{tmp_path}/*.log']}}\n"))
    return plan.routes["app"]


def test_a_list_sends_each_line_to_the_first_profile_that_it_is_of(tmp_path: Path) -> None:
    plan = load_plan(config(tmp_path, "  - {name: app, profile: [sshd, syslog], files: [/var/log/auth.log]}\n"))
    route = plan.routes["app"]
    assert route.choose is None
    assert [event["origin.profile"] for event in events(route, CRON, SSHD)] == ["syslog", "sshd"]


def test_each_file_of_an_auto_input_gets_profiles_of_its_own(tmp_path: Path, auto: Route) -> None:
    assert auto.choose is not None
    (tmp_path / "a.log").write_bytes(b"\n".join([JSON] * 5))
    (tmp_path / "b.log").write_bytes(CRON + b"\r\n" + SSHD + b"\n")
    # What was read last is no matter: the first lines of the file decide.
    first, second = auto.choose(chunk(tmp_path / "a.log", b"hello")), auto.choose(chunk(tmp_path / "b.log", SSHD))
    assert first.normalise.name == "jsonl"
    assert second.normalise.name.startswith("sshd")
    assert second.normalise.name.endswith("syslog")
    assert auto.choose(chunk(tmp_path / "a.log", CRON)) is first
    assert [chosen.profiles[0] for chosen in auto.choose.choices.values()] == ["jsonl", "sshd"]


def test_as_long_as_too_few_lines_were_seen_the_choice_may_change(tmp_path: Path, auto: Route) -> None:
    assert auto.choose is not None
    gone = tmp_path / "gone.log"  # what is received, or compressed, has no head to look at
    assert auto.choose(chunk(gone, b"starting up")).normalise.name == "auto"
    assert auto.choose(chunk(gone, JSON, JSON)).normalise.name == "jsonl"
    unknown = b"Nov 21 14:09:01 web01 backup[991]: done"
    assert auto.choose(chunk(gone, unknown, unknown, unknown)).normalise.name == "jsonl"


def test_lines_for_which_no_profile_is_found_are_kept_with_the_reason(tmp_path: Path, auto: Route) -> None:
    assert auto.choose is not None
    route = auto.choose(chunk(tmp_path / "x.log", b"hello", b""))
    made = route.normalise([b"password=hunter2-hunter2", b""], READ_US)
    assert [each.reason for each in made.unparsed] == [
        "no profile was found for this log; name one in the input's 'profile'"
    ]
    assert "hunter2" not in made.unparsed[0].raw
    assert made.blank == 1


def test_check_says_what_would_be_found(tmp_path: Path) -> None:
    path = config(tmp_path, f"  - {{name: app, profile: auto, files: ['{tmp_path}/*.log']}}\n")
    (tmp_path / "a.log").write_bytes(JSON + b"\n")
    (tmp_path / "b.log").write_bytes(b"hello\n")
    settings, routes, _ = load_plan(path)
    found = {finding.text.partition(".log: ")[2]: finding.level for finding in check_auto(settings, routes)}
    assert [level for text, level in found.items() if text.startswith("jsonl: 1 of the 1 lines")] == ["ok"]
    assert [level for text, level in found.items() if text.startswith("no profile is found yet: 0 of")] == ["note"]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("[sshd, nosuch]", "there is no profile 'nosuch'; known here: "),
        ("[sshd, auto]", "'auto' stands by itself, not in a list; write 'profile: auto'"),
        ("[]", "expected a profile, found an empty list; name one, or write auto"),
        ("[sshd, sshd]", "'sshd' is named twice; keep one of them"),
    ],
)
def test_wrong_profiles_are_named_with_their_place(tmp_path: Path, profile: str, expected: str) -> None:
    path = config(tmp_path, f"  - {{name: app, profile: {profile}, files: [/a.log]}}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert "agent.yaml:5:" in str(caught.value)
    assert expected in str(caught.value)


def test_how_a_profile_makes_records_is_how_its_inputs_do_that_say_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.yaml").write_text(
        "profile: own\nformat: text\nconstants: {action: log}\nrecord: {start: '^[0-9]'}\n",
        encoding="utf-8",
    )
    inputs = (
        "  - {name: a, profile: own, files: [/a.log]}\n"
        "  - {name: b, profile: [jsonl, own], files: [/b.log]}\n"
        "  - {name: c, profile: own, files: [/c.log], multiline: {indented: true}}\n"
        "  - {name: d, profile: jsonl, files: [/d.log]}\n"
    )
    path = config(tmp_path, inputs)
    path.write_text(f"profiles: {tmp_path}/profiles\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    found = [each.multiline for each in load_settings(path)[0].input_files()]
    assert [each and (each.start, each.indented) for each in found] == [
        ("^[0-9]", False), ("^[0-9]", False), (None, True), None,
    ]  # fmt: skip
    (tmp_path / "profiles" / "own.yaml").write_text(
        "profile: own\nformat: text\nconstants: {action: log}\nrecord: {start: 'a', join: '(b)'}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=r"own.yaml:4:\d+: .*expected exactly one of start, .* found 2"):
        load_settings(path)
