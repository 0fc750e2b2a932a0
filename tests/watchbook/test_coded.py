"""Coded columns: every column comes back, and codes that mean nothing are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbook.coded import BASE, DIGITS, Coded, has_absent, read_coded, write_coded, write_sparse

TEXTS = st.none() | st.integers(0, 400).map(str)


def come_back(form: dict[str, object], n: int) -> list[object]:
    values, text = form["d"], form["i"]
    assert isinstance(values, list)
    assert isinstance(text, str)
    coded = read_coded(values, text, n)
    assert [coded.at(index) for index in range(n)] == coded.column()
    assert has_absent(coded) == (None in coded.column())
    return coded.column()


@given(st.lists(TEXTS, max_size=1500))
def test_what_is_written_comes_back(column: list[str | None]) -> None:
    form = write_coded(column)
    assert form is None or come_back(form, len(column)) == column
    assert come_back(write_sparse(column), len(column)) == column


def test_a_column_of_distinct_values_is_left_as_it_is() -> None:
    assert write_coded([str(n) for n in range(512)]) is None
    assert write_coded([str(n // 2) for n in range(512)]) is None  # 256 values: not shorter by enough
    assert write_coded([str(n // 8) for n in range(512)]) is not None


@pytest.mark.parametrize("distinct", [1, 2, BASE - 1, BASE, 254, 255, 256, 300])
@pytest.mark.parametrize("nulls", [False, True])
def test_however_many_values_there_are_they_come_back(distinct: int, nulls: bool) -> None:
    column: list[str | None] = [str(n // 4 % distinct) for n in range(4 * distinct)]
    if nulls:
        column[1::9] = [None] * len(column[1::9])
    form = write_coded(column)
    assert form is not None
    assert come_back(form, len(column)) == column


@pytest.mark.parametrize("values", [0, 1, BASE - 2, BASE, BASE + 5, 2 * BASE - 1, 2 * BASE, 500])
def test_the_largest_code_is_taken_and_the_next_refused(values: int) -> None:
    texts = [str(n) for n in range(values)]

    def written(code: int) -> str:
        digits = [code] if values < BASE else [code // BASE, code % BASE]
        return bytes(DIGITS[digit] for digit in digits).decode()

    assert read_coded(texts, written(values), 1).at(0) == (texts[-1] if values else None)
    with pytest.raises(ValueError, match=f"above {values}, the number of values"):
        read_coded(texts, written(values + 1), 1)


@pytest.mark.parametrize("text", ["\x00", '"', "\\", " ", "\x7f"])
def test_what_is_no_digit_is_refused(text: str) -> None:
    for values in (5, 200):
        with pytest.raises(ValueError, match="no digit"):
            read_coded([str(n) for n in range(values)], "!" * (values // 100 // 2) + text, 1)


def test_codes_beyond_ascii_are_refused() -> None:
    with pytest.raises(ValueError, match="0 characters of codes, expected 1 for each of 1 events"):
        read_coded(["a"], "é", 1)


def test_a_plane_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="3 characters of codes, expected 2 for each of 2 events"):
        read_coded([str(n) for n in range(100)], "!!!", 2)


def test_the_first_event_with_a_code_is_found() -> None:
    assert Coded([None, "a", "b"], bytes([0, 1, 2, 2])).first(2) == 2
