"""Serves all hooks at ``POST /hooks/NAME``.  Imported only when there is one: it brings aiohttp's server."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from agent.listen.hook import Hook
from agent.listen.hook_refusal import RefusedError
from agent.listen.hook_settings import HooksSettings, TlsSettings
from watchbook.clock import Clock, now_us
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("hooks")
_PATH: Final = "/hooks/"
_RETRY_S: Final = 2.0
_CERTIFICATE_LOOK_S: Final = 60.0
_LINGER_S: Final = 2.0
#: How long requests under way have to end after the stop.
_SHUTDOWN_S: Final = 1.0
_UTF8: Final = ("utf-8", "utf8", "us-ascii", None)
_HEADERS: Final = {"Server": "watchbook", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class HookServer:
    """One listener for every hook.  It is bound when it can be, and tried again for ever."""

    def __init__(self, settings: HooksSettings, hooks: Sequence[Hook], clock: Clock = now_us) -> None:
        self._settings = settings
        self._hooks = {hook.name: hook for hook in hooks}
        self._failure = RepeatedFailure(log.error, "hooks_listen", clock)
        self._stopping = asyncio.Event()
        self._server: web.Server | None = None
        self._state: dict[str, Any] = {"listen": settings.listen, "refused": 0, "connections_refused": 0}

    @property
    def state(self) -> Mapping[str, Any]:
        """See :class:`agent.listen.listener.Listener`; ``refused``: requests that no hook counts, ``connections``."""
        connections = 0 if self._server is None else len(self._server.connections)
        return {**self._state, "connections": connections}

    async def run(self) -> None:
        """Serve until the stop; requests under way get their answer first."""
        while not self._stopping.is_set():
            try:
                await self._serve()
            except OSError as error:  # an SSLError is one
                reason = f"{self._settings.listen} cannot be listened on: {error.strerror or error}"
                self._state["error"] = reason
                self._failure.failed(reason, next_step="free the port, or change 'hooks.listen'")
                await self._wait(_RETRY_S)

    def stop(self) -> None:
        """Accept nothing new."""
        self._stopping.set()
        for hook in self._hooks.values():
            hook.stop()

    async def _serve(self) -> None:
        settings = self._settings
        app = web.Application(client_max_size=settings.body_bytes_max)
        app.router.add_route("*", "/{path:.*}", self._answer)
        app.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            max_line_size=settings.head_bytes_max,
            max_field_size=settings.head_bytes_max,
            max_headers=settings.headers_max,
            keepalive_timeout=settings.keepalive_timeout,
            lingering_time=_LINGER_S,
            shutdown_timeout=_SHUTDOWN_S,
        )
        await runner.setup()
        self._server = runner.server
        try:
            await self._listen()
        finally:
            await runner.cleanup()
            self._server = None

    async def _listen(self) -> None:
        host, _, port = self._settings.listen.rpartition(":")
        tls = self._settings.tls
        context = None if tls is None else await asyncio.to_thread(_context, tls)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(self._protocol, host.strip("[]"), int(port), ssl=context, backlog=128)
        self._state.pop("error", None)
        self._failure.succeeded()
        try:
            while not await self._wait(_CERTIFICATE_LOOK_S):
                if tls is not None and context is not None:
                    await self._renew(context, tls)
        finally:
            listening.close()

    async def _renew(self, context: ssl.SSLContext, tls: TlsSettings) -> None:
        """Read the certificate again: new connections get it."""
        try:
            await asyncio.to_thread(context.load_cert_chain, tls.cert_file, tls.key_file)
        except OSError as error:
            log.warning("certificate_unreadable", file=str(tls.cert_file), error=str(error))

    def _protocol(self) -> asyncio.Protocol:
        assert self._server is not None
        if len(self._server.connections) < self._settings.connections_max:
            return self._server()
        self._state["connections_refused"] += 1
        return _Closing()

    async def _answer(self, request: web.Request) -> web.Response:
        hook = None
        try:
            hook = self._hook(request)
            return await self._take(request, hook)
        except RefusedError as refusal:
            if hook is None:
                self._state["refused"] += 1
            else:
                hook.refused(refusal)
            if refusal.status == 503:
                refusal.headers["Retry-After"] = str(max(1, round(self._settings.retry_after)))
            return _response(refusal.status, refusal.document(), "application/problem+json", refusal.headers)

    def _hook(self, request: web.Request) -> Hook:
        path = request.path
        hook = self._hooks.get(path.removeprefix(_PATH)) if path.startswith(_PATH) else None
        if hook is None:
            detail = f"there is no hook at {path[:200]!r}; the path is /hooks/ and the name of an input with 'hook'"
            raise RefusedError(404, "not-found", detail)
        return hook

    async def _take(self, request: web.Request, hook: Hook) -> web.Response:
        if request.method != "POST":
            detail = f"{request.method[:20]} is not possible here; send events with POST"
            raise RefusedError(405, "method", detail, {"Allow": "POST"})
        await hook.admit(request.headers)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise RefusedError(415, "content-encoding", "the body is compressed; send it as it is")
        if (request.charset or "utf-8").lower() not in _UTF8:
            raise RefusedError(415, "media-type", "expected a body in UTF-8")
        body = await self._body(request)
        taken = await hook.take(request.headers, request.content_type, body, self._settings)
        return _response(200, {"events": taken.events, "repeat": taken.repeat}, "application/json", {})

    async def _body(self, request: web.Request) -> bytes:
        limit = self._settings.body_bytes_max
        try:
            async with asyncio.timeout(self._settings.read_timeout):
                return await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise RefusedError(413, "body-too-large", f"the body is over {limit} bytes; send less at once") from error
        except TimeoutError as error:
            detail = f"the body did not come within {self._settings.read_timeout:g} s"
            raise RefusedError(408, "timeout", detail, {"Connection": "close"}) from error

    async def _wait(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


class _Closing(asyncio.Protocol):
    """Closes a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _context(tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def _response(status: int, document: Mapping[str, Any], content_type: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(document), headers={**headers, "Content-Type": content_type}
    )
