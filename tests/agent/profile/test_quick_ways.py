"""What was made quick gives what the plain way gives."""

import re
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.profile.conditions import Check, Clause, Condition, holds
from agent.profile.dispatch import NONE, Dispatch, Variant
from agent.profile.regexes import groups_always, groups_sure
from agent.profile.times import DAY_US, syslog, zone_named
from agent.records import opened
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled
from watchbook.clock import parse_rfc3339


@pytest.mark.parametrize(
    ("regex", "always"),
    [
        ("(?P<a>x)(?P<b>y)?", {"a"}),
        ("(?P<a>x(?P<b>y))", {"a", "b"}),
        ("(?P<a>x)|(?P<b>y)", set()),
        ("(?:(?P<a>x))?(?>(?P<b>y))", {"b"}),
        ("(?:(?P<a>x)|y)+(?P<b>z)", {"b"}),
        ("(?x) (?P<a> x ) # (?P<b>y)", {"a"}),
    ],
)
def test_groups_that_every_text_has(regex: str, always: set[str]) -> None:
    assert groups_always(re.compile(regex)) == always


def test_groups_that_always_have_something_in_them() -> None:
    assert groups_sure(re.compile("(?P<a>x)(?P<b>y*)(?P<c>z)?(?P<d>(?P<e>v?)w)")) == {"a", "d"}


WORDS = ("a", "b", "7", "true")


def clauses() -> st.SearchStrategy[Clause]:
    operators = st.sampled_from(["is", "not"])
    tests = st.builds(Check, operators, st.frozensets(st.sampled_from(WORDS), min_size=1, max_size=2))
    tests |= st.builds(Check, st.just("present"), st.booleans())
    return st.builds(lambda path, test: Clause(path, (test,)), st.sampled_from(["p", "q", "r"]), tests)


CONDITIONS = st.lists(st.lists(clauses(), min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple)
VALUES = st.sampled_from(["a", "b", "c", 7, True, None, [1], 1.5])


@given(
    st.lists(CONDITIONS, min_size=1, max_size=5),
    st.lists(st.fixed_dictionaries({}, optional={"p": VALUES, "q": VALUES, "r": VALUES}), max_size=8),
)
def test_dispatch_by_several_values_finds_the_first_that_holds(
    conditions: list[Condition], lines: list[dict[str, Any]]
) -> None:
    def test_of(condition: Condition) -> Any:
        return lambda line: any(all(holds(each.tests, line.get(each.path)) for each in every) for every in condition)

    variants = [Variant(str(place), each, test_of(each), "", None, ()) for place, each in enumerate(conditions)]
    plain = Dispatch(variants, lambda path: lambda line: line.get(path))
    keyed = Dispatch(variants, lambda path: lambda line: line.get(path), key_of=lambda path: path)
    for line in lines:
        wanted = next((place for place, each in enumerate(variants) if each.when is None or each.when(line)), NONE)
        assert plain.find(dict(line)) == keyed.find(dict(line)) == wanted


def test_a_group_does_not_hide_what_the_line_has() -> None:
    regex = re.compile("(?P<user>[a-z]+)(?: (?P<host>[a-z]+))?")
    variant = Variant("v", None, None, "message", regex, tuple(regex.groupindex))
    any_keys = Dispatch([variant], lambda path: lambda line: line.get(path))
    line = {"message": "bob", "user": "alice", "host": "h"}
    assert any_keys.find(line) == 0
    assert line == {"message": "bob", "user": "bob", "user (line)": "alice", "host": "h"}
    known = Dispatch([variant], lambda path: lambda line: line.get(path), frozenset({"message", "host"}))
    line = {"message": "bob eve", "host": "h"}
    assert known.find(line) == 0
    assert line == {"message": "bob eve", "user": "bob", "host": "eve", "host (line)": "h"}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_a_remembered_minute_is_of_the_year_that_a_fresh_reader_finds(zone: str) -> None:
    stamps = ["Dec 31 23:59:58", "Dec 31 23:59:59", "Jan  1 00:00:00", "Feb 29 12:00:01", "Mar 29 02:30:00"]
    moments = ["2026-12-30T00:00:00Z", "2026-12-31T23:59:59Z", "2027-01-01T12:00:00Z", "2028-03-01T00:00:00Z"]
    reads = [(stamp, parse_rfc3339(moment)) for moment, stamp in product(moments, stamps)]
    reads += [(stamp, read_us + DAY_US) for stamp, read_us in reads]
    remembering = syslog(zone_named(zone))
    for stamp, read_us in [*reads, *reversed(reads), *sorted(reads)]:
        assert remembering(stamp, read_us) == syslog(zone_named(zone))(stamp, read_us), (stamp, read_us)
    first, read_us = reads[0]
    assert remembering(first, read_us) is not None
    assert remembering(f"{first[:13]}60", read_us) is None
    assert remembering(f"{first}.5", read_us) == syslog(zone_named(zone))(f"{first}.5", read_us)


@given(st.binary(max_size=80) | st.text('{["x', max_size=40).map(str.encode))
def test_opened_counts_braces_and_brackets(line: bytes) -> None:
    assert opened(line) == line.count(b"{") + line.count(b"[")


@given(
    st.lists(
        st.sampled_from(["from", "bob", "port", "22", "ssh2:", "22:", "x", "1.2.3.4", "ID", "ssh2", "é"]), max_size=9
    ),
    st.sampled_from([" ", "  ", "\t", "\n"]),
)
def test_the_accepted_login_of_sshd_is_read_as_without_its_lookahead(words: list[str], gap: str) -> None:
    regex = next(each.regex for each in DEFINITIONS["sshd"].patterns if each.name == "accepted")
    assert regex is not None
    plain = re.sub(r"\(\?P<user>.*?\\Z\)\|\.\*\)", "(?P<user>.*)", regex)
    assert plain != regex
    for text in (" ".join(words), gap.join(words)):
        for line in (f"Accepted password for {text}", f"Accepted password for a from h port 1 ssh2: {text}"):
            given_, wanted = re.fullmatch(regex, line), re.fullmatch(plain, line)
            assert (given_ and given_.groupdict()) == (wanted and wanted.groupdict())


@given(
    st.lists(
        st.sampled_from(["from", "bob", "port", "22", "٣", "ssh2:", "22:", "x", "1.2.3.4", "ID", "ssh2", "é"]),
        max_size=9,
    ),
    st.sampled_from([" ", "  ", "\t", "\n"]),
)
def test_a_plain_login_of_sshd_is_read_as_any_other(words: list[str], gap: str) -> None:
    plain, any_ = (
        next(each.regex for each in DEFINITIONS["sshd"].patterns if each.name == name)
        for name in ("accepted-plain", "accepted")
    )
    assert plain is not None
    assert any_ is not None
    for text in (" ".join(words), gap.join(words)):
        for line in (f"Accepted password for {text}", f"Accepted password for a from h port 1 ssh2: {text}"):
            if (given_ := re.fullmatch(plain, line)) is not None:
                wanted = re.fullmatch(any_, line)
                assert wanted is not None
                present = {name: value for name, value in wanted.groupdict().items() if value is not None}
                assert {name: value for name, value in given_.groupdict().items() if value is not None} == present


@pytest.mark.parametrize("name", sorted(name for name, each in DEFINITIONS.items() if each.patterns))
def test_rows_from_groups_are_those_by_way_of_the_line(name: str) -> None:
    normalise = compiled(DEFINITIONS[name])
    encode = msgspec.json.Encoder().encode  # the order of details counts
    for sample in DEFINITIONS[name].samples:
        line = sample.line.encode()
        for text in (line, line.replace(b"port ", b"port x"), line + b" more", line.replace(b" for ", b" for a b ", 1)):
            try:
                wanted = normalise.row_of(normalise.decode(text), READ_US)
            except Exception:  # noqa: BLE001 - such a line takes more than its values
                continue
            made = normalise([text], READ_US)
            if made.rows and b"REDACTED" not in encode(made.rows):
                assert encode(made.rows) == encode([wanted]), text
