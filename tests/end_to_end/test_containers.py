"""A log of a container, of a profile that nobody named, killed in the middle: every line comes once, and whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

LINES = 600
STAMP = "2026-11-21T14:05:09.123456789Z"


def written(number: int) -> bytes:
    """Return a line of each stream, both cut into parts that come in turn."""
    both = [
        (stream, json.dumps({"seq": 2 * number + place, "user": "alice", "action": "login", "note": "x" * 40}))
        for place, stream in enumerate(("stdout", "stderr"))
    ]
    lines = []
    for part in range(3):
        for stream, text in both:
            piece, tag = text[part * 30 : None if part == 2 else part * 30 + 30], "F" if part == 2 else "P"
            lines.append(f"{STAMP} {stream} {tag} {piece}\n")
    return "".join(lines).encode()


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand", profile="auto", agent_extra="    unwrap: cri\nstatus_interval: 100ms\n")
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def test_lines_cut_into_parts_come_once_and_whole_across_kills(stand: Stand) -> None:
    log = stand.logs / "app.log"
    content = b"".join(map(written, range(LINES)))
    cut = len(content) // 2 + 17  # inside a part
    log.write_bytes(content[:cut])
    stand.agent.start()
    wait_for("some events", lambda: stand.stored_events() >= LINES // 2, 60, stand.evidence)
    stand.agent.kill()
    with log.open("ab") as file:
        file.write(content[cut:])
    stand.agent.start()
    assert stand.wait_until_stored(2 * LINES, 60), stand.evidence()
    wait_for("the position", lambda: position(stand) == len(content), 30, stand.evidence)
    numbers = stand.stored_numbers()
    assert numbers.keys() == set(range(2 * LINES))
    assert set(numbers.values()) == {1}
    found = one_event(stand)
    assert found["origin"]["profile"] == "jsonl"
    assert found["time"] == "2026-11-21T14:05:09.123456Z"
    assert found["details"]["container"]["stream"] in ("stdout", "stderr")
    assert found["details"]["note"] == "x" * 40
    (chosen,) = stand.agent_status()["agent"]["profiles"]["app"].values()
    assert chosen["profiles"] == ["jsonl"]
    account = stand.agent_status()["counters"]["app"]
    assert account["bytes_read"] == account["bytes_delivered"] == len(content)


def position(stand: Stand) -> int:
    return max((file["position"] for file in stand.agent_status()["files"]), default=0)


def one_event(stand: Stand) -> dict[str, Any]:
    return dict(stand.get("/v1/events?limit=1&q=actor:alice&from=2026-11-20T00:00:00Z")["events"][0])
