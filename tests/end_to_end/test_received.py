"""Commands and the journal through a real agent into a real collector, also while the agent is killed."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journal_files import JournalFiles
from tests.stand import Stand, is_alive, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[JournalFiles]:
    made = JournalFiles(tmp_path / "journal")
    yield made
    made.close()


@pytest.fixture
def journal_stand(tmp_path: Path, files: JournalFiles) -> Iterator[Stand]:
    source = f"{{directory: {files.folder}, since: all, units: [app.service], fields: [], max_line_bytes: 64KiB}}"
    made = Stand(
        tmp_path / "stand",
        agent_extra=f"  - {{name: journal, profile: journal, journal: {source}}}\nstatus_interval: 200ms\n",
    )
    yield made
    made.close()


def stored_messages(stand: Stand) -> Counter[str]:
    reader, found, after = stand._reader(), Counter[str](), 0
    try:
        while infos := reader.arrived_after(after, 1000):
            after = infos[-1].number
            for info in infos:
                found.update(message for message in reader.read(info).batch.column("message") or [] if message)
    finally:
        reader.close()
    return found


def test_every_entry_of_the_journal_is_stored_once_although_the_agent_is_killed(
    journal_stand: Stand, files: JournalFiles
) -> None:
    stand = journal_stand
    stand.collector.start()
    stand.wait_until_up()
    written = 0
    for each in range(6):
        stand.agent.start()
        for _ in range(4):
            files.write(*(f"message {number}" for number in range(written, written + 100)))
            files.write("noise", _SYSTEMD_UNIT="other.service")
            written += 100
        if each == 3:
            files.close()  # it goes on in another file, of another boot
            files.boot = "b"
        wait_for("some entries", lambda enough=300 * each: stand.stored_events() > enough, 60, stand.evidence)
        stand.agent.kill()
    stand.agent.start()
    wait_for("all entries", lambda: stand.stored_events() >= written, 60, stand.evidence)
    time.sleep(1)  # what is stored twice would come now
    assert stored_messages(stand) == {f"message {number}": 1 for number in range(written)}
    (event,) = stand.get("/v1/events?from=2026-11-01T00:00:00Z&limit=1")["events"]
    assert (event["resource"]["id"], event["origin"]["input"]) == ("app.service", "journal")


@pytest.fixture
def command_stand(tmp_path: Path) -> Iterator[Stand]:
    script = tmp_path / "script.sh"
    script.write_text(
        "#!/bin/sh\necho $$ > $0.pid\nn=0\nwhile :; do n=$((n+1)); "
        'printf \'{"user":"alice","action":"viewed","seq":%d}\\n\' $n; sleep 0.05; done\n'
    )
    script.chmod(0o755)
    extra = (
        f"  - {{name: ticker, profile: jsonl, command: {{argv: [{script}]}}}}\n"
        "  - {name: broken, profile: jsonl, command: {argv: [sh, -c, 'echo no such host >&2; exit 3'], every: 200ms}}\n"
        "status_interval: 200ms\n"
    )
    made = Stand(tmp_path / "stand", agent_extra=extra)
    yield made
    made.close()


def test_what_a_command_prints_is_stored_and_it_ends_with_the_agent(command_stand: Stand, tmp_path: Path) -> None:
    stand = command_stand
    stand.collector.start()
    stand.wait_until_up()
    stand.agent.start()
    wait_for("lines", lambda: stand.stored_events() >= 20, 60, stand.evidence)

    def state(name: str) -> dict[str, object]:
        return dict(stand.agent_status().get("agent", {}).get("listeners", {}).get(name, {}))

    wait_for("the failure", lambda: "error" in state("broken"), 30, stand.evidence)
    assert state("broken")["error"] == "it ended with exit code 3: no such host"
    assert any("broken: it ended with exit code 3" in problem for problem in stand.agent_status()["problems"])
    pid = int((tmp_path / "script.sh.pid").read_text())
    assert state("ticker")["pid"] == pid
    assert stand.agent.stop() == 0, stand.evidence()
    assert not is_alive(pid)
    read = stand.agent_status()["counters"]["ticker"]["lines"]
    wait_for("the rest", lambda: stand.stored_events() >= read or not stand.collector.is_running(), 30, stand.evidence)
    assert stand.stored_numbers() == dict.fromkeys(range(1, read + 1), 1)


def check(config: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "watchbook", "agent", "check", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_check_covers_what_is_received(tmp_path: Path) -> None:
    secret = tmp_path / "open.secret"
    secret.write_text("s")
    secret.chmod(0o644)
    config = tmp_path / "agent.yaml"
    inputs = [
        {"name": "a", "profile": "jsonl", "hook": {"auth": "hmac", "secret_file": str(secret)}},
        {"name": "b", "profile": "jsonl", "hook": {"auth": "bearer", "secret_file": str(tmp_path / "none")}},
        {"name": "c", "profile": "jsonl", "hook": {"auth": "none"}},
        {"name": "d", "profile": "jsonl", "command": {"argv": ["/nonexistent/tool"]}},
        {"name": "e", "profile": "jsonl", "command": {"argv": ["sh", "-c", "true"], "user": "nobody-at-all"}},
        {"name": "f", "profile": "journal", "journal": {"directory": str(tmp_path / "no-journal")}},
    ]
    document = {
        "collector": {"url": "http://127.0.0.1:9", "token": "t"},
        "state": str(tmp_path / "s"),
        "inputs": inputs,
    }
    config.write_text(json.dumps({**document, "hooks": {"listen": "192.0.2.1:8421"}}))
    done = check(config)
    assert done.returncode == 1
    for text in (
        f"WRONG  input a: the secret file {secret} is open to everybody; chmod o= it",
        f"WRONG  input b: the secret file {tmp_path}/none cannot be read: No such file or directory",
        "ok     input c: its hook takes events from anybody",
        "WRONG  input d: the command /nonexistent/tool is not there, or not executable",
        "ok     input e: the command /",
        "WRONG  input e: there is no user 'nobody-at-all'",
        f"WRONG  input f: the folder {tmp_path}/no-journal is not readable",
        "WRONG  hooks: 192.0.2.1:8421 cannot be listened on",
    ):
        assert text in done.stdout
