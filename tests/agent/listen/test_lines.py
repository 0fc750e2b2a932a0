"""Lines of a stream, however it is cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from agent.listen.lines import LineReader

PIECES = st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\r", b"")), max_size=20)


def read(pieces: list[bytes], limit: int) -> tuple[list[bytes], list[int]]:
    reader, lines, truncated = LineReader(limit), list[bytes](), list[int]()
    for found in [*map(reader.feed, pieces), reader.end()]:
        truncated += [len(lines) + place for place in found.truncated]
        lines += found.lines
    return lines, truncated


@given(PIECES, st.integers(1, 20))
def test_lines_do_not_depend_on_how_they_come(pieces: list[bytes], limit: int) -> None:
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    lines, truncated = read(pieces, limit)
    assert lines == [line[:limit] for line in expected]
    assert truncated == [place for place, line in enumerate(expected) if len(line) > limit]


def test_a_carriage_return_is_no_part_of_a_line() -> None:
    assert read([b"a\r", b"\nb\r\n\r\nc\r"], 10) == ([b"a", b"b", b"", b"c"], [])
    assert read([b"12345\r\n1"], 5) == ([b"12345", b"1"], [])
