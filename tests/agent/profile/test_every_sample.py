"""Every sample of every shipped profile: exactly the event beside it, in which nothing is lost and nothing invented.

Lost is a word of the line that is neither in its events nor in the profile's own text (names of keys, words of
patterns and of maps that the profile turns into others).  Invented is a word of an event's values that is in neither of
them, nor among the words that every profile may say.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from agent.parse.combined import unescape
from agent.parse.syslog import FACILITIES, SEVERITIES
from agent.profile.samples import run_samples
from agent.profile.verbs import verb_of
from agent.sample_cli import _compile
from tests.agent.profile.shipped import DEFINITIONS
from watchbook.event import ACTOR_TYPES, CATEGORIES, OUTCOMES
from watchbook.shipped import shipped_folder

FOLDER = shipped_folder("config") / "profiles"
#: What stands for nothing, and what the parts of a stamp are made of.
_WORD = re.compile(r"[^\W\d_]{4,}")
_HEX = re.compile(r"[0-9A-Fa-f]{4,}")
_HEX_RUN = re.compile(r"=((?:[0-9A-F]{2})+)\b")
_STAMP = re.compile(
    r"(?i)(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tues|wednes|thurs|fri|satur|sun)\w*|cest|gmt"
)
_ALWAYS = " ".join([*ACTOR_TYPES, *OUTCOMES, *CATEGORIES, *SEVERITIES, *FACILITIES])
#: Units of durations, keys without a value, JSON's word for nothing.
_TOLD_OTHERWISE = {"seconds", "hostname", "grantors", "terminal", "null", "none"}


def squashed(text: str) -> str:
    """Return the letters and digits of a text, in lower case and without escapes of JSON."""
    return re.sub(r"[\W_]+", "", re.sub(r"\\[nrt\"/]", " ", text.lower()))


def own_text(name: str) -> str:
    """Return what a profile says itself, in front of its samples."""
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").partition("\nsamples:")[0]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text) if not _HEX.fullmatch(word) and not _STAMP.fullmatch(word)}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_each_sample_becomes_the_events_beside_it(name: str) -> None:
    results = run_samples(DEFINITIONS[name], _compile)
    assert len(results) >= 8
    assert [(result.sample.note, result.differences) for result in results if result.differences] == []


@pytest.mark.parametrize("name", DEFINITIONS)
def test_no_word_of_a_line_is_lost(name: str) -> None:
    own = squashed(own_text(name))
    for sample in DEFINITIONS[name].samples:
        told = json.dumps(sample.events, ensure_ascii=False)
        if not sample.events or "[REDACTED]" in told or "actual key not shown" in told:
            continue
        kept = squashed(told) + own
        lost = {
            word for word in words(re.sub(r"\\[nrtux]\w?", " ", sample.line)) if squashed(word) not in kept
        } - _TOLD_OTHERWISE
        assert lost == set(), (sample.note, sample.line[:200])


@pytest.mark.parametrize("name", DEFINITIONS)
def test_no_word_of_an_event_is_invented(name: str) -> None:
    own = own_text(name) + _ALWAYS
    for sample in DEFINITIONS[name].samples:
        decoded = b" ".join(bytes.fromhex(run) for run in _HEX_RUN.findall(sample.line)).decode(errors="replace")
        known = squashed(sample.line + own + decoded + unescape(sample.line))
        for event in sample.events or ():
            said = {**event, "action": "", "time": ""}
            said.pop("flags", None)
            invented = {
                word
                for text in texts(said)
                for word in words(text.replace("[REDACTED]", "").replace("(actual key not shown)", ""))
                if squashed(word) not in known
            }
            assert invented == set(), (sample.note, sample.line[:200])
            assert datetime.fromisoformat(event["time"]).tzinfo is not None
            action = event["action"]
            assert squashed(action) in known or (verb_of(action) or ("",))[0] == action, action
