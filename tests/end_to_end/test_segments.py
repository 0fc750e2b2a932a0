"""The operator's words about segments, on a collector that runs and on one that is stopped."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand import COLLECTOR, Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand", collector_extra="store:\n  segment_events_max: 100\n")
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def post(stand: Stand, batches: int, events: int) -> None:
    token = (stand.folder / "agent.token").read_text().strip()
    for batch in range(batches):
        body = [{"actor": {"type": "user", "id": f"u{batch}"}, "action": "read", "event_type": "r"}] * events
        request = urllib.request.Request(
            f"{stand.url}/v1/events",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).close()


def said(stand: Stand, *words: str, code: int = 0) -> str:
    command = [sys.executable, *COLLECTOR, *words, "--config", str(stand.collector_yaml)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def table(stand: Stand) -> list[list[str]]:
    return [line.split() for line in said(stand, "segments").splitlines()[1:]]


def test_segments_are_listed_while_the_collector_seals_and_indexes_them(stand: Stand) -> None:
    post(stand, batches=3, events=100)
    wait_for(
        "two segments to be sealed and the newest to be indexed",
        lambda: (
            [(row[1], row[-2:]) for row in table(stand)]
            == [("sealed", ["100", "%"]), ("sealed", ["100", "%"]), ("hot", ["100", "%"])]
        ),
        90,
        stand.evidence,
    )
    assert [row[2] for row in table(stand)] == ["100", "100", "100"]


def test_what_the_collector_does_by_itself_is_refused_while_it_runs(stand: Stand) -> None:
    post(stand, batches=1, events=10)
    for word in ("reindex", "seal"):
        assert "stop it first" in said(stand, word, code=1)


def test_reindex_makes_every_index_again_and_answers_stay_the_same(stand: Stand) -> None:
    post(stand, batches=3, events=100)
    wait_for("the sealing", lambda: len(list(stand.segments.glob("*.sealed.blk"))) == 2, 90, stand.evidence)
    before = stand.get("/v1/facets?field=actor")["facets"]
    assert stand.collector.stop() == 0
    for path in stand.segments.glob("*.ix"):
        path.unlink()
    assert {row[-1] for row in table(stand)} == {"none"}
    assert "no segment '1999-01-01'" in said(stand, "reindex", "--segment", "1999-01-01", code=1)
    assert said(stand, "reindex").count("100 events indexed") == 3
    assert {row[-2] for row in table(stand)} == {"100"}
    stand.collector.start()
    stand.wait_until_up()
    assert stand.get("/v1/facets?field=actor")["facets"] == before


def test_seal_seals_all_but_the_newest(stand: Stand) -> None:
    stand.collector.stop()
    stand.collector_yaml.write_text(stand.collector_yaml.read_text() + "processes:\n  start_time: 1ms\n")
    stand.collector.start()  # its other processes never get ready: nothing is sealed by itself
    wait_for("the collector", lambda: stand.is_up(), 60, stand.evidence)
    post(stand, batches=3, events=100)
    stand.collector.stop()
    assert [row[1] for row in table(stand)] == ["hot", "hot", "hot"]
    assert said(stand, "seal").count(" sealed") == 2
    assert [row[1] for row in table(stand)] == ["sealed", "sealed", "hot"]
    assert said(stand, "seal") == ""
