"""Asks a running collector: one at a time for its p50, or from many clients at once while events come in."""

import asyncio
import http.client
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import orjson

from tests.benchmarks.store.questions import MIX, Question
from tests.stand import Stand

_DEEP_PAGE: Final = 1000
_PAGE: Final = 50
_BUSY_S: Final = 0.2


class Answered(NamedTuple):
    """Times of one kind of question, milliseconds."""

    name: str
    goal_ms: float
    p50_ms: float
    worst_ms: float


class Mixed(NamedTuple):
    """What many clients saw."""

    clients: int
    answers: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst: str


class Client:
    """One connection that is kept, as a browser keeps it."""

    def __init__(self, stand: Stand) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", stand.port, timeout=120)
        self._headers = {"Authorization": f"Bearer {stand.token}"}

    def get(self, path: str) -> tuple[float, bytes]:
        """Return the milliseconds until the whole answer was there, and its body."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:500]!r}")
        return took, body


def ask_each(stand: Stand, asked: Sequence[Question], repeats: int, progress: Callable[[str], None]) -> list[Answered]:
    """Return the p50 of each kind over ``repeats`` different questions, after others of its kind warmed things up."""
    client, answered = Client(stand), []
    for question in asked:
        progress(f"asking: {question.name}")
        warm, draw = random.Random(99), random.Random(5)
        for _ in range(max(3, repeats // 2)):
            client.get(question.make(warm).path)
        times = [client.get(question.make(draw).path)[0] for _ in range(repeats)]
        answered.append(Answered(question.name, question.goal_ms, statistics.median(times), max(times)))
    return answered


def ask_deep_page(stand: Stand, newest: Question, repeats: int) -> Answered:
    """Return the p50 of the thousandth page of fifty, reached by its cursor."""
    client, path, cursor = Client(stand), newest.make(random.Random(0)).path, ""
    thousand = path.replace(f"limit={_PAGE}", "limit=1000")
    for _ in range(_DEEP_PAGE * _PAGE // 1000):
        cursor = orjson.loads(client.get(thousand + cursor)[1])["next_cursor"]
        if cursor is None:
            break
        cursor = f"&cursor={cursor}"
    times = [client.get(path + (cursor or ""))[0] for _ in range(repeats + 1)][1:]
    return Answered("page 1,000 of 50, by cursor", 5, statistics.median(times), max(times))


async def ask_mixed(stand: Stand, asked: Sequence[Question], clients: int, seconds: float) -> Mixed:
    """Let clients ask as fast as they get answers, in the proportions of MIX."""
    by_name = {question.name: question for question in asked}
    times: list[tuple[float, str]] = []
    refused: list[str] = []
    ends = time.perf_counter() + seconds
    head = f"Host: 127.0.0.1:{stand.port}\r\nAuthorization: Bearer {stand.token}"

    async def client(seed: int) -> None:
        draw = random.Random(seed)
        reader, writer = await asyncio.open_connection("127.0.0.1", stand.port, limit=1 << 22)
        while time.perf_counter() < ends:
            name = draw.choices(list(MIX), list(MIX.values()))[0]
            path = by_name[name].make(draw).path
            began = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode())
            if not await _is_answered(reader, path):
                refused.append(name)
                await asyncio.sleep(_BUSY_S)
                continue
            times.append(((time.perf_counter() - began) * 1000, name))
        writer.close()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for seed in range(clients):
            tasks.create_task(client(seed))
    took = time.perf_counter() - began
    ordered = sorted(times)
    return Mixed(
        clients,
        len(times),
        len(refused),
        took,
        ordered[len(ordered) // 2][0],
        ordered[int(len(ordered) * 0.99)][0],
        f"{ordered[-1][0]:.0f} ms: {ordered[-1][1]}",
    )


async def _is_answered(reader: asyncio.StreamReader, path: str) -> bool:
    """Read an answer; return False when the collector was too busy for it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    size = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    body = await reader.readexactly(size)
    status = int(head.split(None, 2)[1])
    if status not in (200, 503):
        raise RuntimeError(f"{path}: {status} {body[:200]!r}")
    return status == 200
