"""The description is true: schemathesis makes requests of it, valid ones and others, and holds the answers against it.

``/v1/tail`` is left out: its answers have no end.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from collector.web import openapi_document
from tests.collector.query.memory_source import an_event
from tests.collector.web.served import Served, served
from watchbook import wire
from watchbook.clock import now_us

EXAMPLES = 5
DOCUMENT = openapi_document()
CONFIG = {
    "seed": 7,
    # If-Match is looked at before the body is.
    "checks": {"negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "412", "422", "428"]}},
}
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=schemathesis.Config.from_dict(CONFIG))


@schemathesis.serializer(wire.CONTENT_TYPE)
def serialize_batch(_: Any, value: Any) -> Any:
    """Send a batch as the bytes it is."""
    return value


schemathesis.openapi.media_type(wire.CONTENT_TYPE, st.binary(max_size=100))


def operations() -> list[tuple[str, str, GenerationMode]]:
    """Return every operation, and again to be asked wrongly where there is something to ask."""
    found: list[tuple[str, str, GenerationMode]] = []
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            asked = [
                one for one in operation.get("parameters", ()) if one["in"] == "query"
            ] or "requestBody" in operation
            modes = list(GenerationMode) if asked else [GenerationMode.POSITIVE]
            found += [(method, path, mode) for mode in modes if path != "/v1/tail"]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    now = now_us()
    batches = [
        [an_event(now - n, actor_id=f"u{n % 5}", outcome="success", details={"n": n}) for n in range(50)]
        for _ in range(3)
    ]
    with served(tmp_path_factory.mktemp("served"), batches) as server:
        yield server


@pytest.mark.parametrize(("method", "path", "mode"), operations())
def test_the_server_answers_as_the_document_says(server: Served, method: str, path: str, mode: GenerationMode) -> None:
    # A schema does not say what a query, a cursor or a range must look like; and in a query string one value is a list
    # of one, and a number a text.
    unsaid = (
        [positive_data_acceptance] if method in ("post", "put") else [positive_data_acceptance, negative_data_rejection]
    )

    @given(case=SCHEMA[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def drive(case: Any) -> None:
        case.call_and_validate(
            base_url=server.url,
            session=session,
            headers={"Authorization": f"Bearer {server.token}"},
            excluded_checks=unsaid,
        )

    with requests.Session() as session:
        drive()


def test_the_examples_are_answered_and_not_only_refused(server: Served) -> None:
    """The server that is driven holds events and gives them."""
    headers = {"Authorization": f"Bearer {server.token}"}
    page = requests.get(f"{server.url}/v1/events?limit=1000&total=true", headers=headers, timeout=30).json()
    assert len(page["events"]) >= 150
