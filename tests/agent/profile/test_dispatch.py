"""Quick dispatch finds what asking every pattern in turn would find."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.profile.conditions import Check, Clause
from agent.profile.dispatch import NONE, REMEMBERED_MAX, Dispatch, Variant
from agent.profile.regexes import prefixes_of, tells_all


@pytest.mark.parametrize(
    ("regex", "prefixes"),
    [
        ("(?P<e>Accepted (?P<m>a+)) for", ("Accepted a",)),
        ("(?:error: )?maximum", ("maximum", "error: maximum")),
        ("(?P<e>A|B x|C) (?:y )?.*z", ("A ", "A y ", "B x ", "B x y ", "C ", "C y ")),
        ("(?s:.*)", ("",)),
        ("(?i)abc", ("",)),
        ("^abc$", ("abc",)),
        ("a+b", ("a",)),
        ("(?=abc)abc", ("",)),
        ("(?:ab){2}c", ("ab",)),
        ("a|b.*", ("a", "b")),
        ("[ab]c", ("",)),
        ("(?:x)?y*z", ("", "x")),
        ("|".join(f"w{n}" for n in range(40)), ("",)),
    ],
)
def test_the_beginning_of_a_regular_expression(regex: str, prefixes: tuple[str, ...]) -> None:
    assert prefixes_of(re.compile(regex)) == prefixes


@pytest.mark.parametrize(
    ("regex", "told"),
    [
        ("user (?P<a>.*) in", True),
        (r"user (?P<a>.*)\s+in *", True),
        ("user (?P<a>.*) .*", False),
        ("(?:a|b) (?P<a>.*)", False),
        ("(?:a )?(?P<a>.*)", False),
        ("(?P<a>x|y)(?: (?P<b>z))?", False),
        ("(?i:a)(?P<a>.*)", False),
        ("[0-9](?P<a>.*)", False),
        ("a{3}(?P<a>.*)", True),
    ],
)
def test_whether_the_groups_of_a_regular_expression_tell_all(regex: str, told: bool) -> None:
    assert tells_all(regex) == told


REGEXES = [
    "ab(?P<g>.*)",
    "(?:a)?b(?P<g>.)",
    "(?:ab|c)(?P<h>d*)",
    "(?P<g>.+)",
    "(?i)AB.*",
    "",
    "longer than the beginning .*",
]
PROGRAMS = [None, ("su",), ("su", "at"), ("7",)]


@given(
    st.lists(
        st.tuples(st.sampled_from(PROGRAMS), st.sampled_from(["m", "n"]), st.sampled_from([*REGEXES, None])), max_size=6
    ),
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "p": st.sampled_from(["su", "at", "cron", 7, None]),
                "m": st.sampled_from(["ab", "abx", "b1", "cd", "ABC", "", "longer than the beginning x", 5]),
                "n": st.text("abcd", max_size=3),
            },
        ),
        max_size=8,
    ),
)
def test_dispatch_finds_the_first_that_fits(
    kinds: list[tuple[Any, str, str | None]], lines: list[dict[str, Any]]
) -> None:
    variants = [made(place, *kind) for place, kind in enumerate(kinds)]
    dispatch = Dispatch(variants, lambda path: lambda line: line.get(path))
    for line in lines:
        assert dispatch.find(dict(line)) == slowly(variants, line)


def made(place: int, programs: tuple[str, ...] | None, of: str, regex: str | None) -> Variant:
    condition = None if programs is None else ((Clause("p", (Check("is", frozenset(programs)),)),),)
    when = None if programs is None else lambda line: str(line.get("p")) in programs
    compiled = None if regex is None else re.compile(regex)
    return Variant(f"v{place}", condition, when, of, compiled, () if compiled is None else tuple(compiled.groupindex))


def slowly(variants: list[Variant], line: dict[str, Any]) -> int:
    for place, each in enumerate(variants):
        if each.when is not None and not each.when(line):
            continue
        text = line.get(each.of)
        if each.regex is None or (isinstance(text, str) and each.regex.fullmatch(text)):
            return place
    return NONE


def test_what_is_remembered_is_bounded() -> None:
    dispatch = Dispatch([made(0, None, "m", "x.*")], lambda path: lambda line: line.get(path))
    for number in range(2 * REMEMBERED_MAX):
        assert dispatch.find({"m": str(number)}) == NONE
        assert len(dispatch._remembered) <= REMEMBERED_MAX
