"""Bytes to lines, in any encoding and in any pieces: every byte is in a line, cut, skipped, passed or a newline."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tail.encodings import encoding_of, frame_encoded, normal_name
from agent.tail.framing import Framed

LIMIT = 16
ENCODINGS = ["utf-8", "utf-16-le", "utf-16-be", "cp1252", "shift_jis"]
TEXT = st.text(st.sampled_from("ab\u00e9\u0a0a\u0a00\u000ax\u0100 \N{HIRAGANA LETTER A}"), max_size=30)


def read_all(content: bytes, encoding: str, pieces: list[int], *, limit: int = LIMIT) -> list[Framed]:
    """Read a file as it grows piece by piece, as the tailer does, and to its end."""
    done: list[Framed] = []
    offset, skipping = 0, False
    ends = [*sorted({min(piece, len(content)) for piece in pieces}), len(content)]
    for number, end in enumerate(ends):
        while True:
            last = number == len(ends) - 1
            framed = frame_encoded(
                content[offset:end], offset, encoding, max_line_bytes=limit, skipping=skipping, last=last
            )
            if not framed.used:
                break
            done.append(framed)
            offset, skipping = offset + framed.used, framed.skipping
    assert offset == len(content)
    return done


@given(st.lists(TEXT, max_size=8), st.sampled_from(ENCODINGS), st.lists(st.integers(0, 200), max_size=6))
def test_lines_come_whole_however_the_file_grows(texts: list[str], encoding: str, pieces: list[int]) -> None:
    content = "".join(text + "\n" for text in texts).encode(encoding, "replace")
    expected = content.decode(encoding).split("\n")[:-1]
    framed = read_all(content, encoding, pieces, limit=1000)
    assert [line.decode() for each in framed for line in each.lines] == expected
    offsets = [offset for each in framed for offset in each.offsets]
    assert [content[offset:].decode(encoding).split("\n")[0] for offset in offsets] == expected


@given(st.binary(max_size=120), st.sampled_from(["utf-8", "utf-16-le", "cp1252"]), st.lists(st.integers(0, 120)))
def test_every_byte_is_accounted_for(content: bytes, encoding: str, pieces: list[int]) -> None:
    newline = 2 if encoding == "utf-16-le" else 1
    accounted = 0
    for framed in read_all(content, encoding, pieces):
        accounted += framed.lost + framed.passed
        if not framed.lines:
            assert framed.used == framed.lost + framed.passed
            continue
        cuts = dict(zip(framed.truncated, framed.cuts, strict=True))
        ends = [*framed.offsets[1:], framed.offsets[0] - framed.skipped - framed.passed + framed.used]
        for place, (offset, end) in enumerate(zip(framed.offsets, ends, strict=True)):
            kept = end - offset - cuts.get(place, 0)
            assert kept <= LIMIT + newline
            accounted += kept
    assert accounted == len(content)


def test_a_long_line_is_cut_once_and_what_follows_is_whole() -> None:
    content = b"a\n" + b"x" * 100 + b"\nb\n"
    for pieces in ([], [10, 30, 50], list(range(105))):
        framed = read_all(content, "utf-8", pieces)
        assert [line for each in framed for line in each.lines] == [b"a", b"x" * LIMIT, b"b"]
        assert sum(len(each.truncated) for each in framed) == 1
        assert sum(each.lost for each in framed) == 100 - LIMIT + 1


def test_nuls_before_a_line_are_passed_and_alone_they_wait() -> None:
    hole = b"\0" * 100
    waiting = frame_encoded(hole, 0, "utf-8", max_line_bytes=LIMIT)
    assert (waiting.used, waiting.lines) == (0, [])
    followed = frame_encoded(hole + b"line\n", 0, "utf-8", max_line_bytes=LIMIT)
    assert (followed.lines, followed.offsets, followed.passed, followed.used) == ([b"line"], [100], 100, 105)


@pytest.mark.parametrize(
    ("setting", "head", "encoding"),
    [
        ("auto", b"plain", "utf-8"),
        ("auto", codecs.BOM_UTF16_LE + b"a\0", "utf-16-le"),
        ("auto", codecs.BOM_UTF16_BE, "utf-16-be"),
        ("utf-16", codecs.BOM_UTF16_BE, "utf-16-be"),
        ("utf-16", b"a\0", "utf-16-le"),
        ("cp1252", codecs.BOM_UTF16_LE, "cp1252"),
    ],
)
def test_the_byte_order_mark_decides_where_it_may(setting: str, head: bytes, encoding: str) -> None:
    assert encoding_of(setting, head) == encoding


def test_the_byte_order_mark_is_no_part_of_the_first_line() -> None:
    content = "\N{ZERO WIDTH NO-BREAK SPACE}a\r\nb\r\n".encode("utf-16-le")
    (framed,) = read_all(content, "utf-16-le", [])
    assert framed.lines == [b"a", b"b"]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [("utf-16-le", b"\x00\xd8a\0\n\0"), ("cp1252", b"a\x81\n"), ("utf-16-le", b"a\0b")],
)
def test_what_cannot_be_decoded_is_left_for_the_profile_to_replace_and_flag(encoding: str, content: bytes) -> None:
    lines = [line for framed in read_all(content, encoding, []) for line in framed.lines]
    with pytest.raises(UnicodeDecodeError):
        b"".join(lines).decode()


@pytest.mark.parametrize(
    ("name", "known"),
    [("latin1", "iso8859-1"), ("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("UTF-16", "utf-16"), ("utf-32", None),
     ("ebcdic-cp-us", None), ("rot13", None), ("nope", None)],
)  # fmt: skip
def test_only_encodings_whose_lines_can_be_told_apart_are_known(name: str, known: str | None) -> None:
    assert normal_name(name) == known
