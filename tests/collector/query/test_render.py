"""Events as JSON, made one by one or column by column."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from collector.block import DecodedBlock
from collector.query.render import render
from tests.collector.query.memory_source import MemorySource
from tests.collector.query.strategies import EVENTS
from watchbook.event import event_id, nest


def named(block: DecodedBlock, index: int) -> bytes:
    """Return what the API shows of an event, made as simply as possible."""
    identity = block.identity(index)
    flat = {"id": event_id(*identity[:3]), **block.batch.event(index), "received": identity.received}
    return msgspec.json.encode(nest(flat))


@given(st.lists(EVENTS, min_size=1, max_size=12), st.integers(1, 12), st.booleans())
def test_one_by_one_and_column_by_column_give_the_same(
    events: list[dict[str, object]], many: int, sealed: bool
) -> None:
    source = MemorySource()
    source.append(events)
    if sealed:
        source.seal("day-1", 12)
    block = source.kept[0].decoded()[0]
    indexes = list(range(block.batch.n))
    apart = [render(block, [index])[0] for index in indexes]
    together = render(block, indexes * many)[: len(indexes)]
    assert apart == together
    assert list(map(msgspec.json.decode, apart)) == [msgspec.json.decode(named(block, index)) for index in indexes]
