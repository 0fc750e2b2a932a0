"""The way of an event without processes: lines, profile, batch, wire, store, and the API that is asked.

:func:`batches_of` goes the agent's way with its own parts, :class:`World` asks the whole HTTP face over a real store.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import requests

from agent.batch import BatchSettings, Builder, Origin
from agent.records import Chunk
from collector.detect import load_rules
from collector.detect.view import BatchView
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, flat
from tests.collector.web.served import Served
from watchbook.shipped import shipped_folder
from watchbook.wire import columns_of, compress, decode_batch, encode_batch

Event = dict[str, Any]
#: Everything that the lines hold is younger.
SINCE = "2026-01-01T00:00:00Z"
_BYTES_MAX = 1 << 30


def batches_of(lines: Sequence[tuple[str, str]], *, include: Sequence[str] = ()) -> list[list[Event]]:
    """Return the flat events that the agent sends of lines, each given with its profile, batch by batch."""
    builder = Builder(BatchSettings())
    for name in dict.fromkeys(name for name, _ in lines):
        known = DEFINITIONS[name].kinds
        profile = compiled(DEFINITIONS[name], include=tuple(kind for kind in include if kind in known))
        texts = [line.encode() for each, line in lines if each == name]
        chunk = Chunk(name, f"/var/log/{name}.log", texts, list(range(len(texts))))
        origin = Origin("host1", "agent1", name, name)
        builder.add(profile(texts, READ_US), profile.fields, profile.constants, chunk, origin, READ_US)
    batches = [decode_batch(compress(data), bytes_max=_BYTES_MAX) for _, data in builder.take()]
    return [[batch.event(index) for index in range(batch.n)] for batch in batches]


def event_of(profile: str, line: str, *, include: Sequence[str] = ()) -> Event:
    """Return the flat event that a profile makes of one line."""
    normalise = compiled(DEFINITIONS[profile], include=tuple(include))
    made = normalise([line.encode()], READ_US)
    assert not made.unparsed, made.unparsed
    (row,) = made.rows
    return flat(normalise, row)


def matched_by(rule: str, events: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return which events the detection of a shipped rule, given by its title, matches."""
    (found,) = (each for each in load_rules([shipped_folder("rules")]).rules if each.brief.title == rule)
    data = encode_batch(len(events), columns_of(events))
    return list(found.matchers[0](BatchView(decode_batch(data, bytes_max=_BYTES_MAX))))


class World:
    """A collector's face, and whoever asks it."""

    def __init__(self, served: Served) -> None:
        self._url = served.url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {served.token}"

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def get(self, path: str, /, **parameters: Any) -> Any:
        """Return the document of an answer; ``_`` in a name stands for a dot (``resource_type``)."""
        dotted = {"resource_type", "resource_id", "resource_name"}
        named = {key.replace("_", ".") if key in dotted else key: value for key, value in parameters.items()}
        answer = self._session.get(f"{self._url}{path}", params=named, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self, **parameters: Any) -> list[Event]:
        """Return the events of a query over all times, newest first."""
        found: list[Event] = self.get("/v1/events", **{"limit": 1000, "from": SINCE, **parameters})["events"]
        return found

    def event(self, **parameters: Any) -> Event:
        """Return the one event of a query."""
        (found,) = self.events(**parameters)
        return found

    def facet(self, field: str, **parameters: Any) -> dict[str, int]:
        """Return how many events have each value of a field."""
        asked = {"from": SINCE, "field": field, "size": 1000, **parameters}
        return {each["value"]: each["count"] for each in self.get("/v1/facets", **asked)["facets"][field]["values"]}

    def post(self, document: Any) -> requests.Response:
        """Return the answer to events that are posted."""
        return self._session.post(f"{self._url}/v1/events", json=document, timeout=60)
