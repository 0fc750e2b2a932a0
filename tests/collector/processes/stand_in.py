"""A worker as tests want it: answers, sleeps, dies, prints, says too much.  Run as a child, like the real one."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, Counter

from collector.problem import ApiProblem
from collector.processes import Cancelled, Frame, Parent, QuestionServer, RequestError, Requests, Rounds


def main(kind: str, pid: int) -> None:
    parent = Parent.attach(pid)
    settings = parent.settings()
    if kind == "index":
        index(parent)
    else:
        answer_questions(parent, settings)


def index(parent: Parent) -> None:
    """Count the news and ask the parent for as much, as the real one indexes and appends."""
    requests = Requests(parent)
    parent.listen(requests.on_urgent)
    heard: list[str] = []

    def step() -> bool:
        if heard and heard[-1] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if heard and heard[-1] == "append":
            heard.pop()
            try:
                heard.append(requests.ask("append", b"data", timeout_s=10, sequence=7)["said"])
            except RequestError as error:
                heard.append(f"refused: {error}")
        return False

    def progress() -> dict[str, object]:
        return {"behind_rows": 3, "last_number": 10, "heard": list(heard), "pid": os.getpid()}

    def hear(frame: Frame) -> None:
        heard.append(str(frame.head.get("word", "news")))

    Rounds(parent, CollectorRegistry(), step=step, hear={"news": hear, "word": hear}, progress=progress).run()
    requests.ask("append", b"last", timeout_s=10, sequence=8)


def answer_questions(parent: Parent, settings: bytes) -> None:
    cancelled = Cancelled(parent)
    parent.listen(cancelled.on_urgent)
    registry = CollectorRegistry()
    asked = Counter("stand_in_asked", "Questions asked.", registry=registry)
    if settings == b"dies at its start":
        sys.exit(3)

    def answer(question: str, parameters: Mapping[str, object]) -> bytes:
        asked.inc()
        return bytes(globals()[f"answer_{question}"](parameters, cancelled))

    QuestionServer(parent, answer, registry, cancelled).run()


def answer_settings(_: Mapping[str, object], __: Cancelled) -> bytes:
    return msgspec.json.encode({"pid": os.getpid()})


answer_pid = answer_settings


def answer_export_page(parameters: Mapping[str, object], _: Cancelled) -> bytes:
    """Wait for the file, then say its name: the test decides when."""
    gate = Path(str(parameters["until"]))
    while not gate.exists():
        time.sleep(0.005)
    return str(parameters["name"]).encode()


answer_wait = answer_export_page


def answer_until_cancelled(_: Mapping[str, object], cancelled: Cancelled) -> bytes:
    while not cancelled.is_set():
        time.sleep(0.005)
    return b"cancelled"


def answer_die_first(parameters: Mapping[str, object], _: Cancelled) -> bytes:
    """Kill the first process that is asked, answer in the second."""
    mark = Path(str(parameters["mark"]))
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return b"alive"


def answer_die(_: Mapping[str, object], __: Cancelled) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def answer_print(_: Mapping[str, object], __: Cancelled) -> bytes:
    print("this must not reach the pipe", flush=True)
    os.write(1, b"nor this\n")
    return b"printed"


def answer_problem(_: Mapping[str, object], __: Cancelled) -> bytes:
    raise ApiProblem(
        400, "query", "'q': wrong", title="Not understood", errors=[{"parameter": "q", "position": 3}],
        headers={"X-Word": "1"}, extensions={"more": [1, 2]},
    )  # fmt: skip


def answer_fail(_: Mapping[str, object], __: Cancelled) -> bytes:
    raise ZeroDivisionError("by test")


def answer_bytes(parameters: Mapping[str, object], _: Cancelled) -> bytes:
    return b"x" * int(str(parameters["n"]))


def answer_garbage(_: Mapping[str, object], __: Cancelled) -> bytes:
    """Write something that is no frame to the pipe itself, more than a pipe and its reader hold."""
    for descriptor in range(3, 20):
        try:
            if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("pipe:"):
                os.write(descriptor, b"\xff" * (16 << 20))
        except OSError:
            continue
    time.sleep(60)
    return b""


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
