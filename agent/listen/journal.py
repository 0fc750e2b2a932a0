"""The systemd journal, through ``journalctl``.

The cursor of the last entry of each arrival is the mark of the input: it is stored in the transaction of the lines, so
that nothing is lost or doubled over a restart.  Traps of journalctl that this goes around:

- ``--after-cursor`` passes over an entry too many when the one of the cursor is gone or does not match the filters.
  ``--cursor`` begins with the entry itself: it is dropped here, and when it is another one it is known that there is
  a gap.
- ``--follow`` shows the present boot only (since systemd 251).  So everything up to now is read without it first.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from agent.listen.child import Child, Spec
from agent.listen.child_settings import JournalSettings
from agent.listen.inlet import Arrival, Inlet
from agent.listen.journal_entries import (
    Entry,
    Position,
    decode_position,
    encode_position,
    read_entry,
    same_entry,
)
from agent.listen.lines import Lines
from agent.records import Chunk
from watchbook.clock import Clock, now_us
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("journal")
PROGRAM: Final = "journalctl"
_RETRY_MIN_S: Final = 1.0
_RETRY_MAX_S: Final = 30.0
_STOP_S: Final = 2.0
_SHOWN: Final = 500
#: Fields that the profile, or a line of syslog, cannot be without.
_NEEDED: Final = ("MESSAGE", "SYSLOG_IDENTIFIER", "SYSLOG_PID", "_TRANSPORT", "_HOSTNAME", "_PID", "_COMM")


class Journal:
    """The listener of one journal input."""

    def __init__(
        self, name: str, settings: JournalSettings, inlet: Inlet, mark: bytes | None, clock: Clock = now_us
    ) -> None:
        self._name = name
        self._settings = settings
        self._inlet = inlet
        self._failure = RepeatedFailure(log.warning, "journal", clock)
        self._stopping = asyncio.Event()
        self._filters = tuple(filter_options(settings))
        self._position = decode_position(mark)
        #: The entry that comes first, because it was read before; whether it must be there.
        self._expected: str | None = None
        self._must_come = False
        self._end: str | None = None
        self._child: Child | None = None
        self._state: dict[str, Any] = {}

    @property
    def state(self) -> Mapping[str, Any]:
        """See :class:`agent.listen.listener.Listener`: ``pid``, ``cursor``, ``gap`` (what was said of the last one)."""
        child, position = self._child, self._position
        return {
            **self._state,
            "pid": None if child is None else child.pid,
            "cursor": None if position is None else position.cursor,
        }

    async def run(self) -> None:
        """Read what is there, then follow, again and again until the stop."""
        wait = _RETRY_MIN_S
        while not self._stopping.is_set():
            before = self._position
            try:
                if self._position is None and self._settings.since == "now":
                    await self._begin_now()
                if await self._read(follow=False):
                    self._state.pop("error", None)
                    await self._read(follow=True)
            except OSError as error:
                self._cannot_start(error)
            if self._position != before:
                wait = _RETRY_MIN_S
            await self._wait(wait)
            wait = min(wait * 2, _RETRY_MAX_S)

    def stop(self) -> None:
        """Stop following."""
        self._stopping.set()

    async def _read(self, *, follow: bool) -> bool:
        """Read from the position on; return whether all went well."""
        cursor = None if self._position is None else self._position.cursor
        self._expected = cursor
        self._must_come = not follow and self._position is not None and self._position.filters == self._filters
        argv = journal_argv(self._settings, self._position, follow=follow)
        self._state.pop("last_stderr", None)
        code = await self._run(argv, self._take)
        if code == 0 and self._must_come and self._expected is not None and not self._stopping.is_set():
            self._say_gap(f"the journal was emptied past where it had been read to ({cursor}); whatever comes is read")
            self._position = Position(None, self._filters)
        if self._stopping.is_set() or (code == 0 and not follow):
            self._failure.succeeded(input=self._name)
            return not self._stopping.is_set()
        said = self._state.get("last_stderr", "")
        if cursor is not None and "seek to cursor" in said:
            self._say_gap(f"journalctl does not take the cursor {cursor}: {said}")
            self._position = Position(None, self._filters)
        self._note(f"{PROGRAM} ended with exit code {code}{f': {said}' if said else ''}")
        return False

    async def _run(self, argv: list[str], take: Any) -> int:
        self._child = Child(Spec(argv, self._settings.max_line_bytes, _STOP_S), take, self._hear)
        code, _ = await self._child.run(self._stopping)
        return code

    async def _begin_now(self) -> None:
        """Store where the journal ends at the very first start: what is logged from then on is to be read."""
        self._end = None
        code = await self._run(end_argv(self._settings), self._find_end)
        if code == 0 and not self._stopping.is_set():
            await self._put([], (), Position(self._end, ()))

    async def _find_end(self, lines: Lines) -> None:
        self._end = read_entry(lines.lines[-1], "json").cursor

    async def _take(self, lines: Lines) -> None:
        entries = [read_entry(line, self._settings.lines) for line in lines.lines]
        truncated = lines.truncated
        if self._expected is not None:
            known = same_entry(entries[0].cursor, self._expected)
            if known:
                entries, truncated = entries[1:], tuple(place - 1 for place in truncated if place)
            elif self._must_come:
                self._say_gap("the journal was rotated past where it had been read to; it goes on at the oldest entry")
            self._expected = None
        if entries:
            await self._put(entries, truncated, self._after(entries))

    def _after(self, entries: list[Entry]) -> Position:
        cursor = next((entry.cursor for entry in reversed(entries) if entry.cursor), None)
        if cursor is None and self._position is not None:
            cursor = self._position.cursor
        return Position(cursor, self._filters)

    async def _put(self, entries: list[Entry], truncated: tuple[int, ...], position: Position) -> None:
        chunk = Chunk(self._name, "", [entry.line for entry in entries], [None] * len(entries), truncated)
        await self._inlet.put(Arrival(chunk, encode_position(position)))
        self._position = position

    async def _hear(self, lines: Lines) -> None:
        said = [line for line in lines.lines if line.strip()]
        if said:
            self._state["last_stderr"] = said[-1][:_SHOWN].decode(errors="replace")

    def _say_gap(self, reason: str) -> None:
        self._state["gap"] = reason
        self._inlet.counters[self._name, "gaps"] += 1
        log.error("journal_gap", input=self._name, reason=reason, next_step="raise SystemMaxUse= in journald.conf")

    def _cannot_start(self, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            self._note(f"{PROGRAM} is not there; this input needs systemd's")
        else:
            self._note(f"{PROGRAM} cannot be started: {error}")

    def _note(self, reason: str) -> None:
        self._inlet.counters[self._name, "failures"] += 1
        self._state["error"] = reason
        self._failure.failed(reason, input=self._name)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def journal_argv(settings: JournalSettings, position: Position | None, *, follow: bool) -> list[str]:
    """Return the command that prints entries from a position on, its own first."""
    argv = [*_beginning(settings)]
    if settings.fields:
        argv.append(f"--output-fields={','.join(dict.fromkeys((*settings.fields, *_NEEDED)))}")
    if follow:
        # What the boot has to do with it: above.  Files of a folder may be of several boots and hosts.
        argv += ["--follow", "--no-tail", "--boot=all", *(["--merge"] if settings.directory else [])]
    if position is not None and position.cursor is not None:
        argv.append(f"--cursor={position.cursor}")
    elif position is None and settings.since == "boot" and not follow:
        argv.append("--boot")
    return [*argv, *filter_options(settings)]


def end_argv(settings: JournalSettings) -> list[str]:
    """Return the command that prints the last entry of all, whatever the filters say."""
    return [*_beginning(settings), "--lines=1", "--output-fields=PRIORITY"]


def filter_options(settings: JournalSettings) -> list[str]:
    """Return the options that choose entries."""
    options = [f"--unit={unit}" for unit in settings.units]
    options += [f"--identifier={identifier}" for identifier in settings.identifiers]
    options += [f"--priority={settings.priority}"] if settings.priority else []
    return [*options, *(["--", *settings.matches] if settings.matches else [])]


def _beginning(settings: JournalSettings) -> list[str]:
    argv = [PROGRAM, "--output=json", "--all", "--no-pager"]
    return [*argv, f"--directory={settings.directory}"] if settings.directory else argv
