"""What was indexed comes back, whatever the events hold and however the index was written."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.index import Indexer, IndexReader, IndexSettings, build_sealed_index
from collector.view import CodedColumn, PresenceColumn, Wanted, Word
from collector.words import words_of
from tests.collector.index.expected import check_passing, check_view, value_of
from tests.collector.index.source import TIME_US, MemorySegment, MemorySource, event
from watchbook.clock import TIME_MAX_US, TIME_MIN_US
from watchbook.event import ACTOR_TYPES, CATEGORIES, FIELDS, OUTCOMES

SMALL = IndexSettings(
    chunk_rows=16, flush_rows=6, flush_rows_min=3, measures_max=2, text_chars_max=12, texts_remembered_max=10_000
)
_CHOICES = {"category": CATEGORIES, "outcome": OUTCOMES}
_WORDS = [
    "alice",
    "Alice",
    "ALICE",
    "bob-7",
    "straße",
    "STRASSE",
    "İstanbul",
    "",
    "a\0b",
    "\0",
    "\u202eabc",
    "a" * 40,
    "x y z",
]
_texts = st.one_of(
    st.sampled_from(_WORDS),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
    st.integers(0, 9).map(lambda number: f"word {number} of a text that is too long to keep"),
)
_numbers = st.one_of(
    st.integers(-5, 300),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0.5, -0.0, 1e300, 5e-324, 2**53, 2**53 + 1, 2**62, -(2**63)]),
)
_addresses = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(
        [
            "10.0.0.1",
            "010.0.0.1",
            "10.1",
            "1.2.3.4/",
            "1.2.3.256",
            "",
            "é",
            "::1",
            "::FFFF:1.2.3.4",
            "1.2.3.4./.5.6.7.8",
        ]
    ),
)


def _values(name: str, kind: str) -> Any:
    if name in _CHOICES:
        return st.sampled_from(sorted(_CHOICES[name]))
    if name == "source.ip":
        return _addresses
    return {
        "text": _texts,
        "integer": st.integers(0, 2**63 - 1),
        "number": _numbers,
        "numbers": st.dictionaries(st.sampled_from(["rows", "bytes", "a.b", "x" * 13]), _numbers, max_size=3),
        "texts": st.lists(_texts, max_size=3),
        "object": st.just({"k": [1, None]}),
        "changes": st.lists(st.fixed_dictionaries({"field": _texts, "new": st.integers(0, 3)}), max_size=3),
    }[kind]


_FIELDS = {
    field.name: _values(field.name, field.kind)
    for field in FIELDS
    if field.name not in ("time", "actor.type", "action")
}
_events = st.fixed_dictionaries(
    {
        "time": st.one_of(st.integers(TIME_MIN_US, TIME_MAX_US), st.integers(TIME_US, TIME_US + 50)),
        "actor.type": st.sampled_from(sorted(ACTOR_TYPES)),
        "action": _texts,
    },
    optional=_FIELDS,
)
_blocks = st.lists(st.lists(_events, min_size=1, max_size=8), min_size=1, max_size=8)


def _contains(needle: str) -> Callable[[str], bool]:
    return lambda text: needle in text.casefold()


def _questions(text: str) -> list[Wanted]:
    folded = text.casefold()
    words = words_of(folded)
    asked = [
        Wanted(("is", folded), lambda value: value.casefold() == folded, whole=folded),
        Wanted(("in", folded), _contains(folded)),
    ]
    if words:
        whole = tuple(Word(word) for word in words)
        begun = (Word(words[0][:2], open_end=True),)
        asked += [
            Wanted(("words", folded), lambda value: set(words) <= set(words_of(value.casefold())), words=whole),
            Wanted(
                ("begun", folded),
                lambda value: any(word.startswith(words[0][:2]) for word in words_of(value.casefold())),
                words=begun,
            ),
        ]
    return asked


def _check(view: Any, events: list[dict[str, Any]]) -> None:
    check_view(view, events, chars_max=SMALL.text_chars_max)
    for field in ("message", "actor.id", "flags", "changes.field"):
        values = [value_of(row, field) for row in events]
        texts = {
            text for value in values if value is not None for text in (value if isinstance(value, list) else [value])
        }
        for wanted in [wanted for text in sorted(texts)[:6] for wanted in _questions(text)]:
            check_passing(view, events, field, wanted)


@given(_blocks)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_sealed_index_gives_back_what_the_blocks_held(blocks: list[list[dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        segment = MemorySegment(Path(folder), "s", "sealed")
        for block in blocks:
            segment.append(block)
        rows = build_sealed_index(segment.blocks(), segment.index_path, name="s", generation="a", settings=SMALL)
        assert rows == segment.rows
        view = IndexReader(1 << 20).view("s", "a", segment.index_path)
        assert view is not None
        _check(view, segment.events())


@given(_blocks, st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_growing_index_is_right_at_every_moment(blocks: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        segment = MemorySegment(Path(folder), "s")
        source, reader, now = MemorySource(segment), IndexReader(1 << 20), 0
        indexer = Indexer(source, SMALL)
        for block in blocks:
            segment.append(block)
            now += data.draw(st.sampled_from([0, 600_000, 2_000_000, 6_000_000, 90_000_000]))
            indexer.step(now)
            if data.draw(st.booleans()):
                indexer.close(now)
                indexer = Indexer(source, SMALL)
            view = reader.view("s", "a", segment.index_path)
            if view is not None:
                _check(view, segment.events()[: view.rows])
        indexer.close(now)
        last = reader.view("s", "a", segment.index_path)
        assert last is not None
        _check(last, segment.events())
        assert reader.damaged == set()


def test_a_text_of_a_megabyte_is_found_by_its_words(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s", "sealed")
    segment.append([event(i, message=f"text {i}") for i in range(300)])
    segment.append([event(300, message="needle " + "x" * (1 << 20)), event(301, message="y" * (1 << 20))])
    build_sealed_index(segment.blocks(), segment.index_path, name="s", generation="a")
    view = IndexReader(1 << 20).view("s", "a", segment.index_path)
    assert view is not None
    wanted = Wanted("needle", _contains("needle"), words=(Word("needle"),))
    assert view.passing("message", wanted).lower.tolist() == []
    assert view.passing("message", wanted).upper.tolist() == [301]
    assert view.text("message", 301) is None


def test_more_measures_than_have_columns_leave_their_presence(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s", "sealed")
    segment.append([event(i, measures={f"m{i}": i}) if i % 2 else event(i) for i in range(10)])
    build_sealed_index(segment.blocks(), segment.index_path, name="s", generation="a", settings=SMALL)
    view = IndexReader(1 << 20).view("s", "a", segment.index_path)
    assert view is not None
    (chunk,) = view.chunks
    beyond = view.column(chunk, "measures.m9")
    assert isinstance(beyond, PresenceColumn)
    assert beyond.present.tolist() == [bool(i % 2) for i in range(10)]


def test_constant_columns_take_no_memory(tmp_path: Path) -> None:
    segment = MemorySegment(tmp_path, "s", "sealed")
    segment.append([event(i, org="acme") for i in range(4000)])
    build_sealed_index(segment.blocks(), segment.index_path, name="s", generation="a")
    reader = IndexReader(1 << 20)
    view = reader.view("s", "a", segment.index_path)
    assert view is not None
    column = view.column(view.chunks[0], "org")
    assert isinstance(column, CodedColumn)
    assert column.codes.strides == (0,)
    assert np.all(column.codes == 1)
    assert reader.cache.size < 1000


def test_texts_that_were_forgotten_get_a_second_code_and_are_all_found(tmp_path: Path) -> None:
    forgetful = IndexSettings(chunk_rows=16, texts_remembered_max=5)
    segment = MemorySegment(tmp_path, "s", "sealed")
    for block in range(8):
        segment.append([event(block * 10 + i, message=f"text {i}") for i in range(10)])
    build_sealed_index(segment.blocks(), segment.index_path, name="s", generation="a", settings=forgetful)
    view = IndexReader(1 << 20).view("s", "a", segment.index_path)
    assert view is not None
    assert view.size("message") > 10
    wanted = Wanted("3", lambda text: text == "text 3", whole="text 3")
    assert len(view.passing("message", wanted).lower) > 1
    check_passing(view, segment.events(), "message", wanted)
