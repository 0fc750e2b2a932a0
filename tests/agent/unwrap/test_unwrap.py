"""The wrappers of container logs: what is inside comes out whole, and nothing of the wrapper is lost."""

import json
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.accounting import account_of
from agent.records import Chunk
from agent.redact import RedactSettings, make_redactor
from agent.tail import MultilineSettings
from agent.tail.framing import frame
from agent.tail.multiline import Records
from agent.unwrap import WRAPPERS, Unwrapping
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled
from watchbook.event import nest

T = "2026-11-21T14:05:09.123456789Z"
REDACTOR = make_redactor(RedactSettings())


def docker(text: str, stream: str = "stdout", **more: Any) -> bytes:
    return json.dumps({"log": text, "stream": stream, **more, "time": T}, separators=(",", ":")).encode()


def unwrapping(wrapper: str, profile: str = "jsonl", multiline: MultilineSettings | None = None) -> Unwrapping:
    begins = None if multiline is None else lambda lines: Records(multiline, 10_000).begins(lines)[0]
    return Unwrapping(compiled(DEFINITIONS[profile]), WRAPPERS[wrapper], REDACTOR, begins)


def events(normalise: Unwrapping, records: Sequence[bytes]) -> list[dict[str, Any]]:
    made = normalise(records, READ_US)
    assert not made.unparsed
    return [event(normalise, row) for row in made.rows]


def event(normalise: Unwrapping, row: Sequence[Any]) -> dict[str, Any]:
    values = {**normalise.constants, **dict(zip(normalise.fields, row, strict=True))}
    return nest({name: value for name, value in values.items() if value is not None})


def records(wrapper: str, lines: Sequence[bytes], multiline: MultilineSettings | None = None) -> list[bytes]:
    """Return the records of a file that is there as a whole."""
    content = b"".join(line + b"\n" for line in lines)
    framed = frame(content, 0, max_line_bytes=1 << 20)
    return Records(multiline, 1 << 20, WRAPPERS[wrapper].peel).join(framed, 0, complete=True).lines


@pytest.mark.parametrize(
    ("wrapper", "line"),
    [
        ("docker", docker('{"user":"alice","action":"login"}\n')),
        ("cri", f'{T} stdout F {{"user":"alice","action":"login"}}'.encode()),
    ],
)
def test_the_line_inside_goes_to_its_profile_and_the_wrappers_time_is_that_of_a_line_without_one(
    wrapper: str, line: bytes
) -> None:
    (found,) = events(unwrapping(wrapper), [line])
    assert found["actor"]["id"] == "alice"
    assert found["time"] == "2026-11-21T14:05:09.123456Z"
    assert "flags" not in found or "time_assumed" not in found["flags"]
    assert found["details"]["container"] == {"stream": "stdout"}


def test_a_line_that_has_a_time_keeps_it_and_the_wrappers_stands_in_the_details() -> None:
    line = docker('{"time":"2026-11-21T14:05:08Z","user":"alice","action":"login"}\n', "stderr", attrs={"tag": "web"})
    (found,) = events(unwrapping("docker"), [line])
    assert found["time"] == "2026-11-21T14:05:08.000000Z"
    assert found["details"]["container"] == {"stream": "stderr", "attrs": {"tag": "web"}, "time": T}


def test_a_detail_of_the_same_name_is_kept() -> None:
    (found,) = events(unwrapping("docker"), [docker('{"user":"a","action":"b","container":"c7"}\n')])
    assert found["details"]["container"] == "c7"
    assert found["details"]["container_log"] == {"stream": "stdout"}


def test_secrets_in_the_wrapper_are_redacted() -> None:
    line = docker('{"user":"a","action":"b"}\n', attrs={"password": "hunter2-hunter2"})
    (found,) = events(unwrapping("docker"), [line])
    assert "hunter2" not in json.dumps(found)


def test_parts_of_two_streams_that_come_in_turn_are_joined_each_by_itself() -> None:
    lines = [
        docker('{"user":"al'), docker('{"user":"b', "stderr"), docker('ice",'), docker('ob","action":"x"}\n', "stderr"),
        docker('"action":"login"}\n'), docker('{"user":"carol","action":"y"}\n'),
    ]  # fmt: skip
    joined = records("docker", lines)
    assert joined == [b"\n".join(lines[:5]), lines[5]]
    found = events(unwrapping("docker"), joined)
    assert [(each["actor"]["id"], each["details"]["container"]["stream"]) for each in found] == [
        ("bob", "stderr"), ("alice", "stdout"), ("carol", "stdout"),
    ]  # fmt: skip
    assert unwrapping("docker")(joined, READ_US).row_lines == [0, 0, 1]


def test_a_stack_trace_inside_is_one_record() -> None:
    multiline = MultilineSettings(indented=True)
    lines = [f"{T} stderr {tag} {text}".encode() for tag, text in [("F", "it broke"), ("P", "  at "), ("F", "a.b(c)")]]
    lines.append(f"{T} stderr F next".encode())
    joined = records("cri", lines, multiline)
    assert joined == [b"\n".join(lines[:3]), lines[3]]
    normalise = unwrapping("cri", "syslog", multiline)
    made = normalise(joined, READ_US)
    assert [each.line for each in made.unparsed] == [0, 1]
    assert made.unparsed[0].raw == joined[0].decode()


@pytest.mark.parametrize(
    ("wrapper", "line", "reason"),
    [
        ("docker", b"hello", "is no line of Docker's json-file log"),
        ("docker", b'{"message": "x"}', "is no line of Docker's json-file log"),
        ("cri", b"hello", "is no line of a CRI log"),
        ("cri", f"{T} stdin F x".encode(), "is no line of a CRI log"),
        ("cri", b"stdout stdout F x", "is no line of a CRI log"),
    ],
)
def test_a_line_without_the_wrapper_stays_unparsed_with_the_reason(wrapper: str, line: bytes, reason: str) -> None:
    good = docker('{"user":"a","action":"b"}\n') if wrapper == "docker" else f'{T} stdout F {{"action":"b"}}'.encode()
    made = unwrapping(wrapper)([line, good, b"  "], READ_US)
    (unparsed,) = made.unparsed
    assert unparsed.line == 0
    assert unparsed.reason.startswith(reason)
    assert (made.row_lines, made.blank) == ([1], 1)


def test_every_byte_of_the_wrapped_lines_is_accounted_for() -> None:
    lines = [
        docker('{"action":"x"}\n'), docker('{"user":"al'), docker("no json\n", "stderr"),
        docker('ice","action":"y"}\n'),
        docker("\n"), b"not wrapped", docker("no json\n"),
    ]  # fmt: skip
    joined = records("docker", lines)
    offsets = [0, *accumulate(len(record) + 1 for record in joined)]
    chunk = Chunk("app", "/a.log", joined, offsets[:-1], size=offsets[-1], end=offsets[-1])
    account = account_of(chunk, unwrapping("docker")(joined, READ_US))
    assert account.read == account.delivered + account.dropped + account.unparsed + account.lost
    assert account.delivered == len(lines[0]) + 1
    assert account.dropped == len(lines[4]) + 1
    assert account.lines_unparsed == 3


TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)
CUT = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.lists(TEXTS, min_size=1, max_size=4)), max_size=8)


@given(CUT, st.randoms(use_true_random=False), st.sampled_from(sorted(WRAPPERS)), st.integers(100, 400))
def test_whatever_way_two_streams_are_cut_and_mixed_every_line_comes_once(
    written: list[tuple[str, list[str]]], draw: Any, wrapper: str, read_bytes: int
) -> None:
    streams = {
        stream: [(part, place == len(parts) - 1) for each, parts in written if each == stream for place, part in
                 enumerate(parts)]
        for stream in ("stdout", "stderr")
    }  # fmt: skip
    content = b"".join(wrapped(wrapper, stream, *part) + b"\n" for stream, part in mixed(streams, draw))
    made: dict[str, list[str]] = {"stdout": [], "stderr": []}
    reader, offset = Records(None, 1 << 20, WRAPPERS[wrapper].peel), 0
    wanted = read_bytes
    while offset < len(content):
        data = content[offset : offset + wanted]
        complete = offset + len(data) == len(content)
        framed = reader.join(frame(data, offset, max_line_bytes=1 << 20), offset, complete=complete)
        wanted = read_bytes if framed.used else wanted * 2
        offset += framed.used
        for record in framed.lines:
            for line in unwrapping(wrapper)._lines(record, 0):
                made[line.wrapped.piece.stream].append(line.text.decode())
    assert made == {
        stream: ["".join(parts) for each, parts in written if each == stream] for stream in ("stdout", "stderr")
    }


def mixed(streams: dict[str, list[tuple[str, bool]]], draw: Any) -> Iterator[tuple[str, tuple[str, bool]]]:
    left = {stream: list(parts) for stream, parts in streams.items()}
    while any(left.values()):
        stream = draw.choice([stream for stream, parts in left.items() if parts])
        yield stream, left[stream].pop(0)


def wrapped(wrapper: str, stream: str, text: str, whole: bool) -> bytes:
    if wrapper == "docker":
        return docker(text + "\n" if whole else text, stream)
    return f"{T} {stream} {'F' if whole else 'P'} {text}".encode()
