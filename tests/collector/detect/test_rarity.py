"""How rare a test is seen to be: the part of the events for which it holds."""

from typing import Any

import pytest

from collector.detect.expression import Atom, Equals
from collector.detect.rarity import Rarity
from collector.detect.view import BatchView
from tests.collector.detect.blocks import block, event
from watchbook import wire


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    ("field", "seldom", "often"),
    [
        ("action", {"action": "Delete"}, {"action": "read"}),
        ("changes.field", {"changes": [{"field": "Delete"}]}, {"changes": [{"field": "read"}, {"field": "name"}]}),
    ],
)
def test_the_share_is_that_of_the_events_however_the_column_came(
    field: str, seldom: dict[str, Any], often: dict[str, Any], *, plain: bool
) -> None:
    batch = block([event(**(seldom if number % 10 == 0 else often)) for number in range(200)]).batch
    if plain:
        batch = wire.Batch(batch.n, {name: batch.columns[name] for name in batch.columns})
    rarity = Rarity({field, "details.x", "measures.rows"})
    rarity.note(BatchView(batch))
    for text, share in (("delete", 0.1), ("read", 0.9), ("else", 0.0)):
        assert rarity.share(Atom(field, Equals(frozenset({text})))) == pytest.approx(share, abs=0.001)


def test_what_was_never_seen_is_rarer_than_anything() -> None:
    rarity = Rarity({"org", "outcome"})
    rarity.note(BatchView(block([event(outcome="failure"), event(outcome="success")] * 9).batch))
    missing, there = (rarity.share(Atom(name, Equals(frozenset({"failure"})))) for name in ("org", "outcome"))
    assert missing is not None
    assert there is not None
    assert missing < there
