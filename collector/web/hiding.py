"""``exclude=hidden``: what the catalogues call hidden is left out of an answer, by the names that they list."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from collector.web.vocabulary import HIDDEN

Ask = Callable[[str, Mapping[str, object]], Awaitable[bytes]]


class Hiding:
    """Asks as ``ask`` does, and tells what is hidden when a question leaves that out (collector.query.asked)."""

    def __init__(self, ask: Ask, event_types: Sequence[str]) -> None:
        self._ask = ask
        self._event_types = list(event_types)

    async def ask(self, question: str, parameters: Mapping[str, object]) -> bytes:
        """Return the answer to a question."""
        excluded = parameters.get("exclude")
        if isinstance(excluded, list) and HIDDEN in excluded:
            parameters = {**parameters, "hidden_types": self._event_types}
        return await self._ask(question, parameters)
