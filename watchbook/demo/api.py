"""The demo's view of the collector: only what any client with a read token can ask."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import aiohttp

PAGE_EVENTS: Final = 1000
REQUEST_S: Final = 30.0

Event = Mapping[str, Any]


class Api:
    """Asks the collector at ``url``; entered while in use.  Every call raises aiohttp.ClientError or TimeoutError."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    async def __aenter__(self) -> "Api":
        self._session = aiohttp.ClientSession(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=REQUEST_S),
            raise_for_status=True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def stored(self) -> int:
        """Return how many events are stored: the number of the newest."""
        answer = await self._events({"after": "latest"})
        return int(answer["last_number"])

    async def pages(self) -> AsyncIterator[Sequence[Event]]:
        """Yield all events, newest first, a page at a time."""
        parameters = {"limit": str(PAGE_EVENTS)}
        while True:
            answer = await self._events(parameters)
            yield answer["events"]
            if not answer["next_cursor"]:
                return
            parameters["cursor"] = answer["next_cursor"]

    async def _events(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        async with self._session.get("/v1/events", params=parameters) as response:
            answer: dict[str, Any] = await response.json()
        return answer


async def is_ready(url: str) -> bool:
    """Return whether the collector at ``url`` says that it is ready."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_S)) as session,
            session.get(f"{url}/readyz") as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
