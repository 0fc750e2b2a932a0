"""A hook: takes the requests of one input, whoever serves them.

A sender is answered only when its lines are in the spool, on disk.  What it sends again, because the answer got lost,
is known by its id: the ids are stored in the transaction of the lines.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from agent.listen.hook_bodies import lines_of, with_headers
from agent.listen.hook_refusal import RefusedError
from agent.listen.hook_settings import HookSettings, HooksSettings
from agent.listen.inlet import Arrival, Inlet, InletClosedError
from agent.listen.recent_ids import RecentIds, digest_of
from agent.listen.secret_files import SecretError, Secrets, plain_key, standard_key
from agent.listen.signatures import check_body, check_head
from agent.records import Chunk
from watchbook.clock import Clock, format_rfc3339, now_us
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("hooks")


class Taken(NamedTuple):
    """What became of a request: how many events it had, and whether they had been stored before."""

    events: int
    repeat: bool


class Hook:
    """The listener of one input; :class:`agent.listen.hook_server.HookServer` brings it its requests."""

    def __init__(
        self, name: str, settings: HookSettings, inlet: Inlet, mark: bytes | None, clock: Clock = now_us
    ) -> None:
        self.name = name
        self._settings = settings
        self._inlet = inlet
        self._clock = clock
        self._secrets = make_secrets(settings)
        self._failure = RepeatedFailure(log.error, "hook_secret", clock)
        self._recent = RecentIds(mark, settings.repeats_max)
        self._under_way: dict[bytes, asyncio.Future[None]] = {}
        self._stopping = asyncio.Event()
        self._state: dict[str, Any] = {}

    @property
    def state(self) -> Mapping[str, Any]:
        """See :class:`agent.listen.listener.Listener`: ``last_event`` (RFC 3339), ``last_refusal``."""
        return self._state

    async def run(self) -> None:
        """Wait for the stop: the server brings the requests."""
        await self._stopping.wait()

    def stop(self) -> None:
        """Refuse new requests."""
        self._stopping.set()

    async def admit(self, headers: Mapping[str, str]) -> None:
        """Check what can be checked before the body is read; raises RefusedError."""
        if self._stopping.is_set():
            raise RefusedError(503, "stopping", "the agent is stopping; send it again")
        check_head(self._settings, headers, await self._keys(), self._clock())

    async def take(self, headers: Mapping[str, str], content_type: str, body: bytes, limits: HooksSettings) -> Taken:
        """Take a request's events and return when they are on disk; raises RefusedError."""
        check_body(self._settings, headers, await self._keys(), body)
        lines = lines_of(content_type, body, limits.events_max)
        kept = {name: headers[name] for name in self._settings.keep_headers if name in headers}
        if kept:
            lines = [with_headers(line, kept) for line in lines]
        message_id = headers.get(self._settings.message_header)
        digest = digest_of(message_id) if message_id else None
        try:
            return await self._deliver(lines, digest, limits.answer_timeout)
        except InletClosedError as error:
            raise RefusedError(503, "stopping", "the agent stopped before the events were stored") from error

    def refused(self, refusal: RefusedError) -> None:
        """Count a request that was not taken."""
        self._inlet.counters[self.name, refusal.counter] += 1
        self._state["last_refusal"] = f"{refusal.status} {refusal.detail}"

    async def _deliver(self, lines: list[bytes], digest: bytes | None, timeout_s: float) -> Taken:
        """Deliver lines once.  Up to the delivery nothing is awaited, so marks are stored in the order they grow in."""
        if digest is not None and (digest in self._under_way or digest in self._recent):
            if digest in self._under_way:  # the same came a moment ago and is not on disk yet
                await self._until_stored(self._under_way[digest], timeout_s)
            self._inlet.counters[self.name, "repeats"] += 1
            return Taken(len(lines), repeat=True)
        arrival = Arrival(Chunk(self.name, "", lines, [None] * len(lines)))
        if not self._inlet.has_room_for(arrival):
            raise RefusedError(503, "busy", "there is no room for more events at the moment; send it again")
        stored = arrival.stored = asyncio.get_running_loop().create_future()
        stored.add_done_callback(lambda _: self._settled(stored, digest))
        if digest is not None:
            self._recent.add(digest)
            self._under_way[digest] = stored
            arrival.mark = self._recent.mark()
        await self._inlet.put(arrival)
        await self._until_stored(stored, None if digest is None else timeout_s)
        return Taken(len(lines), repeat=False)

    def _settled(self, stored: asyncio.Future[None], digest: bytes | None) -> None:
        """Note what became of lines, whether or not somebody still waits for that."""
        if digest is not None:
            self._under_way.pop(digest, None)
        if not stored.cancelled() and stored.exception() is None:
            self._inlet.counters[self.name, "requests"] += 1
            self._state["last_event"] = format_rfc3339(self._clock())

    async def _until_stored(self, stored: asyncio.Future[None], timeout_s: float | None) -> None:
        """Wait until lines are on disk; without a limit for a message that would not be known when it came again."""
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(stored)
        except TimeoutError as error:
            detail = "the events are not on disk yet; send the message again, it is known by its id"
            raise RefusedError(503, "slow", detail) from error

    async def _keys(self) -> tuple[bytes, ...]:
        if self._settings.auth == "none":
            return ()
        try:
            keys = await asyncio.to_thread(self._secrets.current)
        except SecretError as error:
            self._state["error"] = str(error)
            self._failure.failed(str(error), input=self.name)
            detail = "the agent cannot read the secret of this hook; its log says why"
            raise RefusedError(503, "secret", detail) from error
        self._state.pop("error", None)
        self._failure.succeeded(input=self.name)
        return keys


def make_secrets(settings: HookSettings) -> Secrets:
    """Return the secrets of a hook."""
    key_of = standard_key if settings.auth == "standard" else plain_key
    return Secrets(settings.secrets, settings.secret_file, key_of)
