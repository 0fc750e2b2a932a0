"""Requests to the collectors: tokens, TLS and the proxy are the same for batches, for probes and for ``check``."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec

from agent.ship.failure import ClosedAtOnceError, describe, is_of_tls
from agent.ship.http import ConnectFailedError, Session, Way
from agent.ship.proxy import proxy_for, without_password
from agent.ship.settings import ShipSettings
from agent.ship.tls import expiry_problems, followed_context
from agent.ship.verdict import Kind, Verdict, is_ours, judge, moved
from watchbook import wire
from watchbook.certificates import expiry_of_peer, expiry_problem
from watchbook.clock import Clock
from watchbook.logs import get_logger

log = get_logger("ship")
_ANSWER_BYTES_MAX: Final = 1 << 20
#: How long a server is listened to that ended a connection without saying why.
_ALERT_WAIT_S: Final = 1.0
_NOT_OURS: Final = "the answer is not from a Watchbook collector; check 'collector.url'"


class Outgoing(Protocol):
    """A batch on its way out."""

    @property
    def stream(self) -> str:
        """The stream it is numbered in."""
        ...

    @property
    def sequence(self) -> int:
        """Its place in the stream."""
        ...

    @property
    def n(self) -> int:
        """How many events it holds."""
        ...

    @property
    def data(self) -> bytes:
        """Its bytes."""
        ...


class Probe(NamedTuple):
    """What a question without a batch found: ``usable``, and in words; ``date`` is the answer's ``Date`` header."""

    usable: bool
    text: str
    date: str | None = None


class TokenError(Exception):
    """There is no token to be had; the text says which file and why."""


class Connection:
    """The way to the collectors, which are named by their place in ``settings.addresses``."""

    def __init__(self, settings: ShipSettings, session: Session, clock: Clock) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self.addresses = settings.addresses
        self._tokens: list[str | None] = [None] * len(self.addresses)
        self._expires: dict[str, int] = {}
        self._expiring: list[str] = []
        self._tls = followed_context(settings.tls) if any(map(_is_https, self.addresses)) else None

    async def post(self, place: int, batch: Outgoing, elsewhere_from: int | None = None) -> tuple[Verdict, bool]:
        """Send a batch; return what came of it, and whether the collector says that it had it already."""
        headers = {
            "Content-Type": wire.CONTENT_TYPE,
            wire.STREAM_HEADER: batch.stream,
            wire.SEQUENCE_HEADER: str(batch.sequence),
        }
        if elsewhere_from is not None:
            headers[wire.ELSEWHERE_HEADER] = str(elsewhere_from)
        try:
            status, answered, body = await self._ask(place, "POST", "/v1/batches", headers, batch.data)
        except TokenError as error:
            return Verdict(Kind.REFUSED, str(error)), False
        except _NoAnswerError as error:
            return Verdict(Kind.RETRY, str(error)), False
        if status == 200 and not (isinstance(body, dict) and "sequence" in body):
            return Verdict(Kind.RETRY, _NOT_OURS), False
        return judge(status, answered, body, self._clock()), status == 200 and bool(body.get("duplicate"))

    async def tell(self, place: int, path: str, document: bytes, member: str) -> str | None:
        """Post a JSON document beside the batches, once; return why it failed.  A collector answers with ``member``."""
        headers = {"Content-Type": "application/json"}
        try:
            status, answered, body = await self._ask(place, "POST", path, headers, document)
        except (TokenError, _NoAnswerError) as error:
            return str(error)
        if status == 200 and not (isinstance(body, dict) and member in body):
            return _NOT_OURS
        verdict = judge(status, answered, body, self._clock())
        if verdict.kind is Kind.REFUSED:
            self.forget_token(place)
        return None if verdict.kind is Kind.ACCEPTED else verdict.reason

    async def probe(self, place: int) -> Probe:
        """Ask with a batch request without a batch: a collector that takes the token answers 400, another 401."""
        try:
            status, answered, body = await self._ask(place, "POST", "/v1/batches", {}, b"")
        except (TokenError, _NoAnswerError) as error:
            return Probe(False, str(error))
        return _judge_probe(status, answered, body)._replace(date=answered.get("Date"))

    async def is_ready(self, place: int) -> Probe:
        """Ask whether a collector would take batches now; one whose /readyz cannot be reached is believed."""
        probe = await self.probe(place)
        if not probe.usable:
            return probe
        try:
            status, _, body = await self._ask(place, "GET", "/readyz", {}, None)
        except (TokenError, _NoAnswerError) as error:
            return Probe(False, str(error))
        return Probe(False, f"not ready: {body.get('detail')}") if status == 503 and is_ours(body) else probe

    def forget_token(self, place: int) -> None:
        """Read the token again before it is used: it may have been mended in its file."""
        self._tokens[place] = None

    async def follow_files(self) -> None:
        """Look whether the files of certificates and keys have changed, and what of them expires."""
        if self._tls is None:
            return
        before = self._tls.error
        if await asyncio.to_thread(self._tls.follow):
            log.info("tls_files_loaded")
        elif self._tls.error is not None and self._tls.error != before:
            log.error("tls_files_unusable", error=self._tls.error, next_step="mend them; they are looked at again")
        self._expiring = await asyncio.to_thread(lambda: list(expiry_problems(self._settings.tls, self._clock())))

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with TLS, though batches may still go out."""
        tls, settings = self._tls, self._settings.tls
        if tls is None:
            return
        if not settings.verify:
            yield "'collector.tls.verify' is false: anyone in between can read and take events"
        if tls.error is not None:
            kept = "; the files as they were before stay in use" if tls.context is not None else ""
            yield f"TLS: {tls.error}{kept}"
        yield from self._expiring
        for url, expires in self._expires.items():
            problem = expiry_problem(f"the certificate of {url}", expires, self._clock(), settings.expiry_warning)
            if problem is not None:
                yield problem

    async def _ask(
        self, place: int, method: str, path: str, headers: dict[str, str], data: bytes | None
    ) -> tuple[int, Any, Any]:
        """Return status, headers and the decoded JSON (None: it is none); raises TokenError and _NoAnswerError."""
        url = self.addresses[place]
        token = self._tokens[place]
        if token is None:
            token = self._tokens[place] = await asyncio.to_thread(self._read_token, place)
        proxy = await asyncio.to_thread(proxy_for, self._settings.proxy, url) if self._settings.proxy else None
        try:
            settings = self._settings
            way = Way(
                proxy,
                await self._context(url),
                settings.tls.server_name,
                settings.connect_timeout,
                settings.answer_timeout,
            )
            headers = {**headers, "Authorization": f"Bearer {token}"}
            answer = await self._session.request(method, url + path, headers, data, way, body_max=_ANSWER_BYTES_MAX)
            if answer.peer_not_after is not None:
                self._expires[url] = expiry_of_peer(answer.peer_not_after)
            return answer.status, answer.headers, _decoded(answer.body)
        except (TimeoutError, OSError) as error:
            cause = await self._cause(error, url) if _is_https(url) and proxy is None else error
            reason = describe(cause, self._settings, proxy)
            await self.follow_files()  # newer ones may help
            raise _NoAnswerError(without_password(proxy)(reason)) from error

    async def _context(self, url: str) -> ssl.SSLContext | None:
        if self._tls is None or not _is_https(url):
            return None
        if self._tls.context is None:
            await self.follow_files()
        if self._tls.context is None:
            raise _NoAnswerError(f"TLS: {self._tls.error}")
        return self._tls.context

    async def _cause(self, error: BaseException, url: str) -> BaseException:
        """Return why a connection ended.  A server that wants another certificate than it got ends it without a word,
        or with one that gets lost when it comes while a request is sent (TLS 1.3): so one is opened to listen."""
        if not isinstance(error, ConnectionError) or isinstance(error, ConnectFailedError) or is_of_tls(error):
            return error
        if self._tls is None or self._tls.context is None:
            return error
        parts = urlsplit(url)
        name = self._settings.tls.server_name or parts.hostname
        try:
            async with asyncio.timeout(_ALERT_WAIT_S):
                reader, writer = await asyncio.open_connection(
                    parts.hostname, parts.port or 443, ssl=self._tls.context, server_hostname=name
                )
                with contextlib.closing(writer):
                    return error if await reader.read(1) else ClosedAtOnceError()
        except ssl.SSLError as alert:
            return alert
        except ConnectionResetError:
            return ClosedAtOnceError()
        except (OSError, TimeoutError):
            return error

    def _read_token(self, place: int) -> str:
        settings = self._settings
        path = settings.token_files[place] if settings.token_files else settings.token_file
        return settings.token or "" if path is None else _token_in(path)


def _judge_probe(status: int, answered: Any, body: Any) -> Probe:
    if status in (401, 403):
        return Probe(False, f"refuses the token ({status}); it needs the scope 'ingest'")
    if status in (400, 415) and is_ours(body):
        return Probe(True, "answers and takes the token")
    if 300 <= status < 400:
        return Probe(False, f"answers {moved(status, answered)}")
    if is_ours(body):
        return Probe(False, f"answers {status}: {body.get('detail') or body.get('title')}")
    return Probe(False, f"answers {status}; is it a Watchbook collector?")


class _NoAnswerError(Exception):
    """There was no answer; the text says why."""


def _is_https(url: str) -> bool:
    return url.startswith("https://")


def _decoded(body: bytes) -> Any:
    with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.json.decode(body)
    return None


def _token_in(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise TokenError(f"the token file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TokenError(f"the token file {path} is no text: {error.reason}") from error
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenError(f"the token file {path} holds no token: expected one word on one line")
    return token
