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
from collector.processes import Cancelled, Parent, QuestionServer


def main(pid: int) -> None:
    parent = Parent.attach(pid)
    settings = parent.settings()
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
    """Write something that is no frame to the pipe itself."""
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b"\xff" * 64)
        except OSError:
            continue
    time.sleep(60)
    return b""


if __name__ == "__main__":
    main(int(sys.argv[2]))
