"""SIGHUP to a real agent: a good configuration takes effect, a bad one changes nothing, no line is lost or doubled."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

QUICK = "status_interval: 100ms\ntail: {rescan_interval: 200ms, rotated_hold: 1s}\n"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand", agent_extra=QUICK)
    made.collector.start()
    made.wait_until_up()
    made.agent.start()
    wait_for("the agent", lambda: made.agent_status().get("running"), 30, made.evidence)
    yield made
    made.close()


def line(number: int) -> str:
    return json.dumps({"ts": "2026-11-21T10:00:00Z", "user": "alice", "action": "viewed", "seq": number}) + "\n"


def hang_up(stand: Stand) -> None:
    os.kill(stand.agent.pid, signal.SIGHUP)


def last_reload(stand: Stand) -> dict[str, object]:
    """Return what the running agent says of its last reload, in the file that ``agent status`` reads."""
    return dict(json.loads((stand.folder / "agent" / "status.json").read_text())["reload"] or {})


def reload_and_wait(stand: Stand, *, ok: bool) -> None:
    before = last_reload(stand).get("time")
    hang_up(stand)
    wait_for("the reload", lambda: last_reload(stand).get("time") != before, 30, stand.evidence)
    assert last_reload(stand)["ok"] is ok, stand.evidence()


def log_events(stand: Stand) -> list[dict[str, object]]:
    lines = (stand.folder / "agent.out").read_text().splitlines()
    return [json.loads(each) for each in lines if each.startswith("{")]


def has_said(stand: Stand, event: str) -> bool:
    return any(each["event"] == event for each in log_events(stand))


def test_an_input_that_is_added_is_read_and_one_that_is_removed_is_not(stand: Stand) -> None:
    first, second = stand.logs / "app.log", stand.logs / "more.txt"
    first.write_text(line(0))
    wait_for("the first line", lambda: stand.stored_events() == 1, 30, stand.evidence)
    second.write_text(line(1))
    text = stand.agent_yaml.read_text()
    more = f"  - name: more\n    files: [{second}]\n    profile: jsonl\nstatus_interval"
    stand.agent_yaml.write_text(text.replace("status_interval", more))
    reload_and_wait(stand, ok=True)
    wait_for("the line of the new input", lambda: stand.stored_events() == 2, 30, stand.evidence)
    stand.agent_yaml.write_text(text.replace("name: app", "name: more").replace("app.log", "more.txt"))
    reload_and_wait(stand, ok=True)
    with first.open("a") as log:
        log.write(line(99))
    with second.open("a") as log:
        log.write(line(2))
    assert stand.wait_until_stored(3, 30), stand.evidence()
    assert stand.stored_numbers() == dict.fromkeys(range(3), 1)
    said = [each for each in log_events(stand) if each["event"] == "agent_reloaded"]
    assert [(each["added"], each["removed"], each["changed"]) for each in said] == [
        (["more"], [], []),
        ([], ["app"], []),
    ]
    assert stand.agent.stop() == 0


def test_a_configuration_with_mistakes_changes_nothing_and_is_shown_until_it_is_mended(stand: Stand) -> None:
    right = stand.agent_yaml.read_text()
    own = stand.folder / "profiles"
    own.mkdir()
    (own / "mine.yaml").write_text("profile: mine\nformat: nosuchformat\nfields: {actor.id: [}\n")
    wrong = right.replace("profile: jsonl", "profile: jsonl\n    colour: red") + f"profiles: {own}\nlog_level: loud\n"
    stand.agent_yaml.write_text(wrong)
    reload_and_wait(stand, ok=False)
    status = stand.agent_status()
    assert status["running"]
    problems = "\n".join(status["problems"])
    for place in (f"{stand.agent_yaml}:9:5: ", f"{stand.agent_yaml}:13:12: ", f"{own}/mine.yaml:3:"):
        assert place in problems, problems
        assert any(place in str(each.get("problem")) for each in log_events(stand))
    stand.agent_yaml.write_text("inputs: [\n" + right)  # no YAML at all, and still there is a status
    reload_and_wait(stand, ok=False)
    assert "is no YAML" in "\n".join(stand.agent_status()["problems"])
    (stand.logs / "app.log").write_text(line(0))
    wait_for("a line read as before", lambda: stand.stored_events() == 1, 30, stand.evidence)
    stand.agent_yaml.write_text(right)
    reload_and_wait(stand, ok=True)
    assert stand.agent_status()["problems"] == []


def test_another_state_folder_needs_a_restart(stand: Stand) -> None:
    right = stand.agent_yaml.read_text()
    stand.agent_yaml.write_text(right.replace(f"state: {stand.folder}/agent", f"state: {stand.folder}/other"))
    hang_up(stand)
    wait_for(
        "the refusal", lambda: any(each["event"] == "reload_failed" for each in log_events(stand)), 30, stand.evidence
    )
    (problem,) = [str(each["problem"]) for each in log_events(stand) if each["event"] == "reload_problem"]
    assert f"{stand.agent_yaml}:4:8: 'state'" in problem
    assert "needs a restart" in problem
    assert not (stand.folder / "other").exists()


def test_the_log_level_and_the_time_for_a_stop_are_those_of_the_new_configuration(stand: Stand) -> None:
    stand.agent_yaml.write_text(stand.agent_yaml.read_text() + "log_level: error\ndrain_timeout: 7s\n")
    before = last_reload(stand)
    hang_up(stand)
    wait_for("the reload", lambda: last_reload(stand) != before, 30, stand.evidence)
    assert stand.agent.stop() == 0
    assert not [each for each in log_events(stand) if each["event"] in ("agent_reloaded", "stop_asked")]


class Writer(threading.Thread):
    """Writes numbered lines, a few thousand a second, and rotates its file now and then."""

    def __init__(self, path: Path, first: int) -> None:
        super().__init__()
        self.path, self.first, self.written, self.enough = path, first, 0, threading.Event()
        self.seconds = 0.0

    def run(self) -> None:
        began = time.monotonic()
        while not self.enough.is_set():
            with self.path.open("a") as log:
                log.writelines(line(self.first + self.written + n) for n in range(40))
            self.written += 40
            if self.written % 8000 == 0:
                self.path.rename(self.path.with_name(f"{self.path.name}.{self.written // 8000}"))
            time.sleep(0.01)
        self.seconds = time.monotonic() - began


def test_under_load_several_reloads_lose_and_double_nothing(stand: Stand) -> None:
    text = stand.agent_yaml.read_text()
    other = f"  - name: other\n    files: [{stand.logs}/other.log]\n    profile: jsonl\nstatus_interval"
    writers = [Writer(stand.logs / "app.log", 0), Writer(stand.logs / "other.log", 10_000_000)]
    for writer in writers:
        writer.start()
    try:
        for number in range(8):
            changed = text.replace("status_interval", other) + f"batch: {{events_max: {100 + number}}}\n"
            stand.agent_yaml.write_text(changed if number != 4 else changed + "colour: red\n")
            reload_and_wait(stand, ok=number != 4)
            reached = sum(writer.written for writer in writers) + 2000
            wait_for("more lines", lambda: sum(w.written for w in writers) >= reached, 30)  # noqa: B023
    finally:
        for writer in writers:
            writer.enough.set()
            writer.join()
    written = sum(writer.written for writer in writers)
    print(f"{written} lines in {writers[0].seconds:.1f} s over 8 reloads")
    assert stand.wait_until_stored(written, 90), stand.evidence()
    expected = [writer.first + n for writer in writers for n in range(writer.written)]
    assert stand.stored_numbers() == dict.fromkeys(expected, 1)
    ship = stand.agent_status()["agent"]["ship"]
    assert ship["events"] == written  # counted on over the reloads; nothing was sent anew in vain
    assert stand.agent.stop() == 0


def test_what_is_deleted_with_lines_unread_is_read_on_after_a_reload(stand: Stand) -> None:
    """The file's name is gone; only the handle that is kept over the reload still leads to it."""
    log = stand.logs / "app.log"
    log.write_text(line(0))
    wait_for("the first line", lambda: stand.stored_events() == 1, 30, stand.evidence)
    stand.agent_yaml.write_text(stand.agent_yaml.read_text().replace("rotated_hold: 1s", "rotated_hold: 1h"))
    with log.open("a") as held:
        log.unlink()
        wait_for("the deletion to be seen", lambda: not _live(stand), 30, stand.evidence)
        reload_and_wait(stand, ok=True)
        held.write(line(1))
        held.flush()
        wait_for("the line of the deleted file", lambda: stand.stored_events() == 2, 30, stand.evidence)
    assert stand.stored_numbers() == {0: 1, 1: 1}


def _live(stand: Stand) -> bool:
    return any(file["state"] == "live" for file in stand.agent_status()["files"])


def test_a_stop_that_comes_with_a_reload_ends_the_agent_in_order(stand: Stand) -> None:
    (stand.logs / "app.log").write_text("".join(map(line, range(5000))))
    for _ in range(3):
        hang_up(stand)
    assert stand.agent.stop() == 0, stand.evidence()
    stand.agent.start()
    assert stand.wait_until_stored(5000, 60), stand.evidence()
    assert stand.stored_numbers() == dict.fromkeys(range(5000), 1)


def test_the_status_of_a_running_agent_is_shown_whatever_the_file_says_now(stand: Stand) -> None:
    stand.agent_yaml.write_text(stand.agent_yaml.read_text() + "colour: red\n")
    command = [sys.executable, "-m", "watchbook", "agent", "status", "--config", str(stand.agent_yaml)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "running (pid" in done.stdout
    assert "could not be started with this configuration" in done.stdout


def test_a_reload_waits_while_the_spool_cannot_be_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small disk can only be made by root")
    (tmp_path / "stand").mkdir()
    (disk / "agent").mkdir(mode=0o700)
    (tmp_path / "stand" / "agent").symlink_to(disk / "agent")
    stand = Stand(tmp_path / "stand", agent_extra=QUICK)
    try:
        stand.collector.start()
        stand.wait_until_up()
        stand.agent.start()
        wait_for("the agent", lambda: (disk / "agent" / "status.json").exists(), 30, stand.evidence)
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        (stand.logs / "app.log").write_text("".join(map(line, range(5000))))
        wait_for("the failure", lambda: has_said(stand, "spool_commit_failed"), 30, stand.evidence)
        stand.agent_yaml.write_text(stand.agent_yaml.read_text() + "batch: {events_max: 100}\n")
        hang_up(stand)
        assert stand.agent.is_running()
        assert not has_said(stand, "agent_reloaded")
        (disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert stand.wait_until_stored(5000, 60), stand.evidence()
        wait_for("the reload", lambda: has_said(stand, "agent_reloaded"), 30, stand.evidence)
        assert stand.stored_numbers() == dict.fromkeys(range(5000), 1)
        assert stand.agent.stop() == 0
    finally:
        stand.close()
        subprocess.run(["umount", "-l", disk], check=True)
