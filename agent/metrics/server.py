"""``GET /metrics`` and ``GET /healthz`` on a port of the agent's own.

aiohttp's server is imported when the port is asked for: it takes 1.4 MB of memory that nobody else pays.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from agent.metrics.settings import MetricsSettings, split_address
from agent.metrics.text import CONTENT_TYPE
from watchbook.clock import Clock
from watchbook.logs import RepeatedFailure, get_logger

if TYPE_CHECKING:
    from aiohttp import web

log = get_logger("metrics")
_KEEP_ALIVE_S: Final = 75.0


class MetricsServer:
    """Answers until cancelled.  ``error`` says why the port could not be opened, None when it is open or not asked for.

    ``exposition()`` returns the text for Prometheus, ``problems()`` what is wrong with the agent, in sentences.
    """

    def __init__(
        self,
        settings: MetricsSettings,
        exposition: Callable[[], Awaitable[str]],
        problems: Callable[[], Awaitable[Sequence[str]]],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._exposition = exposition
        self._problems = problems
        self._failure = RepeatedFailure(log.error, "metrics_listen", clock)
        self._one_at_a_time = asyncio.Lock()
        self.error: str | None = None

    async def run(self) -> None:
        """Answer, and open the port again and again when it cannot be had; return at once when none is asked for."""
        if self._settings.listen is None:
            return
        from aiohttp import web

        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._health)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=_KEEP_ALIVE_S)
        await runner.setup()
        try:
            await self._open(runner, self._settings.listen)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _open(self, runner: "web.AppRunner", listen: str) -> None:
        from aiohttp import web

        host, port = split_address(listen)
        while True:
            try:
                await web.TCPSite(runner, host, port, reuse_address=True).start()
            except OSError as error:
                self.error = f"{listen} cannot be used: {error.strerror or error}"
                self._failure.failed(self.error, next_step="end what uses it, or name another 'metrics.listen'")
                await asyncio.sleep(self._settings.retry_interval)
            else:
                self.error = None
                self._failure.succeeded()
                return

    async def _metrics(self, _request: "web.Request") -> "web.Response":
        from aiohttp import web

        async with self._one_at_a_time:
            text = await self._exposition()
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _health(self, _request: "web.Request") -> "web.Response":
        from aiohttp import web

        async with self._one_at_a_time:
            problems = list(await self._problems())
        body = json.dumps({"status": "failing" if problems else "ok", "problems": problems}, ensure_ascii=False)
        return web.json_response(text=body, status=503 if problems else 200)
