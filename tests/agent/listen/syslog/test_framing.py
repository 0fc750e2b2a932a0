"""Framing: whatever way the bytes come in, the same messages come out, and none is longer than the limit."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.listen.syslog.framing import Deframer

LIMIT = 500
Found = tuple[list[bytes], list[int], int]


def deframed(pieces: Sequence[bytes], *, limit: int = LIMIT, clean: bool = True) -> Found:
    """Return messages, places of those cut, and bytes skipped, of a connection that ends behind the pieces."""
    deframer = Deframer(limit)
    messages: list[bytes] = []
    cut: list[int] = []
    for framed in (*map(deframer.feed, pieces), deframer.finish(clean=clean)):
        cut += [len(messages) + place for place in framed.truncated]
        messages += framed.messages
    assert not deframer.in_message
    return messages, cut, deframer.skipped


def counted(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (b"<34>a\n<34>b\n", [b"<34>a", b"<34>b"]),
        (b"<34>a\r\n<34>b\r\n", [b"<34>a", b"<34>b"]),
        (b"<34>a\0<34>b\0", [b"<34>a", b"<34>b"]),
        (b"<34>a\n\0\r\n\n<34>b", [b"<34>a", b"<34>b"]),
        (b"5 <34>a6 <34>bb", [b"<34>a", b"<34>bb"]),
        (b"7 <34>a\n\n5 <34>b", [b"<34>a", b"<34>b"]),
        (b"9 <34>a\nb\0c<34>d\n5 <34>e", [b"<34>a\nb\0c", b"<34>d", b"<34>e"]),
        (b"<34>a\n5 <34>b<34>c\n", [b"<34>a", b"<34>b", b"<34>c"]),
        (b"5 <34>a3 foo<34>b\n", [b"<34>a", b"foo", b"<34>b"]),
        (b"42 apples\n2026-11-21T14:05:09Z host a: b\n", [b"42 apples", b"2026-11-21T14:05:09Z host a: b"]),
        (b"0 <34>a\n007 <34>b\n", [b"0 <34>a", b"007 <34>b"]),
        (b"10000000000000 <34>a\n5 <34>b", [b"10000000000000 <34>a", b"<34>b"]),
        (b"5 \n5\n \n", [b"5 ", b"5", b" "]),
        (b"\n\r\n\0", []),
        (b"", []),
    ],
)
def test_both_framings_are_told_apart_message_by_message(data: bytes, messages: list[bytes]) -> None:
    assert deframed([data]) == (messages, [], 0)
    assert deframed([data[place : place + 1] for place in range(len(data))]) == (messages, [], 0)


def test_what_a_closed_connection_leaves_is_kept_and_said_to_be_cut_when_it_is() -> None:
    assert deframed([b"<34>a\n<34>b"]) == ([b"<34>a", b"<34>b"], [], 0)
    assert deframed([b"<34>a\n<34>b"], clean=False) == ([b"<34>a", b"<34>b"], [1], 0)
    assert deframed([b"5 <34>a9 <34>b"]) == ([b"<34>a", b"<34>b"], [1], 0)
    assert deframed([b"9 "]) == ([b"9 "], [], 0)
    assert deframed([b"5 <34>a9 "]) == ([b"<34>a"], [], 0)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_what_is_too_long_is_cut_and_the_rest_is_skipped(step: int) -> None:
    long = b"<34>" + b"x" * 996
    data = counted(long) + b"<34>a\n" + long + b"\n" + counted(long[:LIMIT]) + long[:LIMIT] + b"\n<34>b\n"
    pieces = [data[place : place + step] for place in range(0, len(data), step)]
    short = long[:LIMIT]
    assert deframed(pieces) == ([short, b"<34>a", short, short, short, b"<34>b"], [0, 2], 1000)


def test_a_count_of_gigabytes_holds_no_memory() -> None:
    deframer = Deframer(LIMIT)
    framed = deframer.feed(b"9999999999 <34>" + b"x" * 1000)
    assert [len(message) for message in framed.messages] == [LIMIT]
    for _ in range(100):
        assert deframer.feed(b"x" * 100_000).messages == []
    assert len(deframer._partial) == 0
    assert deframer.skipped == 10_000_000 + 1004 - LIMIT
    assert deframer.in_message


message_bytes = st.binary(max_size=40).map(lambda text: b"<34>" + text.strip(b"\r\n\0") + b".")
line_bytes = message_bytes.map(lambda text: text.translate(None, b"\r\n\0"))
frames = st.one_of(
    message_bytes.map(lambda text: (text, counted(text))),
    st.tuples(line_bytes, st.sampled_from([b"\n", b"\r\n", b"\0"])).map(lambda both: (both[0], both[0] + both[1])),
)


def cut_up(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(frames), st.lists(st.integers(0, 2000), max_size=12))
def test_every_message_comes_out_as_it_went_in(sent: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    pieces = cut_up(b"".join(frame for _, frame in sent), cuts)
    assert deframed(pieces) == ([message for message, _ in sent], [], 0)


hostile = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b"<34>a\n", b"5 <34>a", b"1000000000000 ", b"99 <", b"\0", b"\r\n", b"7 ", b"<34>" + b"x" * 20]
        ),
    )
).map(b"".join)


@given(hostile, st.lists(st.integers(0, 2000), max_size=12))
@example(b"16 <34>xxxxxxxxxxxx\n", [17])
@example(b"<34>xxxxxxxxxxxx\r\n", [17])
def test_the_pieces_that_bytes_come_in_make_no_difference(data: bytes, cuts: list[int]) -> None:
    whole = deframed([data], limit=16)
    assert deframed(cut_up(data, cuts), limit=16) == whole
    messages, cut, _ = whole
    assert all(0 < len(message) <= 16 for message in messages)
    assert sorted(set(cut)) == cut
