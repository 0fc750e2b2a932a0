"""One collector for all rows, filled with the activity of the five systems and what single rows need besides."""

from collections.abc import Iterator

import pytest

from tests.checklist.lines import LINES
from tests.checklist.world import World, batches_of
from tests.collector.web.served import served
from tests.seeds.activity import activity


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "row(*numbers): rows of the acceptance checklist that the test shows")


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The collector's face over the stored activity."""
    lines = [*((each.profile, each.line) for each in activity()), *LINES]
    with served(tmp_path_factory.mktemp("rows"), batches_of(lines, include=("pipeline-execution",))) as face:
        made = World(face)
        yield made
        made.close()
