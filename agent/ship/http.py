"""HTTP/1.1 as a client: one request at a time over connections that are kept open.  h11 knows the protocol.

Why not the client of aiohttp, whose server the agent uses where it is asked for one: docs/decisions/018-http-client.md.
"""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Self
from urllib.parse import SplitResult, unquote, urlsplit

import h11

_READ_BYTES: Final = 1 << 16
_PORTS: Final = {"http": 80, "https": 443}
_HAPPY_EYEBALLS_S: Final = 0.25


class ConnectFailedError(OSError):
    """No connection to a host could be made."""


class ConnectTimeoutError(TimeoutError):
    """No connection to a host could be made in time."""


class ProxyUnreachableError(OSError):
    """No connection to the proxy could be made."""


class ProxyRefusedError(OSError):
    """The proxy makes no connection; ``status`` and ``message`` are its answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message


class DisconnectedError(ConnectionError):
    """The connection ended before the answer did."""


class NoHttpError(OSError):
    """What answers does not speak HTTP."""


class Headers(Mapping[str, str]):
    """The headers of an answer, whatever the case of their names."""

    def __init__(self, raw: Any) -> None:
        self._values: dict[str, str] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Answer(NamedTuple):
    """``peer_not_after``: until when the certificate of the server is valid, as OpenSSL writes it; None without TLS."""

    status: int
    headers: Headers
    body: bytes
    peer_not_after: str | None


class Way(NamedTuple):
    """How a request goes: through which proxy, with which TLS, and how long may pass (seconds)."""

    proxy: str | None
    tls: ssl.SSLContext | None
    server_name: str | None
    connect_timeout: float
    answer_timeout: float


class _Stream:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT)

    def close(self) -> None:
        self.writer.transport.abort()

    @property
    def is_usable(self) -> bool:
        """Whether another request can be sent."""
        if self.reader.at_eof() or self.writer.is_closing():
            return False
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        return self.http.our_state is h11.IDLE

    async def send(self, *events: Any) -> None:
        for event in events:
            self.writer.write(self.http.send(event) or b"")
        await self.writer.drain()

    async def next_event(self, timeout_s: float) -> Any:
        """Return what comes next; raises NoHttpError, DisconnectedError, TimeoutError and OSError."""
        while True:
            try:
                event = self.http.next_event()
            except h11.RemoteProtocolError as error:
                if self.reader.at_eof():
                    raise DisconnectedError("the connection was ended before the answer") from error
                raise NoHttpError(f"the answer is no HTTP: {error}") from error
            if event is not h11.NEED_DATA:
                return event
            async with asyncio.timeout(timeout_s):
                self.http.receive_data(await self.reader.read(_READ_BYTES))


class Session:
    """Keeps connections open between requests.  To be closed by whoever made it."""

    def __init__(self) -> None:
        self._idle: dict[tuple[Any, ...], _Stream] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        while self._idle:
            self._idle.popitem()[1].close()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | None, way: Way, *, body_max: int
    ) -> Answer:
        """Return the answer to a request, with up to ``body_max`` bytes of its body.  Raises OSError and TimeoutError.

        A kept connection that turns out to be closed is replaced: the request may come twice then, as after any answer
        that was lost.
        """
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc, way.proxy, way.server_name, id(way.tls))
        kept = self._idle.pop(key, None)
        if kept is not None and kept.is_usable:
            try:
                return await self._exchange(kept, key, method, parts, headers, data, way, body_max)
            except ConnectionError:  # it had been closed meanwhile
                kept.close()
        elif kept is not None:
            kept.close()
        stream = await _connect(parts, way)
        return await self._exchange(stream, key, method, parts, headers, data, way, body_max)

    async def _exchange(
        self,
        stream: _Stream,
        key: tuple[Any, ...],
        method: str,
        parts: SplitResult,
        headers: Mapping[str, str],
        data: bytes | None,
        way: Way,
        body_max: int,
    ) -> Answer:
        try:
            answer, is_whole = await _ask(stream, method, parts, headers, data, way, body_max)
        except BaseException:
            stream.close()
            raise
        if is_whole and stream.is_usable and key not in self._idle:
            self._idle[key] = stream
        else:
            stream.close()
        return answer


async def _ask(
    stream: _Stream,
    method: str,
    parts: SplitResult,
    headers: Mapping[str, str],
    data: bytes | None,
    way: Way,
    body_max: int,
) -> tuple[Answer, bool]:
    """Return the answer, and whether it was read to its end."""
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    sent = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "watchbook", "Accept": "application/json", **headers}
    if data is not None:
        sent["Content-Length"] = str(len(data))
    if way.proxy is not None and parts.scheme == "http":
        target = f"http://{sent['Host']}{target}"
        sent.update(_proxy_authorization(way.proxy))
    request = h11.Request(method=method, target=target, headers=list(sent.items()))
    body = [] if not data else [h11.Data(data=data)]
    failed: ConnectionError | None = None
    try:
        async with asyncio.timeout(way.answer_timeout):
            await stream.send(request, *body, h11.EndOfMessage())
    except ConnectionError as error:  # it may have answered before it had heard all
        failed = error
    try:
        return await _read_answer(stream, way, body_max)
    except DisconnectedError:
        raise failed or DisconnectedError("the connection was ended before the answer") from None


async def _read_answer(stream: _Stream, way: Way, body_max: int) -> tuple[Answer, bool]:
    response = await stream.next_event(way.answer_timeout)
    while isinstance(response, h11.InformationalResponse):
        response = await stream.next_event(way.answer_timeout)
    if not isinstance(response, h11.Response):
        raise DisconnectedError("the connection was ended before the answer")
    body = bytearray()
    while isinstance(event := await stream.next_event(way.answer_timeout), h11.Data):
        body += event.data
        if len(body) > body_max:
            break
    certificate = stream.writer.get_extra_info("peercert") or {}
    answer = Answer(
        response.status_code, Headers(response.headers.raw_items()), bytes(body[:body_max]), certificate.get("notAfter")
    )
    return answer, isinstance(event, h11.EndOfMessage)


async def _connect(parts: SplitResult, way: Way) -> _Stream:
    """Return a new connection; raises OSError (among it ssl.SSLError) and ConnectTimeoutError."""
    is_tls = parts.scheme == "https"
    name = way.server_name or parts.hostname
    try:
        async with asyncio.timeout(way.connect_timeout):
            if way.proxy is None:
                return await _open(parts, way.tls if is_tls else None, name, ConnectFailedError)
            stream = await _open(urlsplit(way.proxy), None, None, ProxyUnreachableError)
            try:
                return await _tunnel(stream, parts, way, name) if is_tls else stream
            except BaseException:
                stream.close()
                raise
    except TimeoutError as error:
        raise ConnectTimeoutError(f"{parts.hostname}:{_port(parts)}") from error


async def _open(parts: SplitResult, tls: ssl.SSLContext | None, name: str | None, failure: type[OSError]) -> _Stream:
    host, port = parts.hostname or "", _port(parts)
    try:
        reader, writer = await asyncio.open_connection(
            host, port, ssl=tls, server_hostname=name if tls else None, happy_eyeballs_delay=_HAPPY_EYEBALLS_S
        )
    except (ssl.SSLError, TimeoutError):
        raise
    except ConnectionResetError:
        raise  # while TLS was being agreed on
    except OSError as error:
        raise failure(f"{host}:{port}: {error.strerror or error}") from error
    return _Stream(reader, writer)


async def _tunnel(stream: _Stream, parts: SplitResult, way: Way, name: str | None) -> _Stream:
    """Ask the proxy for a connection to the host, and agree on TLS with that."""
    target = f"{parts.hostname if ':' not in (parts.hostname or '') else f'[{parts.hostname}]'}:{_port(parts)}"
    headers = {"Host": target, "User-Agent": "watchbook", **_proxy_authorization(way.proxy or "")}
    await stream.send(h11.Request(method="CONNECT", target=target, headers=list(headers.items())), h11.EndOfMessage())
    response = await stream.next_event(way.connect_timeout)
    if not isinstance(response, h11.Response):
        raise ProxyUnreachableError("it ended the connection")
    if not 200 <= response.status_code < 300:
        raise ProxyRefusedError(response.status_code, response.reason.decode("latin-1"))
    assert way.tls is not None
    await stream.writer.start_tls(way.tls, server_hostname=name)
    return _Stream(stream.reader, stream.writer)


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _proxy_authorization(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    with contextlib.suppress(UnicodeEncodeError):
        given = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        return {"Proxy-Authorization": f"Basic {base64.b64encode(given).decode()}"}
    return {}
