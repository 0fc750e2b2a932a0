"""Pages of events as CSV, JSON and NDJSON."""

import csv
import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.export import ColumnError, columns_of, encode_page
from collector.export.columns import COLUMNS_MAX
from tests.collector.export.rendered_events import an_event

STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_of(*events: bytes, columns: list[str] | None = None, first: bool = True) -> str:
    return encode_page("csv", events, columns_of(columns), first=first).decode()


def only_cell(event: bytes, column: str) -> str:
    ((text,),) = csv.reader(io.StringIO(csv_of(event, columns=[column], first=False), newline=""))
    return text


def test_a_csv_has_the_header_and_the_rows_of_the_seed() -> None:
    assert csv_of(an_event()) == (
        "timestamp,user,action,resource,status,ip_address\r\n"
        "2024-06-12 14:30:22,alice@company.com,create,sales_db,success,192.168.1.100\r\n"
    )


def test_only_the_first_page_has_the_header() -> None:
    assert csv_of(first=True) == "timestamp,user,action,resource,status,ip_address\r\n"
    assert csv_of(an_event(), first=False).count("\r\n") == 1


def test_what_is_absent_is_an_empty_cell() -> None:
    event = an_event(actor={"type": "anonymous"}, resource=None, outcome=None, source=None)
    assert csv_of(event, first=False) == "2024-06-12 14:30:22,,create,,,\r\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x","y")'])
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert only_cell(an_event(actor={"type": "user", "email": text}), "user") == f"'{text}"


def test_numbers_are_no_formulas() -> None:
    event = an_event(duration_ms=-1.5, measures={"rows": -3}, details={"n": -7, "t": "-7"})
    columns = ["duration_ms", "measures.rows", "details.n", "details.t"]
    assert csv_of(event, columns=columns, first=False) == "-1.5,-3,-7,'-7\r\n"


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_every_text_comes_back_and_none_begins_like_a_formula(texts: list[str]) -> None:
    events = [an_event(message=text) for text in texts]
    rows = list(csv.reader(io.StringIO(csv_of(*events, columns=["message", "action"], first=False), newline="")))
    assert [row[1] for row in rows] == ["create"] * len(texts)
    for text, (cell, _) in zip(texts, rows, strict=True):
        assert cell == (f"'{text}" if text.startswith(STARTS_FORMULA) else text)


def test_columns_may_be_fields_measures_and_details() -> None:
    event = an_event(
        details={"plan": {"new.name": "free", "sizes": [1, 2]}, "a.b": True}, flags=["unparsed", "truncated"],
        measures={"rows": 12345678901234567890},
    )  # fmt: skip
    columns = ["id", "time", "actor.type", "flags", "details.plan.new.name", "details.plan.sizes", "details.a.b",
               "measures.rows", "details.nothing.there"]  # fmt: skip
    (row,) = csv.reader(io.StringIO(csv_of(event, columns=columns, first=False)))
    assert row == [
        f"{'5' * 32}-1-0", "2024-06-12T14:30:22.123456Z", "user", "unparsed,truncated", "free", "[1,2]", "true",
        "12345678901234567890", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["usr"], "there is no column 'usr'; did you mean 'user'?"),
        (["time", ""], "there is no column ''"),
        (["details."], "there is no column 'details.'"),
        (["actor"], "there is no column 'actor'"),
        (["id"] * (COLUMNS_MAX + 1), "101 columns are given, at most 100"),
        (["details." + "a" * 300], "there is no column"),
    ],
)
def test_a_column_that_there_is_not_is_named(columns: list[str], message: str) -> None:
    with pytest.raises(ColumnError, match="column") as caught:
        columns_of(columns)
    assert message in str(caught.value)


def test_json_is_the_very_event_of_the_api_on_one_line() -> None:
    raw = b'{"id":"a","time":"t","action":"x","details":{"n":1.50,\n"big":12345678901234567890123,\r"deep":[[[]]]}}'
    one_line = raw.replace(b"\n", b" ").replace(b"\r", b" ")
    assert encode_page("ndjson", [msgspec.Raw(raw)] * 2, (), first=True) == (one_line + b"\n") * 2
    assert encode_page("json", [msgspec.Raw(raw)] * 2, (), first=True) == one_line + b",\n" + one_line
    assert encode_page("json", [], (), first=True) == b""


def test_details_that_are_nested_deeply_do_not_hinder_a_row() -> None:
    deep: Any = "bottom"
    for _ in range(300):
        deep = [deep]
    event = an_event(details={"deep": deep})
    assert "sales_db" in csv_of(event)
    assert json.loads(only_cell(event, "details.deep")) == deep
