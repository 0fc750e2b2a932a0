"""Casts never guess; verbs know the words of sources and let the others pass."""

from typing import Any

import pytest

from agent.profile.casts import CASTS
from agent.profile.memo import MEMO_CHARACTERS_MAX, MEMO_MAX, Memo
from agent.profile.verbs import Verb, verb_of


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "a", "a"),
        ("text", "", None),
        ("lower", "GET", "get"),
        ("ip", "10.0.0.1", "10.0.0.1"),
        ("ip", "010.0.0.1", None),
        ("ip", "10.0.0.256", None),
        ("ip", "10.0.0.1:80", None),  # the compiler reads it in part: the port stays in the details
        ("ip", "::FFFF:10.0.0.1", "10.0.0.1"),
        ("ip", "fe80::1%eth0", "fe80::1%eth0"),
        ("ip", "", None),
        ("number", "1,000", 1000),
        ("number", "-3.5", -3.5),
        ("number", "1,00", None),
        ("number", "10 rows", None),
        ("number", "1e5", None),
        ("number", "٣", None),
        ("duration", "245ms", 245),
        ("duration", "1.2 s", 1200),
        ("duration", "1.5 Minutes", 90_000),
        ("duration", "12µs", 0.012),
        ("duration", "1:04:00.879", 3_840_879),
        ("duration", "0:00:00", 0),
        ("duration", "0:61:00", None),
        ("duration", "245", None),
        ("duration", "5 parsecs", None),
        ("seconds", "1.5", 1500),
        ("seconds", "soon", None),
        ("http_outcome", "204", "success"),
        ("http_outcome", "403", "failure"),
        ("http_outcome", "600", None),
        ("http_outcome", "20", None),
        ("http_outcome", "2x4", None),
    ],
)
def test_a_cast_reads_what_says_so_and_nothing_else(name: str, text: str, value: Any) -> None:
    found = CASTS[name][0](text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("Asset permissions edited", Verb("update", "permission", None, None)),
        ("Secret access unauthorized", Verb("read", "access", "failure", "unauthorized")),
        ("Asset data update failed", Verb("update", None, "failure", None)),
        ("export completed", Verb("export", "export", "success", None)),
        ("user.login", Verb("login", "authentication", None, None)),
        ("DeleteBucket", Verb("delete", None, None, None)),
        ("signed-in", Verb("login", "authentication", None, None)),
        ("Fetch All", Verb("read", "access", None, None)),
        ("failed", Verb("fail", None, "failure", None)),
        ("Terminate", Verb("stop", "lifecycle", None, None)),
        ("s3:GetObject", Verb("s3:getobject", None, None, None)),
        ("Über", Verb("über", None, None, None)),
        ("!", Verb("!", None, None, None)),
        (" ", None),
    ],
)
def test_a_verb_says_what_its_word_tells(word: str, verb: Verb | None) -> None:
    assert verb_of(word) == verb


def test_a_memo_is_bounded() -> None:
    calls: list[str] = []

    def length(text: str) -> int:
        calls.append(text)
        return len(text)

    memo = Memo(length)
    assert [memo["abc"], memo["abc"]] == [3, 3]
    assert calls == ["abc"]
    for number in range(3 * MEMO_MAX):
        assert memo[str(number)] == len(str(number))
        assert len(memo) <= MEMO_MAX
    long = "x" * (MEMO_CHARACTERS_MAX + 1)
    assert memo[long] == len(long)
    assert long not in memo
