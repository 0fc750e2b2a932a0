"""Answers over a few events in memory: stands at the port, so that the face's tests need no store and no query room."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from collector.problem import ApiProblem
from collector.questions import Question, make_questions
from watchbook.clock import format_rfc3339, parse_rfc3339
from watchbook.event import flatten

STREAM = "5" * 32
NOW = parse_rfc3339("2026-11-21T12:00:00Z")
HOUR_US = 3_600_000_000
EXCLUDED = {"login": ("category", "authentication"), "system": ("actor.type", "system")}


def an_event(**fields: Any) -> dict[str, Any]:
    """Return a nested event; ``actor={"id": "a"}`` is completed with a type."""
    event = {"time": format_rfc3339(NOW), "action": "read", **fields}
    return {**event, "actor": {"type": "user", **event.get("actor", {})}}


class MemoryAnswers:
    """Understands filters by equality, the two exclusions, and the query ``wrong``; ``asked`` is what it was asked.

    ``refusals`` are the problems that the next questions get, None: an answer; ``first_number`` is that of the oldest
    event there is.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.refusals: list[ApiProblem | None] = []
        self.first_number = 1
        self.excluded = dict(EXCLUDED)
        self.incomplete: Mapping[str, Any] | None = None

    def append(self, *events: Mapping[str, Any]) -> None:
        """Store events as they arrive."""
        for event in events:
            number = len(self.events)
            self.events.append({"id": f"{STREAM}-1-{number}", "received": format_rfc3339(NOW), **event})

    def answer(self, question: str, parameters: Mapping[str, Any]) -> bytes:
        """Return the answer to a question as JSON."""
        self.asked.append((question, parameters))
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            raise refusal
        if "wrong" in (parameters.get("q") or ""):
            entry: Any = {"parameter": "q", "position": 0, "message": "that is wrong"}
            raise ApiProblem(400, "query", "'q': that is wrong", errors=[entry])
        answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "search": self._search, "arrived": self._arrived, "event": self._event, "facets": self._facets,
            "histogram": self._histogram, "values": self._values, "explain": self._explain,
            "rollup": self._rollup,
        }  # fmt: skip
        return msgspec.json.encode(answers[question](parameters))

    def _search(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        found = [event for _, event in reversed(self._found(asked))]
        start = int(asked["cursor"] or 0)
        end = start + asked["limit"]
        page: dict[str, Any] = {
            "events": found[start:end],
            "next_cursor": str(end) if end < len(found) else None,
            "range": self._range(asked),
            "last_number": len(self.events),
        }
        if asked["total"]:
            page["total"] = {"value": len(found), "exact": True}
        return page if self.incomplete is None else {**page, "incomplete": self.incomplete}

    def _arrived(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        after = len(self.events) if asked["after"] is None else asked["after"]
        found = [(number, event) for number, event in self._found(asked) if number > after][: asked["limit"]]
        full = len(found) == asked["limit"]
        return {
            "events": [event for _, event in found],
            "numbers": [number for number, _ in found],
            "last_number": found[-1][0] if full else len(self.events),
            "first_number": self.first_number,
        }

    def _event(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        return next((event for event in self.events if event["id"] == asked["id"]), None)

    def _facets(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        found = [event for _, event in self._found(asked)]
        facets = {}
        for field in asked["fields"]:
            counts = Counter(value for event in found if (value := flatten(event).get(field)) is not None)
            shown = [{"value": value, "count": count} for value, count in counts.most_common(asked["size"])]
            rest = counts.total() - sum(int(value["count"]) for value in shown)
            facets[field] = {"values": shown, "other": rest, "missing": len(found) - counts.total()}
        return {"facets": facets, "total": {"value": len(found), "exact": True}, "range": self._range(asked)}

    def _histogram(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        count = len(self._found(asked))
        bucket: dict[str, Any] = {"time": format_rfc3339(NOW), "count": count}
        if asked["by"]:
            bucket["by"] = {"user": count}
        return {
            "interval_s": 3600, "buckets": [bucket], "total": {"value": count, "exact": True},
            "range": self._range(asked),
        }  # fmt: skip

    def _rollup(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        count = len(self.events)
        bucket: dict[str, Any] = {"time": format_rfc3339(NOW), "count": count}
        found = {"interval_s": 3600, "buckets": [bucket], "total": {"value": count, "exact": True}, "fields": ["org"]}
        if asked["by"]:
            bucket["by"] = {"acme": count}
            found |= {"other": 0, "missing": 0}
        return found

    def _values(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        counts = Counter(str(flatten(event).get(asked["field"])) for _, event in self._found(asked))
        found = [(value, count) for value, count in counts.most_common() if value.startswith(asked["prefix"])]
        return {"values": [{"value": value, "count": count} for value, count in found[: asked["limit"]]]}

    def _explain(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"query": asked["q"] or "", "plan": {"and": []}, "segments": [], "range": self._range(asked)}

    def _found(self, asked: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
        excluded = [self.excluded[name] for name in asked["exclude"]]
        return [
            (number, event)
            for number, event in enumerate(self.events, 1)
            if number >= self.first_number
            and all(_matches(event, field, values) for field, values in asked["filters"].items())
            and not any(_matches(event, field, [value]) for field, value in excluded)
        ]

    def _range(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "from": format_rfc3339(NOW - 168 * HOUR_US),
            "to": asked["to"] and format_rfc3339(NOW),
            "default": asked["from"] is None,
        }


class InProcess:
    """Answers every question in this process: stands where the pool of query processes stands."""

    def __init__(self, answers: MemoryAnswers) -> None:
        self._questions: Mapping[str, Question] = {
            **make_questions(answers),
            "rollup": partial(answers.answer, "rollup"),
        }

    async def ask(self, question: str, parameters: Mapping[str, object]) -> bytes:
        """Return the answer; what is asked must survive the way through a pipe."""
        return self._questions[question](msgspec.json.decode(msgspec.json.encode(parameters)))

    async def alone(self, question: str, parameters: Mapping[str, object]) -> bytes:
        """Answer in a thread: what is asked may touch files."""
        return await asyncio.to_thread(self._questions[question], parameters)


def _matches(event: Mapping[str, Any], field: str, values: Sequence[str]) -> bool:
    flat = flatten(event)
    names = ("actor.id", "actor.name", "actor.email") if field == "actor" else (field,)
    return any(
        str(flat.get(name, "")).startswith(value[:-1]) if value.endswith("*") else flat.get(name) == value
        for name in names
        for value in values
    )
