"""``watchbook agent discover`` on made-up hosts: what is proposed, that it can be pasted, what is not read and why."""

import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.config import load_settings
from agent.discover.places import load_places
from agent.discover.walking import is_binary
from tests.agent.test_check import asked_as_nobody
from watchbook.cli import cli
from watchbook.shipped import shipped_folder

SAMPLES = shipped_folder("config") / "samples"
NGINX = (SAMPLES / "nginx-access.log").read_text()
SSHD = (SAMPLES / "auth.log").read_text()
JSONL = (SAMPLES / "app.jsonl").read_text()

AUTH_PROFILES = ["sshd", "sudo", "su", "accounts", "cron", "logind", "pam", "syslog"]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host's files below a folder."""
    root = tmp_path / "host"
    put(root, "/var/log/nginx/access.log", NGINX)
    put(root, "/var/log/nginx/access.log.1", NGINX)
    put(root, "/var/log/nginx/error.log", "words of no known shape\n" * 3)
    (root / "var/log/nginx/access.log.2.gz").write_bytes(gzip.compress(NGINX.encode()))
    put(root, "/var/log/auth.log", SSHD)
    put(root, "/var/log/shop/cart.log", JSONL)
    put(root, "/var/log/shop/pay.log", JSONL)
    put(root, "/var/log/dated/app-2026-11-20.log", JSONL)
    put(root, "/var/log/dated/app-2026-11-21.log", JSONL)
    put(root, "/opt/crm/logs/crm.log", JSONL)
    put(root, "/var/log/empty.log", "")
    put(root, "/var/log/wtmp", "\0" * 400)
    put(root, "/var/log/wtmp.1", "\0" * 400)
    put(root, "/var/log/strange.db", "x\0y" * 400)
    put(root, "/var/log/backup.tar.gz", "no matter")
    put(root, "/var/log/journal/0123/system.journal", "LPKSHHRH\0")
    put(root, "/etc/timezone", "Europe/Berlin\n")
    return root


def put(root: Path, path: str, text: str) -> None:
    place = root / path.removeprefix("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["agent", "discover", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def found_on(root: Path, *arguments: str) -> dict[str, Any]:
    return dict(json.loads(run("--root", str(root), "--json", *arguments)))


def test_logs_get_the_profile_that_understands_them_best(host: Path) -> None:
    found = {each["name"]: each for each in found_on(host)["inputs"]}
    assert {name: (each["profile"], each["files"]) for name, each in found.items()} == {
        "nginx": ("nginx", ["/var/log/nginx/access.log"]),
        "auth": (AUTH_PROFILES, ["/var/log/auth.log"]),
        "shop": ("jsonl", ["/var/log/shop/*.log"]),
        "dated": ("jsonl", ["/var/log/dated/app-*.log"]),
        "apps": ("jsonl", ["/opt/crm/logs/crm.log"]),
    }
    assert found["nginx"]["logs"][0]["rotated"] == 2
    assert 0.9 < found["nginx"]["understood"] < 1
    assert found["nginx"]["sample"]["source"]
    assert found["auth"]["zone"] == "Europe/Berlin"
    assert found["nginx"]["zone"] is None


def test_what_is_not_read_has_its_reason(host: Path) -> None:
    found = found_on(host)
    unread = {each["path"]: each["why"] for each in found["unread"]}
    assert "binary records of logins" in unread["/var/log/wtmp"]
    assert unread["/var/log/strange.db"] == "binary"
    assert unread["/var/log/backup.tar.gz"] == "an archive, no log"
    assert "journal's own format" in unread["/var/log/journal"]
    assert found["journal"] == "/var/log/journal"
    rest = {each["path"]: (each["understood"], each["lines"]) for each in found["not_understood"]}
    assert rest == {"/var/log/nginx/error.log": (0, 3), "/var/log/empty.log": (0, 0)}


def test_a_file_that_may_not_be_read_is_named() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can ask as another user")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        root = Path(name)
        root.chmod(0o755)
        put(root, "/var/log/auth.log", SSHD)
        put(root, "/var/log/shop/cart.log", JSONL)
        found_on(root)  # what is imported lazily is imported now
        (root / "var/log/auth.log").chmod(0o600)
        (root / "var/log/shop").chmod(0o700)
        found = json.loads(asked_as_nobody(lambda: json.dumps(found_on(root))))
    why = "cannot be read: Permission denied"
    assert found["unread"] == [{"path": "/var/log/auth.log", "why": why}, {"path": "/var/log/shop", "why": why}]


def test_the_inputs_can_be_pasted(host: Path, tmp_path: Path) -> None:
    put(host, '/var/log/od d/[x], "y".log', JSONL)
    section = run("--root", str(host), "--yaml")
    path = tmp_path / "agent.yaml"
    path.write_text(f"collector: {{url: 'http://x', token: t}}\nstate: {tmp_path}/state\n{section}")
    settings, _ = load_settings(path)
    files = {each.name: each.files for each in settings.inputs}
    assert files["auth"] == ("/var/log/auth.log",)
    assert files["od-d"] == ('/var/log/od d/[[]x], "y".log',)
    assert "# /var/log/nginx/error.log: no profile understands it (0 of 3 lines)" in section


def test_a_folder_can_be_named_and_nothing_else_is_looked_at(host: Path) -> None:
    found = found_on(host, "--path", "/var/log/shop", "--path", "/var/log/auth.log")
    assert sorted(each["name"] for each in found["inputs"]) == ["auth", "shop"]
    assert found["unread"] == []
    assert CliRunner().invoke(cli, ["agent", "discover", "--path", "var"]).exit_code == 2


def test_one_pattern_stands_for_several_logs_only_where_it_names_nothing_else(host: Path) -> None:
    put(host, "/var/log/shop/other.log", "no json at all\n" * 5)
    found = {each["name"]: each["files"] for each in found_on(host)["inputs"]}
    assert found["shop"] == ["/var/log/shop/cart.log", "/var/log/shop/pay.log"]


def test_the_table_shows_shares_samples_and_reasons(host: Path) -> None:
    shown = run("--root", str(host))
    assert "nginx            nginx            94 %  /var/log/nginx/access.log (and 2 rotated)" in shown
    assert "nginx: an event of /var/log/nginx/access.log\n  {" in shown
    assert "  /var/log/nginx/error.log  " in shown
    assert "  /var/log/strange.db  binary\n" in shown


def test_nothing_is_written_and_secrets_are_not_shown(host: Path) -> None:
    line = {"ts": "2026-11-21T10:00:00Z", "user": "a", "action": "login", "password": "hunter2hunter2"}
    put(host, "/var/log/secret.log", json.dumps(line) + "\n")
    before = {path: path.stat().st_mtime_ns for path in host.rglob("*")}
    shown = run("--root", str(host))
    assert "hunter2" not in shown
    assert "[REDACTED]" in shown
    assert {path: path.stat().st_mtime_ns for path in host.rglob("*")} == before


def test_an_empty_host_gets_no_inputs(tmp_path: Path) -> None:
    assert found_on(tmp_path)["inputs"] == []
    assert "inputs: []" in run("--root", str(tmp_path), "--yaml")


def test_own_profiles_are_tried_too(host: Path, tmp_path: Path) -> None:
    own = tmp_path / "profiles"
    own.mkdir()
    (own / "kv.yaml").write_text(
        "profile: kv\nformat: json\nmatch: {kind: [kv]}\nfields: {actor.id: who}\nconstants: {action: read}\n"
    )
    put(host, "/var/log/kv.log", '{"kind": "kv", "who": "bob"}\n' * 3)
    path = "/var/log/kv.log"
    (kv,) = found_on(host, "--profiles", str(own), "--path", path)["inputs"]
    assert kv["understood"] == 1
    found = [each["profile"] for each in found_on(host, "--profiles", str(own))["inputs"]]
    assert all(each in found for each in ("jsonl", "nginx", AUTH_PROFILES))


def test_the_table_of_known_logs_is_right() -> None:
    places = load_places(shipped_folder("config") / "discover.yaml")
    profiles = {path.stem for path in (shipped_folder("config") / "profiles").glob("*.yaml")}
    assert {name for log in places.logs for name in log.profile_names} <= profiles
    patterns = [pattern for log in places.logs for pattern in log.files]
    patterns += [pattern for unread in places.unread for pattern in unread.files]
    assert all(pattern.startswith("/") for pattern in (*patterns, *places.folders))
    assert len({log.name for log in places.logs}) == len(places.logs)


@pytest.mark.parametrize(
    ("head", "binary"), [(b"", False), (b"text \xc3\xa9\n", False), (b"\x1b[31mred\x1b[0m", False), (b"a\0b", True)]
)
def test_text_is_told_from_what_is_none(head: bytes, binary: bool) -> None:
    assert is_binary(head) is binary


def test_records_of_several_lines_are_tried_whole(host: Path) -> None:
    lines = [
        "2026-11-21 14:05:13.245 UTC [9001] alice@shop ERROR:  permission denied for table customers",
        "2026-11-21 14:05:13.245 UTC [9001] alice@shop STATEMENT:  SELECT name",
        "\t  FROM customers",
        "\t WHERE id = 7;",
    ]
    put(host, "/srv/db/postgresql-16-main.log", "\n".join(lines * 3) + "\n")
    (found,) = found_on(host, "--path", "/srv/db")["inputs"]
    assert (found["profile"], found["understood"], found["logs"][0]["lines"]) == ("postgresql", 1, 3)
    assert found["sample"]["details"]["statement"].endswith("WHERE id = 7;")
