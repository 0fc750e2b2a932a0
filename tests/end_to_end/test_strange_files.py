"""What may stand in a log beside lines: none of it stops the file from being read, and all of it is seen in status."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

KB, MB = 1000, 1000_000
LIMIT = 1 << 20


def line(number: int, encoding: str = "utf-8") -> bytes:
    text = json.dumps({"ts": "2026-11-21T14:00:00Z", "user": "alice", "action": "viewed", "seq": number}) + "\n"
    return text.encode(encoding)


def long_line(number: int, size: int) -> bytes:
    text = json.dumps({"ts": "2026-11-21T14:00:00Z", "user": "alice", "action": "viewed", "seq": number, "pad": ""})
    return (text[:-2] + "x" * (size - len(text)) + '"}\n').encode()


#: By file: what it holds (each with whole lines 1 before and 2 after), and what its account says: lines, and by name.
CASES: dict[str, tuple[bytes, dict[str, int]]] = {
    "40KB": (long_line(9, 40 * KB), {"lines": 3}),
    "2MB": (long_line(9, 2 * MB), {"lines": 3, "lines_unparsed": 1, "lines_cut": 1, "lost": 2 * MB + 1 - LIMIT}),
    "200MB": (long_line(9, 200 * MB), {"lines": 3, "lines_unparsed": 1, "lines_cut": 1, "lost": 200 * MB + 1 - LIMIT}),
    "broken": (b'{"user": "b\xff\xfeb", "action": "viewed", "seq": 9}\n', {"lines": 3, "lines_replaced": 1}),
    "nuls": (bytes(3 * MB), {"lines": 2, "nuls": 3 * MB, "dropped": 3 * MB}),
    "blank": (b"\n  \n\r\n", {"lines": 5, "dropped": 6}),
    "words": (b"no json at all\r\n", {"lines": 3, "lines_unparsed": 1, "unparsed": 16}),
}
ENCODED = {"utf16": "utf-16-le", "utf16be": "utf-16-be"}


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    stand = Stand(tmp_path_factory.mktemp("strange") / "stand", pattern="*.log")
    try:
        for name, (content, _) in CASES.items():
            (stand.logs / f"{name}.log").write_bytes(line(1) + content)
        for name, encoding in ENCODED.items():
            mark = "\N{ZERO WIDTH NO-BREAK SPACE}".encode(encoding)
            (stand.logs / f"{name}.log").write_bytes(mark + line(1, encoding))
        stand.collector.start()
        stand.wait_until_up()
        stand.agent.start()
        files = [*CASES, *ENCODED]
        wait_for("a first line of each", lambda: stand.stored_events() >= len(files), 90, stand.evidence)
        for name in files:
            with (stand.logs / f"{name}.log").open("ab") as log:
                log.write(line(2, ENCODED.get(name, "utf-8")))
        wait_for("every file to be at its end", lambda: all_read(stand, len(files)), 90, stand.evidence)
        yield stand.agent_status() | {"numbers": stand.stored_numbers()}
    finally:
        stand.close()


def all_read(stand: Stand, files: int) -> bool:
    status = stand.agent_status()
    at_end = [file for file in status.get("files", []) if file["acknowledged"] == file["size"]]
    return len(at_end) == files


def file_of(reported: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [file for file in reported["files"] if Path(file["path"]).stem == name]
    return dict(found)


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_read_on_and_its_status_says_what_was_met(reported: dict[str, Any], name: str) -> None:
    account = file_of(reported, name)["account"]
    expected = CASES[name][1]
    assert {key: account[key] for key in expected} == expected


@pytest.mark.parametrize("name", ENCODED)
def test_utf_16_is_known_by_its_mark(reported: dict[str, Any], name: str) -> None:
    file = file_of(reported, name)
    assert (file["encoding"], file["account"]["lines"], file["account"]["lines_unparsed"]) == (ENCODED[name], 2, 0)


def test_every_byte_of_every_file_is_accounted_for(reported: dict[str, Any]) -> None:
    for file in reported["files"]:
        account = file["account"]
        assert account["read"] == file["size"]
        assert account["read"] == sum(account[name] for name in ("delivered", "dropped", "unparsed", "lost"))
    counters = reported["counters"]["app"]
    assert counters["bytes_read"] == sum(file["size"] for file in reported["files"])
    parts = ("bytes_delivered", "bytes_dropped", "bytes_unparsed", "bytes_lost")
    assert counters["bytes_read"] == sum(counters.get(part, 0) for part in parts)


def test_the_lines_before_and_after_are_stored_once_each(reported: dict[str, Any]) -> None:
    files = len(CASES) + len(ENCODED)
    assert (reported["numbers"][1], reported["numbers"][2], reported["numbers"][9]) == (files, files, 2)
