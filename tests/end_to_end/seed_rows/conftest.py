"""One collector for all rows, filled with the fixture log, old events archived, younger ones sealed, the rest open."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.seed_rows.desk import Desk
from tests.end_to_end.seed_rows.keeping import House, settled

_KEEPING_ALL = """\
store: {segment_events_max: 80, checkpoint_every: 200ms}
retention: {keep: forever, archive_after: 30d, every: 1s}
"""


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The collector, its log stored and nothing left to do."""
    made = Desk(tmp_path_factory.mktemp("rows") / "stand", _KEEPING_ALL)
    try:
        made.start()
        made.post(made.journal.events)
        made.wait_for("all three tiers", lambda: _is_settled(made))
        yield made
    finally:
        made.stand.close()


@pytest.fixture(scope="package")
def colleague(desk: Desk) -> str:
    """The token of somebody else who may read."""
    return desk.make_token("colleague", "read")


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Another collector, whose retention has removed and archived what was due."""
    made = House(tmp_path_factory.mktemp("keeping") / "stand")
    try:
        made.administer("hold", "set", "case-17", "--org", "held", "--reason", "the court asked")
        made.start()
        made.fill_all()
        made.wait_for("retention to settle", lambda: settled(made))
        yield made
    finally:
        made.stand.close()


def _is_settled(desk: Desk) -> bool:
    tiers = [segment["tier"] for segment in desk.segments()]
    return tiers.count("hot") == 1 and {"archived", "sealed"} < set(tiers)
