"""What is wrong with a rule about what does not happen is named."""

from pathlib import Path

import pytest

from tests.collector.detect.test_absence import SILENT, WAIT
from tests.collector.detect.test_chained import problems_of

MISTAKES = [
    ("first and not second", "first and second", "'correlation.condition': rules in order are all those of 'rules'"),
    ("first and not second", "not first and not second", "expected 'a and not b', where each may be several with 'or'"),
    ("temporal_ordered", "temporal", "has a time by which it should have; use 'type: temporal_ordered'"),
    ("first and not second\n", "first and not second\nwatchbook: {absence: {remember: 1d}}\n", "'watchbook.absence':"),
]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_a_wrong_wait_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in problems_of(tmp_path, WAIT.replace(old, new))


WRONG_OPTIONS = [
    ("remember: 5s", "'watchbook.absence.remember': expected more than the correlation's timespan"),
    ("expected: [[a, b]]", "'watchbook.absence.expected': expected a value for each of actor.id, found 2"),
    ("expect: [a]", "there is no such option; did you mean 'expected'?"),
    ("remember: soon", "expected a duration, found"),
]


@pytest.mark.parametrize(("option", "words"), WRONG_OPTIONS)
def test_a_wrong_option_of_a_silence_is_named(tmp_path: Path, option: str, words: str) -> None:
    assert words in problems_of(tmp_path, f"{SILENT}watchbook:\n  absence:\n    {option}\n")


def test_what_did_not_happen_cannot_be_counted_by_another_rule(tmp_path: Path) -> None:
    outer = """---
title: Twice
id: 55555555-5555-4555-8555-555555555555
correlation: {type: event_count, rules: [wait], group-by: [actor.id], timespan: 1h, condition: {gte: 2}}
"""
    text = WAIT.replace("title: Nothing followed", "title: Nothing followed\nname: wait") + outer
    assert "'wait' tells of what did not happen" in problems_of(tmp_path, text)
