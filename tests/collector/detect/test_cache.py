"""Compiled rules that were kept are the very rules that pySigma would give again; a bad cache costs only time."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.detect import RuleCache, read_rules, read_surroundings, rule_files
from collector.detect.cache import VERSION
from collector.detect.encoded import decode_expression, digest, encode_expression
from collector.detect.expression import (
    Absent,
    Atom,
    Compares,
    Equals,
    Expression,
    Glob,
    InNetwork,
    Not,
    Piece,
    all_of,
    any_of,
)
from collector.detect.loading import load_rules
from collector.detect.matcher import Matcher
from collector.detect.patterns import matches
from collector.detect.view import BatchView
from tests.collector.detect.blocks import START, block, event
from tests.collector.detect.rules import correlation, detection
from watchbook.shipped import shipped_folder

RULES = [
    detection("action|contains: [re, 'd*e']\nsource.ip|cidr: 10.0.0.0/8"),
    detection(
        "a: {message|re|i: '^ab+'}\nb: {actor.id|cased: Bob}\nc: ['word', 'two words']", condition="a or (b and not c)"
    ),
    detection("measures.rows|gte: 5\ndetails.a.b: null\nchanges.new|exists: true"),
    correlation(6, "10m"),
    correlation(2, "1h", lines="outcome|endswith: ure"),
    *(path.read_text(encoding="utf-8") for path in rule_files(shipped_folder("rules"))),
]

TEXTS = st.text("abB*?.1", max_size=4)
FIELDS = st.sampled_from(["action", "message", "actor.id", "details.a", "details.b.c", "measures.rows", "source.ip"])
PIECES = st.builds(Piece, st.text("ab", max_size=2))
TESTS = st.one_of(
    st.builds(Equals, st.frozensets(TEXTS.map(str.lower), max_size=3), st.booleans()),
    st.builds(Glob, st.lists(PIECES, min_size=2, max_size=3).map(tuple), st.booleans()),
    st.builds(matches, st.sampled_from(["a+", "^b", "[0-9]$", "A"]), st.sampled_from(["", "i", "s"])),
    st.builds(Compares, st.sampled_from(["lt", "lte", "gt", "gte"]), st.integers(-2, 3) | st.floats(-2, 3)),
    st.just(Absent()),
    st.sampled_from([InNetwork(__import__("ipaddress").ip_network(text)) for text in ("10.0.0.0/8", "2001:db8::/32")]),
)
EXPRESSIONS = st.recursive(
    st.builds(Atom, FIELDS, TESTS),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=1, max_size=3).map(all_of),
        st.lists(inner, min_size=1, max_size=3).map(any_of),
    ),
    max_leaves=8,
)
VALUES = st.none() | TEXTS
EVENTS = st.lists(
    st.builds(
        lambda **fields: {name: value for name, value in event(START, **fields).items() if value is not None},
        action=TEXTS.map(lambda text: text or "x"),
        message=VALUES,
        actor__id=VALUES,
        source__ip=st.sampled_from([None, "10.1.2.3", "2001:db8::1", "no"]),
        details=st.none()
        | st.fixed_dictionaries({"a": TEXTS | st.integers(0, 2)}, optional={"b": st.fixed_dictionaries({"c": TEXTS})}),
        measures=st.none() | st.fixed_dictionaries({"rows": st.integers(-3, 4)}),
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(EXPRESSIONS, EVENTS)
def test_a_condition_that_was_kept_finds_the_same_events(
    expression: Expression, events: list[dict[str, object]]
) -> None:
    again = decode_expression(encode_expression(expression))
    assert encode_expression(again) == encode_expression(expression)
    assert Matcher(again).key == Matcher(expression).key
    view = BatchView(block(events).batch)
    assert list(Matcher(again)(view)) == list(Matcher(expression)(view))


@pytest.mark.parametrize("text", RULES)
def test_a_rule_from_the_cache_has_the_signature_of_the_one_that_was_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules" / "rule.yml"
    path.parent.mkdir()
    path.write_text(text)
    cache = tmp_path / "rules.cache"
    first = read_rules([path], cache=RuleCache(cache))
    kept = RuleCache(cache)
    second = read_rules([path], cache=kept)
    assert (kept.hits, kept.misses) == (1, 0)
    assert [rule.signature for rule in first.rules.rules] == [rule.signature for rule in second.rules.rules]
    assert [rule.brief for rule in first.rules.rules] == [rule.brief for rule in second.rules.rules]
    assert [rule.place for rule in first.rules.rules] == [rule.place for rule in second.rules.rules]
    assert first.documents == second.documents


def test_pysigma_is_not_even_imported_when_all_files_are_known(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(RULES[0])
    read_rules([tmp_path / "rule.yml"], cache=RuleCache(tmp_path / "cache"))
    code = (
        "import sys; from pathlib import Path; from collector.detect import RuleCache, read_rules\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "rules = read_rules([folder / 'rule.yml'], cache=RuleCache(folder / 'cache'))\n"
        "print(len(rules.rules.rules), 'sigma' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "1 False\n", done.stderr


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"PK\x03\x04" + data[4:],
        lambda data: data[:4] + (VERSION + 1).to_bytes(2, "big") + data[6:],
    ],
    ids=["empty", "cut", "a bit", "foreign", "another version"],
)
def test_a_cache_that_is_no_good_is_ignored_and_written_anew(tmp_path: Path, damage: object) -> None:
    (tmp_path / "rule.yml").write_text(RULES[0])
    path = tmp_path / "cache"
    read_rules([tmp_path / "rule.yml"], cache=RuleCache(path))
    good = path.read_bytes()
    path.write_bytes(damage(good))  # type: ignore[operator]
    cache = RuleCache(path)
    assert len(read_rules([tmp_path / "rule.yml"], cache=cache).rules.rules) == 1
    assert (cache.hits, cache.misses) == (0, 1)
    assert path.read_bytes() == good


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(RULES[0])
    (tmp_path / "file").write_text("")
    assert len(load_rules([tmp_path / "rule.yml"], cache=RuleCache(tmp_path / "file" / "cache")).rules) == 1


def test_files_with_mistakes_are_read_each_time_and_what_changed_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text(RULES[0])
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("title: x\n")
    cache = RuleCache(tmp_path / "cache")
    problems = read_rules([tmp_path], cache=cache).problems
    assert problems
    assert read_rules([tmp_path], cache=cache).problems == problems
    assert (cache.hits, cache.misses) == (1, 1)
    wrong.write_text(RULES[0].replace("1111-4111", "1111-4112").replace("name: test", "name: other"))
    assert len(read_rules([tmp_path], cache=cache).rules.rules) == 2
    moved = tmp_path / "moved.yml"
    (tmp_path / "good.yml").rename(moved)
    loaded = read_rules([tmp_path], cache=cache)
    assert cache.misses == 0
    assert f"{moved}:1" in {rule.place for rule in loaded.rules.rules}


def test_other_lists_make_only_rules_with_placeholders_be_read_anew(tmp_path: Path) -> None:
    (tmp_path / "plain.yml").write_text(RULES[0])
    (tmp_path / "listed.yml").write_text(
        detection("actor.id|expand: '%admins%'", rule_id="33333333-3333-4333-8333-333333333333").replace(
            "name: test\n", ""
        )
    )
    cache = RuleCache(tmp_path / "cache")
    for lists, misses in ((("root",), 2), (("root",), 0), (("root", "adm*"), 1)):
        read_rules([tmp_path], read_surroundings(lists={"admins": lists}), cache)
        assert cache.misses == misses


def test_equal_values_have_equal_digests() -> None:
    assert digest(["a", [1, 2]]) == digest(("a", (1, 2))) != digest(["a", [2, 1]])


def test_a_rule_out_of_the_cache_keeps_the_memory_of_one_that_was_compiled(tmp_path: Path) -> None:
    rules = [shipped_folder("rules")]
    compiled = [rule.signature for rule in load_rules(rules).rules]
    load_rules(rules, None, RuleCache(tmp_path / "rules.cache"))
    cached = [rule.signature for rule in load_rules(rules, None, RuleCache(tmp_path / "rules.cache")).rules]
    assert cached == compiled
