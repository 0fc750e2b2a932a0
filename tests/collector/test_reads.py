"""Reads wait for the store and become events; what cannot wait any longer is counted."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from collector.reads import ReadJournal, event_of
from collector.web import Read, ReadSettings
from watchbook.daemon import Stop
from watchbook.units import Seconds

READ = Read("alice", "events listed", "/v1/events", None, {"q": ["actor:bob"]}, 7, "192.0.2.1", "curl/8")
NOW = 1_795_300_000_000_000


class Store:
    """Stands where the store stands; ``problem`` is why it takes nothing."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.taken: dict[str, list[Mapping[str, Any]]] = {}

    async def tell(self, events: Sequence[Mapping[str, Any]], key: str) -> str | None:
        if self.problem is None:
            assert key not in self.taken
            self.taken[key] = list(events)
        return self.problem


def journal(registry: CollectorRegistry, **settings: Any) -> ReadJournal:
    return ReadJournal(ReadSettings(log=True, every=Seconds(0.01), **settings), registry, lambda: NOW)


async def run_until(noted: ReadJournal, store: Store, is_so: Any) -> None:
    stop = Stop()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(noted.run(stop, store.tell))
        async with asyncio.timeout(10):
            while not is_so():
                await asyncio.sleep(0.005)
        stop.asked.set()


def test_an_event_says_who_read_what_with_which_query_and_how_much_it_held() -> None:
    assert event_of(READ, NOW) == {
        "time": NOW, "actor.type": "user", "actor.id": "alice", "action": "read", "event_type": "events listed",
        "category": "meta", "resource.type": "activity_log", "resource.id": "/v1/events", "module": "collector",
        "outcome": "success", "details": {"query": {"q": ["actor:bob"]}}, "source.ip": "192.0.2.1",
        "source.user_agent": "curl/8", "measures": {"items": 7},
    }  # fmt: skip
    one = event_of(READ._replace(event_type="event viewed", event_id="e-1"), NOW)
    assert (one["resource.type"], one["resource.id"]) == ("event", "e-1")


async def test_reads_are_stored_each_once_also_when_the_store_was_busy() -> None:
    store, noted = Store(), journal(CollectorRegistry())
    store.problem = "busy"
    for number in range(1000):
        noted.note(READ._replace(results=number))
    stop = Stop()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(noted.run(stop, store.tell))
        await asyncio.sleep(0.05)
        assert store.taken == {}
        store.problem = None
        stop.asked.set()
    stored = [event["measures"]["items"] for events in store.taken.values() for event in events]
    assert stored == list(range(1000))
    assert len(store.taken) == 2


async def test_what_waits_too_long_is_dropped_and_counted() -> None:
    registry = CollectorRegistry()
    store, noted = Store(), journal(registry, waiting_max=3)
    for _ in range(5):
        noted.note(READ)
    await run_until(noted, store, lambda: bool(store.taken))
    assert sum(map(len, store.taken.values())) == 3
    assert registry.get_sample_value("watchbook_reads_dropped_total") == 2
    assert registry.get_sample_value("watchbook_reads_noted_total") == 3
