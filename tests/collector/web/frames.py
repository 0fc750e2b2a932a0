"""Reads server-sent events from a response, as the HTML standard parses them (section 9.2.6)."""

from typing import NamedTuple

from aiohttp import ClientResponse


class Message(NamedTuple):
    """What a browser would hand to its page."""

    kind: str
    data: str
    last_id: str


class Frames:
    """The messages of a stream, one after the other; ``last_id`` and ``comments`` as far as it was read."""

    def __init__(self, response: ClientResponse) -> None:
        self._response = response
        self.last_id = ""
        self.comments = 0

    async def next(self) -> Message:
        """Return the next message."""
        while True:
            message = await self.frame()
            if message is not None:
                return message

    async def frame(self) -> Message | None:
        """Return the message of the next frame, None when it has none; raises EOFError at the end."""
        kind, data = "message", list[str]()
        async for raw in self._response.content:
            line = raw.decode().removesuffix("\n")
            if not line:
                return Message(kind, "\n".join(data), self.last_id) if data else None
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                self.last_id = value
            elif line.startswith(":"):
                self.comments += 1
        raise EOFError
