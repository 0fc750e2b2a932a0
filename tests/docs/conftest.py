"""One collector and one agent for every test of the documentation."""

from collections.abc import Iterator

import pytest

from tests.docs.traffic import UsedStand, used_stand


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UsedStand]:
    """Both programs running, with some traffic behind them."""
    made = used_stand(tmp_path_factory.mktemp("docs") / "stand")
    yield made
    made.close()
