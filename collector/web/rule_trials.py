"""Trying rules out: ``POST /v1/rules/backtest``, ``POST /v1/rules/explain`` and ``GET /v1/rules/{id}/explain``.

A back-test takes a while: its answer is a line of JSON every so often, ``{"progress": {"events", "of"}}``, and at last
``{"result": …}``, or ``{"problem": …}`` when it cannot be finished.  What is wrong with the request itself is answered
as a problem before the first line.  A client that goes away ends the back-test.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import msgspec
from aiohttp import web

from collector.problem import ApiProblem
from collector.web.parameters import read_parameters
from collector.web.ports import CLIENT_GONE, Authorise, RuleDesk, RunAlone
from collector.web.representation import json_response
from collector.web.vocabulary import EXPLAINED

LINES: Final = "application/x-ndjson"
#: How often a client hears how far a back-test is.
_TELL_S: Final = 0.5
#: How often it hears of it at the least, so that nothing on the way takes the connection for dead.
_ALIVE_S: Final = 10.0
#: Longest text of a rule.
TEXT_CHARS_MAX: Final = 256 << 10
LISTED_MAX: Final = 10_000


_Task = asyncio.Task[bytes | ApiProblem]


class _Rules(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    text: str
    event: str
    name: str = "rule.yml"


class _Wanted(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    rule: str | None = None
    text: str | None = None
    name: str = "rule.yml"
    begin: str | None = None
    end: str | None = None
    q: str | None = None
    alerts: int | None = None


class RuleTrialHandlers:
    """Explains rules and tests them on what is stored.  ``scratch`` is a folder for what tells the progress."""

    def __init__(self, desk: RuleDesk, run_alone: RunAlone, scratch: Path, authorise: Authorise) -> None:
        self._desk = desk
        self._run_alone = run_alone
        self._scratch = scratch
        self._authorise = authorise

    async def explain(self, request: web.Request) -> web.Response:
        """Answer why a rule in force matches an event or does not, and what it remembers of the event's group."""
        self._authorise(request, "read")
        values = read_parameters(request, EXPLAINED)
        return json_response(await self._desk.explain(request.match_info["id"], values["event"][0]))

    async def explain_text(self, request: web.Request) -> web.Response:
        """Answer what the rules of a text make of an event."""
        self._authorise(request, "read")
        read_parameters(request, ())
        wanted = _read(await request.read(), _Rules, '{"text": …, "event": …}')
        _check_text(wanted.text)
        return json_response(await self._desk.explain_text(wanted.name, wanted.text, wanted.event))

    async def backtest(self, request: web.Request) -> web.StreamResponse:
        """Answer with what a rule would have said of stored events."""
        self._authorise(request, "read")
        read_parameters(request, ())
        wanted = _read(await request.read(), _Wanted, '{"rule": …} or {"text": …}')
        path = self._scratch / f"{token_hex(8)}.backtest"
        question = {**self._question(wanted), "progress": str(path)}
        await asyncio.to_thread(self._scratch.mkdir, parents=True, exist_ok=True, mode=0o700)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._outcome(question))
            try:
                answer = await self._answer(request, task, path)
            finally:
                task.cancel()
                await asyncio.to_thread(_remove, path)
        if isinstance(answer, ApiProblem):
            raise answer
        return answer

    async def _outcome(self, question: Mapping[str, object]) -> bytes | ApiProblem:
        try:
            return await self._run_alone("backtest", question)
        except ApiProblem as problem:
            return problem

    def _question(self, wanted: _Wanted) -> dict[str, Any]:
        if (wanted.rule is None) == (wanted.text is None):
            raise _wrong("expected either 'rule', the id or the name of one in force, or 'text', that of a file")
        if wanted.alerts is not None and not 0 < wanted.alerts <= LISTED_MAX:
            raise _wrong(f"'alerts': expected a whole number from 1 to {LISTED_MAX}, found {wanted.alerts}")
        asked: dict[str, Any] = {
            "from": wanted.begin, "to": wanted.end, "q": wanted.q, "alerts": wanted.alerts
        }  # fmt: skip
        if wanted.text is not None:
            _check_text(wanted.text)
            return {**asked, "text": wanted.text, "name": wanted.name}
        assert wanted.rule is not None
        return {**asked, **self._desk.question(wanted.rule)}

    async def _answer(self, request: web.Request, task: _Task, path: Path) -> web.StreamResponse | ApiProblem:
        """Write how far it is until it is done; return a problem that showed before the first line."""
        while await _progress(path) is None and not task.done():
            await asyncio.wait({task}, timeout=_TELL_S)
        if task.done() and isinstance(outcome := task.result(), ApiProblem):
            return outcome
        response = web.StreamResponse(headers={"Content-Type": LINES})
        await response.prepare(request)
        with suppress(*CLIENT_GONE):
            await self._tell(response, task, path)
            await response.write_eof()
        return response

    async def _tell(self, response: web.StreamResponse, task: _Task, path: Path) -> None:
        loop = asyncio.get_running_loop()
        said, said_at = b"", 0.0
        while not task.done():
            told = await _progress(path)
            if told is not None and (told != said or loop.time() - said_at >= _ALIVE_S):
                said, said_at = told, loop.time()
                await response.write(b'{"progress":%b}\n' % told)
            await asyncio.wait({task}, timeout=_TELL_S)
        outcome = task.result()
        if isinstance(outcome, ApiProblem):
            await response.write(msgspec.json.encode({"problem": outcome.document()}) + b"\n")
        else:
            await response.write(b'{"result":%b}\n' % outcome)


def _read(body: bytes, kind: Any, expected: str) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _wrong(f"expected {expected}: {error}") from error


def _check_text(text: str) -> None:
    if len(text) > TEXT_CHARS_MAX:
        raise ApiProblem(413, "too-large", f"the text of a rule may have {TEXT_CHARS_MAX:,} characters")


def _wrong(detail: str) -> ApiProblem:
    return ApiProblem(422, "invalid-trial", detail)


async def _progress(path: Path) -> bytes | None:
    """Return what was written down last of how far it is, None before that."""
    try:
        return await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError:
        return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.new").unlink(missing_ok=True)
