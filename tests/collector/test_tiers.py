"""A question has one answer, whether the events lie in hot segments, sealed ones or archives."""

import asyncio
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from collector.archive import ArchiveReader, ArchiveSettings
from collector.config import CollectorSettings
from collector.index import IndexReader
from collector.lifecycle import LifecycleSettings
from collector.query import Answers, QuerySettings
from collector.store import SegmentReader, Store, StoreSettings
from collector.upkeep import open_upkeep
from watchbook.clock import parse_rfc3339
from watchbook.wire import columns_of, decode_batch, encode_batch

BYTES_MAX = 1 << 30
DAY_US = 86_400_000_000
START = parse_rfc3339("2020-01-01T00:00:00Z")
STREAMS = ("a" * 32, "b" * 32)
STORE = StoreSettings(segment_events_max=400, sealed_block_events=32)
RANGE = {"from": "2019-12-01T00:00:00Z", "to": "2020-02-01T00:00:00Z"}

QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("search", {"limit": 70, "total": True}),
    ("search", {"q": "actor.id:user3", "limit": 5, "total": True}),
    ("search", {"q": "-actor.id:user3 outcome:failure", "limit": 30, "total": True}),
    ("search", {"q": '"word7" OR ip:10.0.3.0/24', "limit": 200, "total": True}),
    ("search", {"q": "measures.rows:>80 details.n:<500", "limit": 100, "total": True}),
    ("search", {"q": "changed:plan -has:reason", "limit": 10, "total": True}),
    ("search", {"q": "duration_ms:>=1.5 source.request_id:r17", "limit": 10}),
    ("facets", {"fields": ["action", "actor.id", "outcome", "org"], "size": 5, "distinct": "actor.id"}),
    ("facets", {"q": "actor.id:user1*", "fields": ["source.ip", "flags"], "size": 50, "distinct": None}),
    ("histogram", {"interval": "1d", "by": "outcome"}),
    ("histogram", {"q": "outcome:failure", "interval": "6h", "by": None}),
    ("values", {"field": "actor.id", "prefix": "user1", "limit": 10}),
]


def random_event(rng: random.Random, number: int, time: int) -> dict[str, Any]:
    event: dict[str, Any] = {
        "time": time + rng.randint(-DAY_US // 2, DAY_US // 2), "actor.type": "user", "action": rng.choice("abc"),
        "actor.id": f"user{rng.randint(0, 20)}", "outcome": rng.choice(("success", "failure")),
        "source.ip": f"10.0.{rng.randint(0, 9)}.1", "source.request_id": f"r{number // 7}",
        "message": f"word{rng.randint(0, 30)} and more", "details": {"n": number}, "measures": {"rows": number % 100},
    }  # fmt: skip
    if number % 3 == 0:
        event |= {"org": f"org{number % 5}", "duration_ms": rng.choice((1, 1.5, 2)), "flags": ["truncated"]}
    if number % 5 == 0:
        event |= {"changes": [{"field": "plan", "old": 1, "new": {"a": [number]}}], "reason": "Ünïcode ß"}
    return event


class Folder:
    """A data folder with its questions."""

    def __init__(self, path: Path) -> None:
        retention = LifecycleSettings(keep="forever", archive_after="10d")
        self.settings = CollectorSettings(data=path, store=STORE, retention=retention)
        self.now = START

    def clock(self) -> int:
        self.now += 1
        return self.now

    async def fill(self) -> None:
        rng = random.Random(7)
        store = await Store.open(
            self.settings.segments, STORE, batch_bytes_max=BYTES_MAX, clock=self.clock,
            on_committed=lambda _: None, key_path=self.settings.checkpoint_key,
        )  # fmt: skip
        sequences = dict.fromkeys(STREAMS, 0)
        for number in range(0, 2000, 20):
            self.now = START + number // 200 * DAY_US
            stream = rng.choice(STREAMS)
            sequences[stream] += 1
            events = [random_event(rng, number + i, self.now) for i in range(20)]
            data = encode_batch(20, columns_of(events))
            await store.append(stream, sequences[stream], data, decode_batch(data, bytes_max=BYTES_MAX))
        await store.close()

    def tend(self, day: float) -> set[str]:
        """Do what is due on a day; return the tiers there are."""
        self.now = START + int(day * DAY_US)
        reader = SegmentReader(self.settings.segments, BYTES_MAX, STORE)
        with open_upkeep(self.settings, reader.segments, lambda _: None, clock=self.clock) as upkeep:
            while upkeep.step():
                pass
        tiers: set[str] = {segment.tier for segment in reader.segments()}
        reader.close()
        return tiers

    def answers(self) -> list[Any]:
        reader = SegmentReader(self.settings.segments, BYTES_MAX, STORE)
        archives = ArchiveReader(self.settings.segments, ArchiveSettings())
        indexes = IndexReader(self.settings.index.cache_bytes, self.settings.index.open_files_max)
        answers = Answers(reader, indexes, QuerySettings(), CollectorRegistry(), clock=self.clock, archive=archives)
        found = [
            msgspec.json.decode(answers.answer(question, {"filters": {}, "q": None, **RANGE, **parameters}))
            for question, parameters in QUESTIONS
        ]
        found += self._pages(answers)
        found.append(msgspec.json.decode(answers.answer("event", {"id": f"{STREAMS[0]}-3-7"})))
        archives.close()
        reader.close()
        for answer in found:
            answer.pop("last_number", None)
        return found

    def _pages(self, answers: Answers) -> list[Any]:
        """Return page after page of all events."""
        pages: list[Any] = []
        cursor: str | None = None
        while cursor is not None or not pages:
            asked: dict[str, Any] = {"filters": {}, "q": None, **RANGE, "limit": 300, "cursor": cursor, "total": False}
            pages.append(msgspec.json.decode(answers.answer("search", asked)))
            cursor = pages[-1]["next_cursor"]
        return pages


@pytest.mark.timeout(120)
def test_questions_have_the_same_answers_in_every_tier(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    asyncio.run(folder.fill())
    hot = folder.answers()
    assert len({event["id"] for page in hot[len(QUESTIONS) : -1] for event in page["events"]}) == 2000

    seen = []
    for day in (0, 14.5, 40):
        seen.append(folder.tend(day))
        for place, (expected, found) in enumerate(zip(hot, folder.answers(), strict=True)):
            assert found == expected, (day, place, QUESTIONS[place : place + 1])
    assert seen == [{"sealed", "hot"}, {"archived", "sealed", "hot"}, {"archived", "hot"}]
