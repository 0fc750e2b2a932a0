"""One collector and one agent for every test of the documentation."""

from collections.abc import Iterator

import pytest

from tests.docs.traffic import used_stand
from tests.stand import Stand


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Both programs running, with some traffic behind them."""
    made = used_stand(tmp_path_factory.mktemp("docs") / "stand")
    yield made
    made.close()
