"""CSV and pairs, whose options a profile gives, and the small formats of values: query strings and plain text."""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parse import FORMATS, Format
from agent.records import NotAnEventError, OptionError


def made(name: str, options: Mapping[str, Any]) -> Format:
    make = FORMATS[name].make
    assert make is not None
    return make(options)


def read(found: Format, text: str) -> dict[str, Any]:
    return found.decode(text.encode())


THREE = made("csv", {"columns": ["time", "user", "action"]})


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("t,alice,login", {"time": "t", "user": "alice", "action": "login"}),
        ("t,,login\r", {"time": "t", "action": "login"}),
        ('t,"Smith, ""Al""",login', {"time": "t", "user": 'Smith, "Al"', "action": "login"}),
        ('t,"two\nlines",login', {"time": "t", "user": "two\nlines", "action": "login"}),
        (",,", {}),
    ],
)
def test_csv_cells_are_read(line: str, values: dict[str, str]) -> None:
    assert read(THREE, line) == values
    assert THREE.keys == frozenset({"time", "user", "action"})


@pytest.mark.parametrize("line", ["time,user,action", '"Time","User","Action"\r\n', " time , user, action"])
def test_a_heading_is_no_event(line: str) -> None:
    with pytest.raises(NotAnEventError) as caught:
        read(THREE, line)
    assert caught.value.kind == "header"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("t,alice", "has 2 columns, expected 3: time, user, action"),
        ("t,alice,login,more", "has 4 columns, expected 3: time, user, action"),
        ('t,"alice,login', "ends inside a quoted value; if records go over several lines, give the input 'multiline'"),
        ('t,"al"ice,login', "is not CSV with the delimiter ',': "),
    ],
)
def test_a_line_with_other_columns_is_refused_with_the_reason(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        read(THREE, line)


def test_delimiter_and_quote_are_options() -> None:
    tabs = made("csv", {"columns": ["a", "b"], "delimiter": "\t", "quote": ""})
    assert read(tabs, '"x\ty"') == {"a": '"x', "b": 'y"'}
    semicolons = made("csv", {"columns": ["a", "b"], "delimiter": ";", "quote": "'"})
    assert read(semicolons, "'x;y';z") == {"a": "x;y", "b": "z"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("csv", {}, "the option 'columns' is missing; add the list of the columns' names, in order"),
        ("csv", {"columns": "a"}, "the option 'columns' expects a list of column names, found 'a'"),
        ("csv", {"columns": ["a", 1]}, "the option 'columns' expects a list of column names, found ['a', 1]"),
        ("csv", {"columns": ["a", "a"]}, "the option 'columns' names 'a' twice; give each column a name of its own"),
        (
            "csv",
            {"columns": ["a"], "at_least": 2},
            "the option 'at_least' expects a number from 1 to 1, found 2",
        ),
        ("csv", {"columns": ["a"], "delimiter": "::"}, "the option 'delimiter' expects one character, found '::'"),
        ("csv", {"columns": ["a"], "quote": 1}, "the option 'quote' expects a text, found 1; put it in quotes"),
        ("csv", {"columns": ["a"], "quote": ","}, "the option 'quote' must not be the delimiter, found ',' for both"),
        (
            "csv",
            {"colums": ["a"]},
            "the option 'colums' is none of this format; known here: columns, at_least, delimiter, quote",
        ),
        ("pairs", {"assign": ""}, "the option 'assign' expects a text that stands between, found ''"),
        ("pairs", {"assign": "=", "separator": "= "}, "the option 'assign' must not be the separator"),
        ("pairs", {"quotes": "x"}, "the option 'quotes' expects some of \"'`|, found 'x'"),
    ],
)
def test_wrong_options_are_named_with_what_was_expected(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)) as caught:
        made(name, options)
    assert caught.value.option in message


def test_csv_without_its_columns_reads_nothing() -> None:
    with pytest.raises(ValueError, match="needs its option 'columns'"):
        FORMATS["csv"].decode(b"a,b")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=5))
def test_what_a_csv_writer_wrote_comes_back(cells: list[str]) -> None:
    columns = [f"column {number}" for number in range(len(cells))]
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    expected = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
    assert read(made("csv", {"columns": columns}), text.getvalue().removesuffix("\r\n")) == expected


@pytest.mark.parametrize(
    ("options", "line", "values"),
    [
        ({}, 'devname="FG 1" msg=hello world src=1', {"devname": "FG 1", "msg": "hello world", "src": "1"}),
        ({"separator": ", ", "assign": ": "}, 'a: 1, b: "x, y",c:3', {"a": "1", "b": "x, y", "c": "3"}),
        ({"separator": "; "}, r'a = 1; b="say \"x;y\" \n"; b=2', {"a": "1", "b": ['say "x;y" \\n', "2"]}),
        ({"separator": "|"}, "a=1|b=2=3||c=", {"a": "1", "b": "2=3|", "c": ""}),
        ({"quotes": "\"'"}, "a='x y' b=\"it's\"", {"a": "x y", "b": "it's"}),
        ({"quotes": ""}, 'a="x b=y"', {"a": '"x', "b": 'y"'}),
        ({"separator": "\t"}, "a=x y\tb=1", {"a": "x y", "b": "1"}),
    ],
)
def test_pairs_are_read(options: dict[str, str], line: str, values: dict[str, Any]) -> None:
    assert read(made("pairs", options), line) == values


@pytest.mark.parametrize("line", ["hello a=1", "=1", '"a"=1', "just words"])
def test_what_is_no_list_of_pairs_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="is no list of pairs: expected 'key=value' at its start"):
        read(FORMATS["pairs"], line)


def test_a_query_string_is_read() -> None:
    assert read(FORMATS["query"], "?user=al%20ice&role=a+b&role=c&empty=&bare") == {
        "user": "al ice",
        "role": ["a b", "c"],
        "empty": "",
        "bare": "",
    }
    for text in ("hello", "", "&a=1", "=1", "a b"):
        with pytest.raises(ValueError, match="is no query string"):
            read(FORMATS["query"], text)


def test_plain_text_is_one_value_and_nothing_but_white_space_is_none() -> None:
    assert read(FORMATS["text"], "a line\n  at x\r\n") == {"line": "a line\n  at x"}
    with pytest.raises(ValueError, match="is empty"):
        read(FORMATS["text"], " \t")


def test_a_line_may_lack_the_columns_that_newer_versions_added() -> None:
    read = made("csv", {"columns": ["time", "user", "action"], "at_least": 2}).read
    assert read is not None
    assert read("t,alice") == {"time": "t", "user": "alice"}
    assert read("t,alice,login") == {"time": "t", "user": "alice", "action": "login"}
    with pytest.raises(ValueError, match="has 1 columns, expected 2 to 3: time, user, action"):
        read("t")
    with pytest.raises(NotAnEventError):
        read("time,user")
