"""``watchbook agent enroll`` against a server that answers as a collector does."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.config import load_settings
from watchbook.cli import cli


class Collector:
    """Answers ``POST /v1/enroll`` with ``answer``; ``asked`` is what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: tuple[int, bytes] = (201, b'{"id": "1", "name": "web01", "token": "wb_own"}')
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append({"path": self.path, **json.loads(body)})
                status, answer = outer.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def refuse(self, status: int, detail: str) -> None:
        document = {"type": "urn:watchbook:problem:x", "title": "t", "status": status, "detail": detail}
        self.answer = (status, json.dumps(document).encode())


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def configuration(folder: Path, url: str, extra: str = "", token: str = "token_file") -> Path:
    path = folder / "agent.yaml"
    value = f"{folder}/agent.token" if token == "token_file" else "wb_inline"
    path.write_text(
        f"# mine\ncollector:\n  url: {url}\n  {token}: {value}\nstate: {folder}/state\n"
        f"inputs:\n  - {{name: app, files: [/x.log], profile: jsonl}}\n{extra}"
    )
    return path


def enrol(path: Path, *options: str, token: str = "wbe_one", **keywords: Any) -> Result:
    return CliRunner().invoke(cli, ["agent", "enroll", "--config", str(path), "--token", token, *options], **keywords)


def test_the_token_is_written_for_its_owner_only_and_the_name_is_kept(tmp_path: Path, collector: Collector) -> None:
    path = configuration(tmp_path, collector.url, "name: web01\n")
    before = path.read_text()
    done = enrol(path)
    assert done.exit_code == 0, done.output
    token = tmp_path / "agent.token"
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("wb_own\n", 0o600)
    assert path.read_text() == before
    (asked,) = collector.asked
    assert (asked["path"], asked["token"], asked["name"]) == ("/v1/enroll", "wbe_one", "web01")
    assert f"watchbook agent check --config {path}" in done.output
    assert sorted(each.name for each in tmp_path.iterdir()) == ["agent.token", "agent.yaml"]


def test_a_name_that_the_collector_gives_is_written_into_the_configuration(
    tmp_path: Path, collector: Collector
) -> None:
    path = configuration(tmp_path, collector.url)
    path.chmod(0o640)
    done = enrol(path)
    assert done.exit_code == 0, done.output
    assert "Added 'name: web01'" in done.output
    assert "name" not in collector.asked[0]
    settings, _ = load_settings(path)
    assert (settings.name, path.stat().st_mode & 0o777) == ("web01", 0o640)
    assert path.read_text().startswith("# mine\n")


def test_without_a_configuration_one_is_written_that_can_be_loaded(tmp_path: Path, collector: Collector) -> None:
    path = tmp_path / "etc" / "watchbook" / "agent.yaml"
    collector.answer = (201, json.dumps({"id": "1", "name": "a: # b", "token": "wb_own"}).encode())
    done = enrol(path, "--url", f"{collector.url}/", "--state", str(tmp_path / "state"), "--name", "a: # b")
    assert done.exit_code == 0, done.output
    settings, _ = load_settings(path)
    assert (settings.name, settings.collector.url) == ("a: # b", collector.url)
    assert settings.collector.token_file is not None
    assert settings.collector.token_file.read_text() == "wb_own\n"
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_root_gives_the_token_to_who_had_it_or_has_the_state_folder(tmp_path: Path, collector: Collector) -> None:
    path = configuration(tmp_path, collector.url)
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 12345, 12346)
    assert enrol(path).exit_code == 0
    token = tmp_path / "agent.token"
    assert (token.stat().st_uid, token.stat().st_gid) == (12345, 12346)
    os.chown(token, 23456, 23457)
    assert enrol(path).exit_code == 0
    assert (token.stat().st_uid, token.stat().st_gid, token.stat().st_mode & 0o777) == (23456, 23457, 0o600)


@pytest.mark.parametrize(
    ("status", "detail"), [(401, "this is no one-time token"), (403, "was used already"), (409, "is taken")]
)
def test_a_refusal_is_shown_and_the_old_token_stays(
    tmp_path: Path, collector: Collector, status: int, detail: str
) -> None:
    path = configuration(tmp_path, collector.url)
    (tmp_path / "agent.token").write_text("wb_old")
    collector.refuse(status, detail)
    done = enrol(path)
    assert done.exit_code == 1
    assert f"refuses ({status}): {detail}" in done.output
    assert (tmp_path / "agent.token").read_text() == "wb_old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["agent.token", "agent.yaml"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, b'{"detail": "nothing here"}'), "knows of no enrolment; update it"),
        ((502, b"<html>"), "answered 502, but not as a Watchbook collector"),
        ((200, b"welcome"), "not as a Watchbook collector"),
        ((201, b'{"id": "1"}'), "not as a Watchbook collector"),
    ],
)
def test_what_is_no_collector_or_an_old_one_is_said(
    tmp_path: Path, collector: Collector, answer: tuple[int, bytes], said: str
) -> None:
    collector.answer = answer
    done = enrol(configuration(tmp_path, collector.url))
    assert done.exit_code == 1
    assert said in done.output


def test_what_does_not_fit_is_found_before_the_token_is_used(tmp_path: Path, collector: Collector) -> None:
    path = configuration(tmp_path, collector.url, "name: db01\n")
    for options, said in (
        (["--url", "http://other:1"], f"{path}:3:8: 'collector.url' is {collector.url}"),
        (["--name", "web01"], f"{path}:8:7: 'name' is 'db01', '--name' says 'web01'"),
    ):
        done = enrol(path, *options)
        assert done.exit_code == 1
        assert said in done.output
    done = enrol(configuration(tmp_path, collector.url, token="token"))
    assert f"{path}:4:10: put 'token_file: {tmp_path}/agent.token' in the place of 'token'" in done.output
    done = enrol(tmp_path / "none.yaml")
    assert "'--url' must say where the collector is" in done.output
    (tmp_path / "file").write_text("")
    done = enrol(tmp_path / "file" / "agent.yaml", "--url", collector.url)
    assert "The one-time token was not used" in done.output
    assert collector.asked == []


def test_nothing_that_listens_is_said(tmp_path: Path) -> None:
    done = enrol(configuration(tmp_path, "http://127.0.0.1:1"))
    assert done.exit_code == 1
    assert "cannot be reached" in done.output


def test_the_token_can_come_from_standard_input(tmp_path: Path, collector: Collector) -> None:
    path = configuration(tmp_path, collector.url)
    assert enrol(path, token="-", input="wbe_piped\n").exit_code == 0
    assert collector.asked[0]["token"] == "wbe_piped"
