"""Lines to records."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tail import InputFiles, MultilineSettings, Tailer, TailSettings, join_lines
from agent.tail.framing import frame
from agent.tail.multiline import Records, _compiled, _group_finder
from watchbook.configfile import ConfigError, bind, load
from watchbook.units import Bytes, Seconds

TRACE = b"ERROR it broke\n  at a.b(c)\n  at d.e(f)\nINFO going on\n"


def records(content: bytes, settings: MultilineSettings, *, complete: bool = True) -> list[bytes]:
    framed = frame(content, 0, max_line_bytes=1000)
    return Records(settings, 1000).join(framed, 0, complete=complete).lines


@pytest.mark.parametrize(
    "settings",
    [MultilineSettings(start="^[A-Z]+ "), MultilineSettings(continuation="^ +at "), MultilineSettings(indented=True)],
)
def test_a_stack_trace_is_one_record(settings: MultilineSettings) -> None:
    assert records(TRACE, settings) == [b"ERROR it broke\n  at a.b(c)\n  at d.e(f)", b"INFO going on"]


def test_the_last_record_waits_for_what_may_follow() -> None:
    assert records(TRACE, MultilineSettings(indented=True), complete=False) == [TRACE.rsplit(b"\nINFO")[0]]


def test_a_record_of_too_many_lines_is_ended_and_nothing_of_it_is_lost() -> None:
    content = b"start\n" + b"".join(b" %d\n" % number for number in range(7))
    settings = MultilineSettings(indented=True, lines_max=3)
    assert records(content, settings) == [b"start\n 0\n 1", b" 2\n 3\n 4", b" 5\n 6"]


AUDIT = MultilineSettings(join=r"audit\(([^)]+)\)", end="^type=EOE ")
EVENTS = (
    b"type=SYSCALL msg=audit(1.0:1): a=1\ntype=CWD msg=audit(1.0:1): b=2\ntype=EOE msg=audit(1.0:1):\n"
    b"type=USER msg=audit(1.0:2): c=3\nno record\nno record either\ntype=USER msg=audit(1.0:2): d=4\n"
    b"type=SYSCALL msg=audit(1.0:3): e=5\n"
)


def test_lines_with_an_equal_group_are_one_record() -> None:
    lines = EVENTS.splitlines()
    joined = [b"\n".join(lines[:3]), *lines[3:]]
    assert records(EVENTS, AUDIT) == joined
    assert records(EVENTS, AUDIT, complete=False) == joined[:-1]
    assert join_lines(lines, AUDIT, 1000) == joined
    assert join_lines(lines, AUDIT, 50) == lines


@given(
    st.sampled_from([r"audit\(([^)]+)\)", r"id=([^;]+); ", r"\[([^]]+)\]", 'a"([^"]+)"']),
    st.lists(st.sampled_from([*'ab()[]=;: "', "audit(", "id=", "1:2", ")", "; ", 'a"']), max_size=12).map("".join),
)
def test_a_group_between_two_literals_is_found_as_the_pattern_finds_it(pattern: str, line: str) -> None:
    found = _compiled(pattern).search(line.encode())
    assert _group_finder(pattern)(line.encode()) == (found and found[1])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"audit\(([^)]+)\)", "between"),
        (r"msg=audit\(([^)]+)\): ", "between"),
        ("request_id=([^ ]+) ", "between"),
        ("id=([0-9]+)", "by_pattern"),
        (r"a.([^)]+)\)", "by_pattern"),
        ("a([^.]+).", "by_pattern"),
        (r"a([^.]+)\.", "between"),
        ("a([^b]+)b", "by_pattern"),
        (r"^audit\(([^)]+)\)", "by_pattern"),
    ],
)
def test_most_joins_are_found_without_the_pattern(pattern: str, expected: str) -> None:
    assert _group_finder(pattern).__name__ == expected


def test_a_record_that_is_ended_needs_not_to_wait() -> None:
    ended = b"".join(EVENTS.splitlines(keepends=True)[:3])
    assert records(ended, AUDIT, complete=False) == [ended[:-1]]
    assert records(ended, MultilineSettings(join=AUDIT.join), complete=False) == []
    assert records(TRACE, MultilineSettings(indented=True, end="^INFO"), complete=False)[-1] == b"INFO going on"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("a(b", "a regular expression as RE2 knows them (missing ): a(b)"),
        ("a", "a regular expression with one group, found 0"),
        ("(a)(b)", "a regular expression with one group, found 2"),
    ],
)
def test_what_joins_must_have_one_group(tmp_path: Path, option: str, expected: str) -> None:
    path = tmp_path / "multiline.yaml"
    path.write_text(f"join: '{option}'\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        bind(load(path), MultilineSettings)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [({}, "found 0"), ({"start": "^a", "indented": True}, "found 2"), ({"start": "^a"}, None), ({"join": "(a)"}, None)],
)
def test_exactly_one_way_is_given(values: dict[str, object], expected: str | None) -> None:
    problem = MultilineSettings(**values).problem()  # type: ignore[arg-type]
    assert (problem is None) if expected is None else (problem is not None and expected in problem)


class Log:
    """A log with multi-line records and a tailer on it."""

    def __init__(self, folder: Path, timeout_s: float) -> None:
        self.path = folder / "app.log"
        multiline = MultilineSettings(indented=True, timeout=Seconds(timeout_s))
        files = InputFiles("app", (str(self.path),), multiline=multiline)
        settings = TailSettings(rotated_hold=Seconds(0.0), chunk_bytes=Bytes(64), max_line_bytes=Bytes(512))
        self.tailer = Tailer([files], settings, clock=lambda: 0, since_us=2**60)

    def write(self, content: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(content)

    def read(self) -> list[bytes]:
        self.tailer.look()
        return [line for chunk in self.tailer.read() for line in chunk.lines]


def test_a_record_is_handed_on_when_the_next_begins(tmp_path: Path) -> None:
    log = Log(tmp_path, 3600)
    log.write(b"one\n two\n")
    assert log.read() == []
    log.write(b" three\nnext\n")
    assert log.read() == [b"one\n two\n three"]


def test_a_record_that_nothing_is_added_to_is_handed_on(tmp_path: Path) -> None:
    log = Log(tmp_path, 0)
    log.write(b"one\n two\nhalf a li")
    assert log.read() + log.read() == [b"one\n two"]


def test_the_last_record_of_a_rotated_file_is_handed_on(tmp_path: Path) -> None:
    log = Log(tmp_path, 3600)
    log.write(b"one\n two\n")
    assert log.read() == []
    log.path.rename(tmp_path / "app.log.1")
    log.write(b"next\n")
    assert log.read() + log.read() == [b"one\n two"]


@given(
    st.lists(st.sampled_from([b"a\n", b" b\n", b" " + b"c" * 90 + b"\n"]), max_size=40),
    st.sampled_from([MultilineSettings(indented=True, lines_max=5), MultilineSettings(join="([ab])", lines_max=5)]),
)
def test_no_line_is_lost_or_doubled(written: list[bytes], settings: MultilineSettings) -> None:
    content = b"".join(written)
    rest, joined, offset = content, [], 0
    reader = Records(settings, 200)
    while rest:
        framed = reader.join(frame(rest[:300], offset, max_line_bytes=200), offset, complete=len(rest) <= 300)
        assert framed.used
        joined += framed.lines
        offset += framed.used
        rest = content[offset:]
    assert b"".join(line + b"\n" for line in joined) == content


def test_a_record_that_waits_needs_no_hint_to_be_handed_on(tmp_path: Path) -> None:
    log = Log(tmp_path, 0)
    log.write(b"one\n two\n")
    log.tailer.look()
    first = [chunk.lines for chunk in log.tailer.read(set())]
    assert first + [chunk.lines for chunk in log.tailer.read(set())] == [[b"one\n two"]]
