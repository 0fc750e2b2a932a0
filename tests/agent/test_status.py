"""What ``status`` shows of several collectors, and what it calls a problem."""

import json
import os
from pathlib import Path

from agent.status import read_status, render_status, write_status

NOW = 1_763_733_909_000_000


def live(**ship: object) -> dict[str, object]:
    shown = {"state": "sending", "last_error": None, "events": 5, "batches": 2, "repeats": 0, **ship}
    return {"time": NOW, "pid": os.getpid(), "version": "1", "name": "web01", "url": "http://b", "ship": shown}


def test_each_of_several_collectors_has_a_line_and_problems_are_shown(tmp_path: Path) -> None:
    collectors = [
        {"url": "http://a", "in_use": False, "last_error": "503 full"},
        {"url": "http://b", "in_use": True, "last_error": None},
    ]
    write_status(tmp_path, live(collectors=collectors, problems=["http://b stands in for http://a: 503 full"]))
    report = read_status(tmp_path, NOW)
    assert "http://b stands in for http://a: 503 full" in report["problems"]
    lines: list[str] = []
    render_status(report, lines.append)
    assert "            http://a: not in use; last error: 503 full" in lines
    assert "            http://b: in use; last error: none" in lines
    assert "problem     http://b stands in for http://a: 503 full" in lines


def test_the_problems_of_an_agent_that_has_ended_are_not_shown(tmp_path: Path) -> None:
    write_status(tmp_path, {**live(problems=["old"]), "stopped": True})
    assert "old" not in read_status(tmp_path, NOW)["problems"]


def test_a_report_of_an_agent_from_before_there_were_several_is_read(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(json.dumps(live()))
    lines: list[str] = []
    render_status(read_status(tmp_path, NOW), lines.append)
    assert lines[1].startswith("collector   http://b: sending; 5 events in 2 batches")
