"""Planted secrets through the real agent and the real collector, and a search of all that they leave behind.

The agent first runs without a collector, so that everything lies in its spool; then with one, through a door that
records what goes over the wire.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.agent.redact.corpus import Plant
from tests.redaction.recorder import Recorder
from tests.redaction.search import blobs_of, bytes_of
from tests.stand import Stand, wait_for

_CONTROL = "control word 7f3a"
PROFILES = ("jsonl", "syslog", "nginx")


class Found(NamedTuple):
    """A secret that was found: where, which, and the part of it."""

    place: str
    plant: Plant
    needle: str


class Trial(NamedTuple):
    """What came of it.  ``searched``: bytes by place; ``redacted``: what the agent counted, by rule."""

    found: list[Found]
    searched: dict[str, int]
    redacted: dict[str, int]
    events: int


def run_trial(folder: Path, plants: Sequence[Plant], progress: Callable[[str], None]) -> Trial:
    """Run both programs over the plants in a folder; raises AssertionError when they do not get through."""
    stand = _stand(folder)
    recorder = Recorder(stand.port, folder / "wire")
    places: dict[str, bytes] = {}
    try:
        lines = _write(stand, plants)
        stand.agent_yaml.write_text(
            stand.agent_yaml.read_text().replace(stand.url, f"http://127.0.0.1:{recorder.port}")
        )
        progress("the agent alone: everything into the spool")
        stand.agent.start()
        wait_for("all lines to be spooled", lambda: _read(stand) >= lines, 120, stand.evidence)
        wait_for("the command's complaint", lambda: "exit code 3" in str(stand.agent_status()), 30, stand.evidence)
        status = stand.agent_status()
        state = folder / "stand" / "agent"
        places["spool, while it is written"] = bytes_of([state])
        assert stand.agent.stop() == 0, stand.evidence()
        databases = [path for path in state.rglob("*") if _is_database(path)]
        assert databases, sorted(state.rglob("*"))
        places["spool"] = b"".join(map(blobs_of, databases)) + bytes_of([state])
        progress("both: everything over the wire into the store")
        stand.collector.start()
        stand.wait_until_up()
        stand.agent.start()
        assert stand.wait_until_stored(lines, 120), stand.evidence()
        places["status"] = f"{status}{stand.agent_status()}".encode()
        assert stand.agent.stop() == 0, stand.evidence()
        assert stand.collector.stop() == 0, stand.evidence()
        recorder.close()
        places["wire"] = bytes_of([folder / "wire"])
        store = folder / "stand" / "collector"
        places["store"] = bytes_of([store]) + b"".join(
            blobs_of(path) for path in store.rglob("*") if _is_database(path)
        )
        places["agent's log"] = bytes_of([folder / "stand" / "agent.out"])
        places["collector's log"] = bytes_of([folder / "stand" / "collector.out"])
        progress("agent try")
        places["agent try"] = b"".join(_tried(stand.logs / f"{profile}.log", profile) for profile in PROFILES)
        for place in ("spool", "wire", "store", "agent try"):  # what is no secret is there, or the search is blind
            assert _CONTROL.encode() in places[place], f"nothing of a clean line is in the {place}"
        progress("searching")
        return Trial(
            [each for place, data in places.items() for each in _found(place, data, plants)],
            {place: len(data) for place, data in places.items()},
            dict(sum((Counter(each) for each in status["agent"]["redacted_by_input"].values()), Counter())),
            lines,
        )
    finally:
        stand.close()


def _stand(folder: Path) -> Stand:
    """Return both programs' configurations: an input for each profile, and one of a command."""
    logs = folder / "stand" / "logs"
    more = "".join(
        f"  - {{name: {profile}, files: ['{logs}/{profile}.log'], profile: {profile}, keep_raw: true}}\n"
        for profile in PROFILES[1:]
    )
    said = f"cat {logs}/printed; tail -n 1 {logs}/said >&2; exit 3"
    # Lines of another profile: they stay unparsed, with their text and the reason.
    more += f"  - {{name: printed, command: {{argv: ['/bin/sh', '-c', '{said}'], every: 1h}}, profile: jsonl}}\n"
    more += "log_level: debug\n"
    return Stand(folder / "stand", profile=PROFILES[0], pattern=f"{PROFILES[0]}.log", agent_extra=more)


def _write(stand: Stand, plants: Sequence[Plant]) -> int:
    """Write the lines; return how many events they make."""
    control = f'{{"ts":"2026-11-21T14:05:09Z","user":"alice","msg":"{_CONTROL}"}}'.encode()
    for profile in PROFILES:
        lines = [control, *(line for plant in plants if plant.profile == profile for line in plant.lines)]
        (stand.logs / f"{profile}.log").write_bytes(b"".join(line + b"\n" for line in lines))
    every = [line for plant in plants for line in plant.lines]
    (stand.logs / "printed").write_bytes(b"".join(line + b"\n" for line in every))
    # What a command says on standard error is shown in status and in the agent's log.
    (stand.logs / "said").write_bytes(next(plant.lines[0] for plant in plants if plant.kind == "github") + b"\n")
    return 2 * len(every) + len(PROFILES)


def _read(stand: Stand) -> int:
    counters = stand.agent_status().get("counters", {})
    return sum(int(each.get("lines", 0)) for each in counters.values())


def _is_database(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _tried(log: Path, profile: str) -> bytes:
    command = [sys.executable, "-m", "watchbook", "agent", "try", str(log), "--profile", profile]
    return subprocess.run(command, capture_output=True, check=True).stdout


def _found(place: str, data: bytes, plants: Sequence[Plant]) -> list[Found]:
    return [Found(place, plant, needle) for plant in plants for needle in plant.needles if needle.encode() in data]
