"""``watchbook agent try`` as it is typed: files, standard input, inputs of a configuration, files that are followed."""

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from watchbook.cli import cli

LINE = '{"ts":"2026-11-21 09:00:00","user":"bob","action":"viewed","n":%d}\n'


def run(*arguments: object, stdin: str | None = None, code: int = 0) -> list[str]:
    """Return the lines that the word prints."""
    done = CliRunner().invoke(cli, ["agent", "try", *map(str, arguments)], input=stdin)
    assert done.exit_code == code, done.output
    return done.output.splitlines()


def tried(*arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, "--json")]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(
        f"collector: {{url: 'http://127.0.0.1:9', token: t}}\nstate: {tmp_path}/state\n"
        "drop: [{name: threes, when: {details.n: 3}}]\n"
        f"inputs:\n  - name: app\n    files: [{tmp_path}/*.log]\n    profile: jsonl\n    zone: Europe/Berlin\n"
        "    constants: {org: acme}\n    multiline: {indented: true}\n    encoding: latin-1\n"
        "    sample: [{name: some, when: {action: read}, keep: 0.5}]\n"
        "  - {name: hook, profile: jsonl, command: {argv: [cat]}}\n"
    )
    return path


def test_an_input_is_tried_with_its_files_and_all_its_options(config: Path, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"".join((LINE % n).encode() for n in range(20)) + b'{"user":"J\xf6rg"}\n  at x\n')
    *lines, summary = tried("--config", config, "--input", "app")
    assert [each["line"] for each in lines] == list(range(1, 22))
    first = lines[0]
    assert (first["event"]["time"], first["event"]["org"]) == ("2026-11-21T08:00:00.000000Z", "acme")
    by_rule = [(each.get("rule"), each.get("kept")) for each in lines[:20]]
    assert by_rule[3] == ("threes", False)
    assert {rule for rule, _ in by_rule[:3] + by_rule[4:]} == {"some"}
    dropped = by_rule.count(("some", False))
    assert summary["dropped"] == {"threes": 1, "some": dropped}
    assert summary["kept"] == {"some": 19 - dropped}
    assert lines[20]["profile"] is None  # a record of two lines is no JSON
    assert lines[20]["raw"] == '{"user":"Jörg"}\n  at x'
    assert summary["reasons"] == {"is not JSON (profile 'jsonl')": 1}


def test_an_input_that_is_not_there_or_has_no_files_is_a_mistake(config: Path) -> None:
    assert "there is no input 'x' in" in run("--config", config, "--input", "x", code=2)[-1]
    assert run("--config", config, "--input", "hook", code=2)[-1].startswith("Error: name a FILE")
    assert "there is no profile 'nosuch'; known here: " in run("-", "--profile", "nosuch", code=2)[-1]
    assert run(config.parent / "none.log", code=1) == [f"Error: {config.parent}/none.log: No such file or directory"]


def test_standard_input_and_compressed_files_are_read(tmp_path: Path) -> None:
    lines = "".join(LINE % n for n in range(3))
    done = subprocess.run(
        [sys.executable, "-m", "watchbook", "agent", "try", "-", "--profile", "jsonl", "--json"],
        input=lines.removesuffix("\n"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1])["summary"] == {"jsonl": 3}
    packed = tmp_path / "a.log.1.gz"
    packed.write_bytes(gzip.compress(lines.encode()))
    assert tried(packed, "--profile", "jsonl")[-1]["summary"] == {"jsonl": 3}


def test_a_large_file_is_read_up_to_the_limit_and_says_so(tmp_path: Path) -> None:
    log = tmp_path / "big.log"
    log.write_text("".join(LINE % n for n in range(12_000)) + "broken\n")
    (summary,) = tried(log, "--profile", "jsonl", "--only", "unparsed")
    assert summary["summary"] == {"jsonl": 10_000}
    assert summary["note"] == "stopped after 10000 lines: there are more; --limit 0 reads all"
    unparsed, summary = tried(log, "--profile", "jsonl", "--only", "unparsed", "--limit", 0)
    assert unparsed["line"] == 12_001
    assert summary == {
        "summary": {"jsonl": 12_000, "unparsed": 1}, "events": 12_000,
        "reasons": {"is no JSON object (profile 'jsonl')": 1},
    }  # fmt: skip
    assert tried(log, "--profile", "jsonl", "--limit", 300)[-1]["summary"] == {"jsonl": 300}


def test_watching_shows_lines_as_they_come_across_a_rotation_and_ends_with_a_summary(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(LINE % 0)
    command = [sys.executable, "-m", "watchbook", "agent", "try", str(log), "--profile", "jsonl", "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        try:
            assert process.stderr.readline() == f"following {log}; Ctrl-C ends\n"
            time.sleep(0.5)  # until it has looked at the file
            with log.open("a") as more:
                more.write(LINE % 1)
            assert json.loads(process.stdout.readline())["event"]["details"] == {"n": 1}
            log.rename(tmp_path / "app.log.1")
            log.write_text(LINE % 2)
            assert json.loads(process.stdout.readline())["event"]["details"] == {"n": 2}
        finally:
            process.send_signal(signal.SIGINT)
        assert json.loads(process.stdout.readline())["summary"] == {"jsonl": 2}
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


def test_standard_input_cannot_be_watched_otherwise() -> None:
    assert run("-", "--watch", code=2)[-1].startswith("Error: --watch follows files")


def test_an_input_with_several_profiles_takes_the_first_that_a_line_is_of(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        f"collector: {{url: 'http://127.0.0.1:9', token: t}}\nstate: {tmp_path}/state\n"
        f"inputs:\n  - {{name: auth, files: [{tmp_path}/auth.log], profile: [sshd, syslog]}}\n"
        f"  - {{name: found, files: [{tmp_path}/web.log], profile: auto}}\n"
    )
    (tmp_path / "auth.log").write_text(
        "2026-11-21T14:08:30+01:00 web01 sshd[8]: fatal: Cannot bind any address.\n"
        "2026-11-21T14:08:31+01:00 web01 CRON[9]: hello\nstrange\n"
    )
    first, second, third, summary = tried("--config", path, "--input", "auth")
    assert (first["profile"], second["profile"]) == ("sshd", "syslog")
    assert set(third["reasons"]) == {"sshd", "syslog"}
    assert summary["summary"] == {"sshd": 1, "syslog": 1, "unparsed": 1}
    (tmp_path / "web.log").write_text(
        '192.0.2.7 - - [21/Nov/2026:14:05:09 +0100] "GET /x HTTP/1.1" 200 5 "-" "-"\n' * 3 + "strange\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "watchbook", "agent", "try", "--config", path, "--input", "found", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"{tmp_path}/web.log: " in done.stderr
    assert "of the 4 lines looked at are understood" in done.stderr
    *lines, summary = map(json.loads, done.stdout.splitlines())
    assert [each["event"]["resource"]["id"] for each in lines[:3]] == ["/x"] * 3
    assert summary["summary"]["unparsed"] == 1


def test_lines_in_a_wrapper_are_shown_as_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        f"collector: {{url: 'http://127.0.0.1:9', token: t}}\nstate: {tmp_path}/state\n"
        f"inputs:\n  - {{name: pod, files: [{tmp_path}/pod.log], profile: jsonl, unwrap: cri}}\n"
    )
    (tmp_path / "pod.log").write_text(
        '2026-11-21T09:00:00.1Z stdout F {"user":"a","action":"created"}\n'
        '2026-11-21T09:00:00.2Z stdout P {"user":"b",\n2026-11-21T09:00:00.3Z stdout F "action":"deleted"}\n'
        "no wrapper\n"
    )
    first, second, third, _ = tried("--config", path, "--input", "pod")
    assert (first["event"]["action"], first["raw"]) == ("create", '{"user":"a","action":"created"}')
    assert "user" in first["origins"]["actor.id"]
    assert second["event"]["action"] == "delete"
    assert "is no line of a CRI log" in third["reasons"]["jsonl"]


def test_records_of_a_profile_are_joined_as_it_says(tmp_path: Path) -> None:
    profile = tmp_path / "profiles" / "trace.yaml"
    profile.parent.mkdir()
    profile.write_text(
        "profile: trace\nformat: text\nrecord: {indented: true}\nconstants: {action: log}\nfields: {message: line}\n"
    )
    (tmp_path / "a.log").write_text("one\n  at x\n  at y\ntwo\n")
    one, two, summary = tried(tmp_path / "a.log", "--profiles", profile.parent, "--profile", "trace")
    assert one["event"]["message"] == "one\n  at x\n  at y"
    assert (two["line"], summary["summary"]) == (2, {"trace": 2})
