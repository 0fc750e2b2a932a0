"""What ``watchbook rules explain`` prints of rules that count others, of silence and of what did not happen."""

from pathlib import Path
from typing import Any

import pytest

from tests.collector.detect.blocks import SECOND, START
from tests.collector.detect.test_explaining import AWAIT, CHAIN, SILENT, Watched, at
from watchbook.operator.cells import shown_time
from watchbook.operator.trials import show_explanation


def lines_of(watched: Watched, event: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_explanation({**watched.explained(event), "state": "active"}, utc=True)
    return capsys.readouterr().out.splitlines()


def time_of(second: int) -> str:
    return shown_time(at(second), utc=True)


def test_a_chain_shows_the_rules_that_it_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched = Watched(tmp_path, CHAIN)
    *_, last = [watched.happens(second, "fail") for second in range(3)]
    lines = lines_of(watched, last, capsys)
    assert lines[0] == "✔ chain (low, active)"
    assert "  ✔ many (low, counted here)" in lines
    assert "  asks     event_count at least 3 within 60 s" in lines
    assert f"  now      3 events until {time_of(2)}, measured 3; the condition holds" in lines
    assert lines[-1].endswith("seen: many; missing: then a match of login")


def test_what_waits_shows_until_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched = Watched(tmp_path, AWAIT)
    lines = lines_of(watched, watched.happens(0, "fail"), capsys)
    assert "asks     temporal_ordered failed and not login after it, within 60 s" in lines
    told = f"missed from {time_of(60)} on; told at {time_of(70)} if nothing comes"
    assert lines[-1] == f"now      1 wait; {told}"


def test_silence_shows_when_it_was_heard_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched = Watched(tmp_path, SILENT)
    event = watched.happens(0, "fail")
    told = f"missed from {time_of(60)} on; told at {time_of(70)} if nothing comes"
    assert lines_of(watched, event, capsys)[-1] == f"now      last heard {time_of(0)}; {told}"
    watched.engine.tick(START + 80 * SECOND)
    last = lines_of(watched, event, capsys)[-1]
    assert last.startswith(f"now      last heard {time_of(0)}; silent since {time_of(60)}; alert ")
    assert last.endswith(" counts 1")
