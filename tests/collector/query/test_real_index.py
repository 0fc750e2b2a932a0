"""The engine over real index files: the same answers as a naive filter over all events."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.index import IndexReader, IndexSettings, build_sealed_index
from collector.query.counting import Counting
from collector.query.plan import Plan
from collector.query.ranges import TimeRange
from collector.query.reading import Question, Reader
from collector.query.settings import QuerySettings
from collector.view import IndexView
from tests.collector.query.memory_source import MemorySource
from tests.collector.query.reading import a_budget, a_page, a_shelf, ids
from tests.collector.query.strategies import PLANS, RANGES, World, worlds
from tests.collector.query.test_engine import counted, expected

FIELDS = {name: name for name in ("actor.id", "flags", "source.ip", "measures.rows", "changes.field", "message")}


class Files:
    """Real indexes of a store's segments."""

    def __init__(self, source: MemorySource, folder: Path, chunk_rows: int, chars_max: int) -> None:
        self._reader = IndexReader(1 << 20)
        self._folder = folder
        index = IndexSettings(chunk_rows=chunk_rows, text_chars_max=chars_max, measures_max=1)
        for segment in source.kept:
            path = folder / f"{segment.name}.ix"
            generation = segment.info.generation
            build_sealed_index(segment.decoded(), path, name=segment.name, generation=generation, settings=index)

    def view(self, name: str, generation: str, path: object) -> IndexView | None:
        found = self._reader.view(name, generation, self._folder / str(path))
        assert found is not None
        return found

    def close(self) -> None:
        self._reader.close()


@settings(max_examples=15)
@given(worlds(), st.lists(PLANS, min_size=8, max_size=8), RANGES, st.integers(1, 20), st.sampled_from([1, 8, 200]))
def test_real_indexes_give_the_answers_of_a_naive_filter(
    world: World, plans: list[Plan], time_range: TimeRange, chunk_rows: int, chars_max: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = Files(world.source, Path(folder), chunk_rows, chars_max)
        counting, shelf = Counting(QuerySettings()), a_shelf(world.source, files)
        for plan in plans:
            events = expected(world, plan, time_range)
            page = a_page(world.source, 1000, plan=plan, time_range=time_range, indexes=files)
            assert ids(page.events) == [event["id"] for event in events]
            reader = Reader(shelf, a_budget())
            found = counting.facets(reader, Question(plan, time_range), FIELDS, 100, None)
            assert found["total"] == {"value": len(events), "exact": True}
            for field, facet in found["facets"].items():
                assert {entry["value"]: entry["count"] for entry in facet["values"]} == counted(events, field)
        files.close()
