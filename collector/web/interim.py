"""Until the query processes are there: puts questions to a searcher of this process."""

from collections.abc import Mapping
from typing import Any

import msgspec

from collector.problem import ApiProblem


class SearcherAnswers:
    """Answers ``search``, ``arrived`` and ``event``."""

    def __init__(self, searcher: Any) -> None:
        self._searcher = searcher

    async def ask(self, question: str, parameters: Mapping[str, object]) -> bytes:
        """Return the answer as JSON."""
        asked: dict[str, Any] = dict(parameters)
        asked.pop("exclude", None)
        asked.pop("total", None)
        if question == "event":
            return msgspec.json.encode(await self._searcher.event(asked["id"]))
        if question == "arrived":
            return msgspec.json.encode(await self._searcher.arrived(**asked))
        if question == "search":
            times = {"time_from": asked.pop("from"), "time_to": asked.pop("to")}
            return msgspec.json.encode(await self._searcher.search(**asked, **times))
        raise ApiProblem(501, "not-yet", f"{question!r} is not answered yet")
