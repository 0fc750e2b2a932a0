"""``watchbook agent check``: everything that is wrong, at once, each with its place and the next step."""

import grp  # noqa: F401  # another user may not be able to import it any more
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.check import check_host
from agent.config import AgentSettings, load_settings
from agent.filecheck import barriers, check_files
from agent.finding import Finding
from agent.hostcheck import check_limits, check_metrics, check_state
from tests.stand import Stand, wait_for
from watchbook.cli import cli
from watchbook.clock import now_us


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def settings_of(tmp_path: Path, *inputs: str, extra: str = "", url: str = "http://127.0.0.1:9") -> AgentSettings:
    path = tmp_path / "agent.yaml"
    listed = "".join(f"  - {{name: i{n}, files: [{files}], profile: jsonl}}\n" for n, files in enumerate(inputs))
    path.write_text(f"collector: {{url: '{url}', token: t}}\nstate: {tmp_path}/state\ninputs:\n{listed}{extra}")
    return load_settings(path)[0]


def levels(findings: Iterator[Finding] | list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.text) for finding in findings]


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["agent", "check", *arguments])


def test_a_file_is_readable_a_pattern_matches_nothing_and_a_folder_is_missing(tmp_path: Path, logs: Path) -> None:
    (logs / "a.log").write_text("")
    settings = settings_of(tmp_path, f"{logs}/a.log, {logs}/b-*.log, {logs}/none/c.log", str(logs))
    assert levels(check_files(settings)) == [
        ("ok", f"input i0: {logs}/a.log: readable"),
        ("note", f"input i0: nothing matches {logs}/b-*.log yet; it will be read when it appears"),
        ("note", f"input i0: there is no folder {logs}/none; it will be read when it appears"),
        ("note", f"input i1: {logs}: no regular file, so it is not read"),
    ]


def test_the_part_of_a_path_that_stands_in_the_way_is_named(tmp_path: Path, logs: Path) -> None:
    deep = logs / "private" / "app"
    deep.mkdir(parents=True)
    (deep / "x.log").write_text("")
    (logs / "unlisted").mkdir()

    def can(path: str, mode: int) -> bool:
        return not (path == str(logs / "private") and mode == os.X_OK) and not (
            path == str(logs / "unlisted") and mode == os.R_OK
        )

    assert list(barriers(f"{deep}/x.log", can)) == [(str(logs / "private"), "entered")]
    assert list(barriers(f"{logs}/*/*.log", can)) == [
        (str(logs / "private"), "entered"),
        (str(logs / "unlisted"), "listed"),
    ]
    assert list(barriers(f"{logs}/unlisted/known.log", can)) == []
    assert (str(logs / "private"), "entered") in list(barriers(f"{logs}/**/*.log", can))
    (wrong,) = [f for f in check_files(settings_of(tmp_path, f"{deep}/x*.log"), can) if f.wrong]
    assert wrong.text.startswith(f"input i0: {logs}/private (drwx")
    assert "cannot be entered" in wrong.text


def test_another_user_is_told_what_it_may_not_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can ask as another user")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0o700)
        (folder / "open.log").write_text("")
        (folder / "open.log").chmod(0o600)
        settings = settings_of(tmp_path, f"{folder}/open.log", f"{folder}/closed/*.log")
        said = asked_as_nobody(lambda: "\n".join(text for _, text in levels(check_files(settings))))
    one, two = said.splitlines()
    assert one.startswith(f"input i0: {folder}/open.log (-rw------- root:root) is not readable")
    assert two.startswith(f"input i1: {folder}/closed (drwx------ root:root) cannot be entered")


def asked_as_nobody(ask: Callable[[], str]) -> str:
    """Return what a process of the user ``nobody`` answers."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(write, ask().encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as answer:  # noqa: PTH123  # a descriptor
        said = answer.read().decode()
    os.waitpid(child, 0)
    return said


def test_two_inputs_that_name_a_file_are_told_which_one_reads_it(tmp_path: Path, logs: Path) -> None:
    for name in ("a.log", "b.log"):
        (logs / name).write_text("")
    settings = settings_of(tmp_path, f"{logs}/a.log", f"{logs}/*.log")
    (note,) = [finding.text for finding in check_files(settings) if finding.level == "note"]
    assert note.startswith(f"input i1: {logs}/a.log: input i0 names it too, comes first and reads it")


def test_the_state_folder_must_be_one_and_have_room(tmp_path: Path) -> None:
    (first, second) = levels(check_state(settings_of(tmp_path, "/a", extra="spool: {bytes_max: 1MiB}\n")))
    assert first == ("ok", f"state: {tmp_path}/state is writable")
    assert second[0] == "ok"
    huge = settings_of(tmp_path, "/a", extra="spool: {bytes_max: 900000000GiB}\n")
    (_, room) = levels(check_state(huge))
    assert room[0] == "note"
    assert "'spool.bytes_max'" in room[1]
    (tmp_path / "state").write_text("")
    assert levels(check_state(huge)) == [
        ("WRONG", f"state: {tmp_path}/state is no folder; name another one in 'state'")
    ]


def test_more_files_than_may_be_open_are_wrong(tmp_path: Path, logs: Path) -> None:
    (logs / "a.log").write_text("")
    settings = settings_of(tmp_path, f"{logs}/a.log")
    assert [level for level, _ in levels(check_limits(settings, 1))] == ["ok", "ok"]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("any number of files may be open here")
    assert levels(check_limits(settings, hard))[0][0] == "WRONG"


def test_inotify_limits_are_found_by_trying(tmp_path: Path, logs: Path) -> None:
    """In a process of its own whose user has no watches left, as far as that can be had here."""
    (logs / "a.log").write_text("")
    code = (
        "import ctypes, sys; from agent.hostcheck import check_inotify; libc = ctypes.CDLL(None)\n"
        "while libc.inotify_init1(0) >= 0: pass\n"
        "print(*check_inotify([sys.argv[1]], '2s'))"
    )
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", limited, logs],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "inotify: no instance left" in done.stdout
    assert "changes would only be seen every 2s" in done.stdout


def test_a_metrics_port_in_use_is_noted(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        settings = settings_of(tmp_path, "/a", extra=f"metrics: {{listen: '{listen}'}}\n")
        ((level, text),) = levels(check_metrics(settings))
    assert (level, listen in text) == ("note", True)
    assert [level for level, _ in levels(check_metrics(settings))] == ["ok"]


def test_mistakes_of_the_configuration_and_of_the_profiles_come_together(tmp_path: Path) -> None:
    own = tmp_path / "profiles"
    own.mkdir()
    (own / "mine.yaml").write_text("profile: mine\nformat: json\nfields: {nosuch: x}\n")
    path = tmp_path / "agent.yaml"
    path.write_text(
        "collector: {url: nowhere}\nstate: /x\ncolour: red\nprofiles: " + str(own) + "\ninputs:\n"
        "  - {name: a, files: [rel.log], profile: jsonl, zone: Nowhere/At}\n"
        "  - {name: a, files: [/a], profile: jsonl}\n"
    )
    done = invoke("--config", str(path), "--json")
    assert done.exit_code == 78
    found = {(Path(each["path"]).name, each["line"]): each["text"] for each in json.loads(done.stdout)["mistakes"]}
    assert found.keys() == {
        ("agent.yaml", 1), ("agent.yaml", 3), ("agent.yaml", 6), ("agent.yaml", 7), ("mine.yaml", 3)
    }  # fmt: skip
    texts = [each["text"] for each in json.loads(done.stdout)["mistakes"] if each["line"] == 6]
    assert any("absolute path" in text for text in texts)
    assert any("time zone" in text for text in texts)


def test_a_folder_of_profiles_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        "collector: {url: 'http://x', token: t}\nstate: /x\nprofiles: /nosuch\n"
        "inputs: [{name: a, files: [/a], profile: mine}]\n"
    )
    done = invoke("--config", str(path), "--json")
    (mistake,) = json.loads(done.stdout)["mistakes"]
    assert (mistake["line"], mistake["column"]) == (3, 11)


@pytest.mark.end_to_end
@pytest.mark.timeout(120)
def test_a_host_is_checked_beside_a_running_collector_and_agent(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "stand")
    try:
        (stand.logs / "app.log").write_text("")
        stand.collector.start()
        stand.wait_until_up()
        done = invoke("--config", str(stand.agent_yaml))
        assert done.exit_code == 0, done.output
        assert "\nok     collector: " in done.output
        assert "\nok     clock: as the collector's\n" in done.output
        stand.agent.start()
        wait_for("the agent", lambda: stand.agent_status().get("running"), 30, stand.evidence)
        assert f"an agent (pid {stand.agent.pid}) runs with it" in invoke("--config", str(stand.agent_yaml)).output
        settings = load_settings(stand.agent_yaml)[0]
        for skew, said in ((-60, "behind"), (60, "ahead of")):
            findings = list(check_host(settings, lambda skew=skew: now_us() + skew * 1_000_000))  # type: ignore[misc]
            assert [each.level for each in findings if f"s {said} the collector's" in each.text] == ["note"]
        stand.collector.stop()
        done = invoke("--config", str(stand.agent_yaml), "--json")
        assert done.exit_code == 1
        found = json.loads(done.stdout)["findings"]
        assert [each["level"] for each in found if each["text"].startswith("collector:")] == ["WRONG"]
    finally:
        stand.close()
