"""The writer: an even rate, incidents, and rotations that keep every line."""

import asyncio
import re
from pathlib import Path

import pytest

from watchbook.demo.writer import (
    FIRST_INCIDENT_S,
    FIRST_ROTATION_S,
    INCIDENT_EVERY_S,
    ROTATE_EVERY_S,
    ROTATED_FILES_MAX,
    TICK_LINES_MAX,
    Application,
    applications,
    write_until,
)


class Numbered:
    """Makes lines that are numbered."""

    def __init__(self, word: str = "line") -> None:
        self.count = 0
        self._word = word

    def __call__(self, time_us: int) -> bytes:
        self.count += 1
        return f"{self._word} {self.count} at {time_us}\n".encode()


def lines_of(*paths: Path) -> list[str]:
    return [line for path in paths for line in path.read_text().splitlines()]


def test_lines_are_written_at_the_rate_that_is_the_applications_share(tmp_path: Path) -> None:
    application = Application("a", tmp_path / "a.log", 0.5, Numbered())
    application.tick(0.1, 100, 1_000_000)
    assert lines_of(tmp_path / "a.log") == [f"line {number} at {999_999 + number}" for number in range(1, 6)]
    application.tick(0.2, 100, 2_000_000)
    assert application.written == 10
    application.close()


def test_a_machine_that_was_busy_does_not_have_to_catch_up_at_once(tmp_path: Path) -> None:
    application = Application("a", tmp_path / "a.log", 1.0, Numbered())
    application.tick(0.5, 1_000_000, 0)
    assert application.written == TICK_LINES_MAX
    application.close()


def test_incidents_come_early_and_again(tmp_path: Path) -> None:
    application = Application("a", tmp_path / "a.log", 0.0, Numbered(), [Numbered("incident"), Numbered("other")])
    for elapsed in (0.0, FIRST_INCIDENT_S, FIRST_INCIDENT_S + 0.1, FIRST_INCIDENT_S + INCIDENT_EVERY_S):
        application.tick(elapsed, 100, 0)
    application.close()
    assert [line.split(" at ")[0] for line in lines_of(*sorted(tmp_path.iterdir()))] == [
        "incident 1",
        "other 1",
        "incident 2",
        "other 2",
    ]


def test_rotations_rename_the_file_and_keep_every_line_in_order(tmp_path: Path) -> None:
    application = Application("a", tmp_path / "a.log", 1.0, Numbered())
    first = (tmp_path / "a.log").stat().st_ino
    for elapsed in (1.0, FIRST_ROTATION_S, FIRST_ROTATION_S + 1, FIRST_ROTATION_S + ROTATE_EVERY_S):
        application.tick(elapsed, 10, 0)
    application.tick(FIRST_ROTATION_S + ROTATE_EVERY_S + 1, 10, 0)
    application.close()
    assert application.rotations == 2
    assert (tmp_path / "a.log.2").stat().st_ino == first
    lines = lines_of(tmp_path / "a.log.2", tmp_path / "a.log.1", tmp_path / "a.log")
    assert [line.split()[1] for line in lines] == [str(number) for number in range(1, application.written + 1)]
    assert lines_of(tmp_path / "a.log")


def test_the_lines_of_a_rotation_still_go_to_the_old_file_as_real_programs_do(tmp_path: Path) -> None:
    application = Application("a", tmp_path / "a.log", 1.0, Numbered())
    application.tick(FIRST_ROTATION_S, 10, 0)
    application.close()
    assert len(lines_of(tmp_path / "a.log.1")) == application.written == 50
    assert not lines_of(tmp_path / "a.log")


def test_no_more_rotated_files_are_kept_than_it_says(tmp_path: Path) -> None:
    application = Application("a", tmp_path / "a.log", 1.0, Numbered())
    for rotation in range(ROTATED_FILES_MAX + 3):
        application.tick(FIRST_ROTATION_S + rotation * ROTATE_EVERY_S, 1, 0)
    application.close()
    assert len(list(tmp_path.iterdir())) == ROTATED_FILES_MAX + 1


async def test_three_applications_write_until_the_stop(tmp_path: Path) -> None:
    programs = await asyncio.to_thread(applications, tmp_path)
    assert [program.name for program in programs] == ["nginx", "sshd", "app"]
    assert sum(program.share for program in programs) == pytest.approx(1)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(write_until(stop, programs, 2000))
        while not all(program.written for program in programs):
            await asyncio.sleep(0.01)
        stop.set()
    for program in programs:
        text = program.path.read_text()
        assert len(re.findall("\n", text)) == program.written
        assert text.endswith("\n")
