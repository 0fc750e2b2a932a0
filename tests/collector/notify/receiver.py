"""A receiver of webhooks: a real server on the loopback that answers as a test tells it to and notes what came."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

Answer = web.Response | Callable[[], Awaitable[web.Response]]


class Received(NamedTuple):
    id: str
    body: dict[str, Any]


class Receiver:
    """``answers`` are given one after the other, then 204 for ever.  Every request must be signed rightly."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.url = ""
        self.answers = list(answers)
        self.attempts: list[str] = []
        self.taken: list[Received] = []
        self.wrong: list[Exception] = []
        self.now = self.most = 0
        self._changed = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        try:
            verified = Webhook(SECRET).verify(body, dict(request.headers))
        except Exception as error:
            self.wrong.append(error)
            raise
        self.attempts.append(request.headers["webhook-id"])
        answer: Answer = self.answers.pop(0) if self.answers else web.Response(status=204)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            response = answer if isinstance(answer, web.Response) else await answer()
        finally:
            self.now -= 1
        if 200 <= response.status < 300:
            self.taken.append(Received(request.headers["webhook-id"], verified))
        async with self._changed:
            self._changed.notify_all()
        return response

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until a condition holds after some request."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)


@asynccontextmanager
async def receiver(*answers: Answer) -> AsyncIterator[Receiver]:
    """Serve until the block ends."""
    receiving = Receiver(answers)
    app = web.Application()
    app.router.add_post("/hook", receiving.handle)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiving.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiving
    finally:
        await runner.cleanup()
    assert not receiving.wrong
