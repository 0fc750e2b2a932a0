"""Sends batches one after the other and does what the answers ask for.

One batch is in flight.  A batch leaves the backlog only when the collector has said 200, which means: on disk there.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import aiohttp
import msgspec

from agent.ship.settings import ShipSettings
from agent.ship.verdict import Kind, Verdict, judge, retry_wait
from watchbook import wire
from watchbook.clock import Clock
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("ship")
_ANSWER_BYTES_MAX = 1 << 20


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


class Journal(NamedTuple):
    """What the shipper needs of the spool.

    ``next()`` waits for the next unsent batch; ``acknowledge(batch)`` notes that it is on disk at the collector;
    ``reject(sequence, indexes, reason)`` sets events aside; ``renew(reason)`` begins a new stream.
    """

    next: Callable[[], Awaitable[Outgoing]]
    acknowledge: Callable[[Any], None]
    reject: Callable[[int, tuple[int, ...] | None, str], Awaitable[None]]
    renew: Callable[[str], Awaitable[None]]


@dataclass
class ShipState:
    """How shipping goes, for people: ``state`` is starting, sending, idle, retrying or paused."""

    state: str = "starting"
    last_error: str | None = None
    last_success: int | None = None
    batches: int = 0
    events: int = 0
    repeats: int = 0
    retries: int = 0
    rejected: int = 0
    renewals: int = 0


class Shipper:
    """Works the backlog off.  ``state`` is kept up to date."""

    def __init__(
        self, settings: ShipSettings, session: aiohttp.ClientSession, journal: Journal, *, clock: Clock
    ) -> None:
        self._settings = settings
        self._session = session
        self._journal = journal
        self._clock = clock
        self._url = settings.url.rstrip("/") + "/v1/batches"
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=settings.connect_timeout, sock_read=settings.answer_timeout
        )
        self._failure = RepeatedFailure(log.warning, "ship", clock)
        self._token: str | None = None
        self.state = ShipState()

    async def tell(self, path: str, document: bytes) -> str | None:
        """Post a JSON document beside the batches, once, with the same session and token; return why it failed."""
        url = self._settings.url.rstrip("/") + path
        headers = {"Content-Type": "application/json", **await self._authorisation()}
        try:
            async with self._session.post(
                url, data=document, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as answer:
                verdict = self._judge(answer, await answer.content.read(_ANSWER_BYTES_MAX), "enrolled")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if verdict.kind is Kind.REFUSED:
            self._token = None  # it may have been mended in its file meanwhile
        return None if verdict.kind is Kind.ACCEPTED else verdict.reason

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self.state.state = self.state.state if self.state.state in ("retrying", "paused") else "idle"
            await self._send(await self._journal.next())

    async def _send(self, batch: Outgoing) -> None:
        verdict = await self._post(batch)
        if verdict.kind is Kind.ACCEPTED:
            self._accepted(batch)
        elif verdict.kind is Kind.POISON:
            log.error("batch_rejected", sequence=batch.sequence, reason=verdict.reason, events=verdict.indexes)
            await self._journal.reject(batch.sequence, verdict.indexes, verdict.reason)
            self.state.rejected += len(verdict.indexes or ()) or batch.n
        elif verdict.kind in (Kind.GAP, Kind.CONFLICT):
            log.error("stream_renewed", sequence=batch.sequence, reason=verdict.reason)
            await self._journal.renew(verdict.reason)
            self.state.renewals += 1
        else:
            await self._wait(verdict)

    def _accepted(self, batch: Outgoing) -> None:
        self._failure.succeeded()
        state = self.state
        state.state, state.last_error, state.last_success = "sending", None, self._clock()
        state.batches += 1
        state.events += batch.n
        self._journal.acknowledge(batch)

    async def _wait(self, verdict: Verdict) -> None:
        refused = verdict.kind is Kind.REFUSED
        if refused:
            self._token = None  # it may have been mended in its file meanwhile
        wait = self._settings.refused_wait if refused else retry_wait(self._settings, self._failure.consecutive_errors)
        if verdict.wait_s is not None:
            wait = max(wait, min(verdict.wait_s, self._settings.retry_max))
        self.state.state = "paused" if refused else "retrying"
        self.state.last_error = verdict.reason
        self.state.retries += 1
        next_step = "give this agent a token of scope 'ingest' in 'collector.token_file'; nothing is dropped meanwhile"
        self._failure.failed(verdict.reason, backoff_s=round(wait, 2), **({"next_step": next_step} if refused else {}))
        await asyncio.sleep(wait)

    async def _post(self, batch: Outgoing) -> Verdict:
        headers = {
            "Content-Type": wire.CONTENT_TYPE,
            wire.STREAM_HEADER: batch.stream,
            wire.SEQUENCE_HEADER: str(batch.sequence),
            **await self._authorisation(),
        }
        try:
            async with self._session.post(
                self._url, data=batch.data, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as answer:
                body = await answer.content.read(_ANSWER_BYTES_MAX)
                return self._judge(answer, body, "sequence")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Verdict(Kind.RETRY, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)

    async def _authorisation(self) -> dict[str, str]:
        if self._token is None:
            self._token = await asyncio.to_thread(self._read_token)
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _judge(self, answer: aiohttp.ClientResponse, body: bytes, member: str) -> Verdict:
        """Return what an answer means; a 200 of a Watchbook collector has ``member``."""
        decoded = None
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
            decoded = msgspec.json.decode(body)
        if answer.status == 200:
            if not isinstance(decoded, dict) or member not in decoded:
                return Verdict(Kind.RETRY, "the answer is not from a Watchbook collector; check 'collector.url'")
            self.state.repeats += bool(decoded.get("duplicate"))
        return judge(answer.status, answer.headers, decoded)

    def _read_token(self) -> str | None:
        if self._settings.token_file is None:
            return self._settings.token
        try:
            token = self._settings.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            log.warning("token_unreadable", file=str(self._settings.token_file), error=str(error))
            return None
        if token.isascii() and token.isprintable() and " " not in token:
            return token
        log.warning("token_malformed", file=str(self._settings.token_file), expected="one word on one line")
        return None
