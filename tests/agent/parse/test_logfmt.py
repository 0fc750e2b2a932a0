"""logfmt: what becomes of keys, quotes and escapes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parse import FORMATS
from agent.parse.assignments import SHAPES_MAX, Assignments

LOGFMT = FORMATS["logfmt"]


def logfmt(line: str) -> dict[str, Any]:
    return LOGFMT.decode(line.encode())


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("level=info msg=hello", {"level": "info", "msg": "hello"}),
        ('msg="user signed in" user=alice', {"msg": "user signed in", "user": "alice"}),
        (r'msg="a \"quoted\" word\nand C:\\dir"', {"msg": 'a "quoted" word\nand C:\\dir'}),
        (r'msg="caf\u00e9 \ud83d\ude00 \x41 \q \ud83d"', {"msg": "café 😀 A \\q \\ud83d"}),
        (r"path=C:\dir\new", {"path": r"C:\dir\new"}),
        ("at=info retry user=alice", {"at": "info", "retry": True, "user": "alice"}),
        ("a=1 a=2 b a=3 b", {"a": ["1", "2", "3"], "b": [True, True]}),
        ('a= b="" c=', {"a": "", "b": "", "c": ""}),
        ("url=/search?q=1&x=2 code=200", {"url": "/search?q=1&x=2", "code": "200"}),
        ("  a=1   b=2\tc=3 \r\n", {"a": "1", "b": "2", "c": "3"}),
        ('a="x"y b=1', {"a": '"x"y', "b": "1"}),
        ('a="never closed b=1', {"a": '"never', "closed": True, "b": "1"}),
        ('a=1 b="two\nlines"', {"a": "1", "b": "two\nlines"}),
        ("a=1 b=x=c d", {"a": "1", "b": "x=c", "d": True}),
    ],
)
def test_values_are_read(line: str, values: dict[str, Any]) -> None:
    assert logfmt(line) == values


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hello user=alice", "is not logfmt: expected 'key=value' at its start"),
        ('{"a": 1}', "is not logfmt: expected 'key=value' at its start"),
        ("<34>1 - a=b", "is not logfmt: expected 'key=value' at its start"),
        ('"a"=1', "is not logfmt: expected 'key=value' at its start"),
        ("a=1 =2", "is not logfmt: expected a key before the '=' at character 5"),
    ],
)
def test_what_is_no_logfmt_is_refused_with_the_reason(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match="is not logfmt") as caught:
        logfmt(line)
    assert str(caught.value) == reason


KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9_.@-]{0,8}", fullmatch=True)
PLAIN = st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters='"\\'), max_size=8)


def written(values: dict[str, str]) -> str:
    return " ".join(
        f'{key}="{quoted(value)}"' if needs_quotes(value) else f"{key}={value}" for key, value in values.items()
    )


def needs_quotes(value: str) -> bool:
    return any(letter in ' "=\\\t\n\r' or not letter.isprintable() for letter in value)


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


@given(st.dictionaries(KEYS, st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_what_a_writer_wrote_comes_back(values: dict[str, str]) -> None:
    assert logfmt(written(values)) == values


WORDS = ["a=1", 'b="x y"', 'c="', "d", " ", "=", '"', "e=f=g", "\\", "a=2", "h=\t", 'msg=""', 'm="p=q r"', "n="]


@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_the_quick_ways_and_the_other_agree(words: list[str]) -> None:
    text = "k=v " + " ".join(words)
    learning = Assignments()
    quick = [learning.read(text) for _ in range(6)]  # the last ones by the shape that was learnt
    assert all(each == quick[0] for each in quick)
    if quick[0] is not None:
        assert LOGFMT.read is not None
        # A tab between is never in order: it sends the same text the other way.
        assert {**quick[0], "z": "1"} == LOGFMT.read(f"{text}\tz=1")


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), min_size=1, max_size=30), st.randoms())
def test_what_was_learnt_from_some_lines_reads_others_as_if_nothing_was_learnt(
    lines: list[list[str]], draw: Any
) -> None:
    texts = ["k=v " + " ".join(words) for words in lines] * 6
    draw.shuffle(texts)
    learning = Assignments()
    assert [learning.read(text) for text in texts] == [Assignments().read(text) for text in texts]


def test_a_log_of_ever_new_shapes_does_not_fill_the_memory() -> None:
    learning = Assignments()
    for number in range(SHAPES_MAX * 3):
        text = f"a{number}=1 " * (number % 40) + f"b{number}=2"
        for _ in range(5):
            learning.read(text.replace("  ", " "))
    assert sum(map(len, learning._shapes.values())) == learning._learnt <= SHAPES_MAX
    assert len(learning._seen) <= 1024
