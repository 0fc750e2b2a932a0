"""What the bench asks: each kind of question with several parameters, its goal, and the same question for DuckDB."""

import random
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

from tests.benchmarks.store.corpus import DAY_US, START_US
from watchbook.clock import format_rfc3339

_RARE_FROM: Final = 3000
_USERS: Final = 5000
_DAYS: Final = 10
_WORDS: Final = ("quarterly", "churn", "forecast", "legacy", "sensitive", "staging", "training", "billing")


class Asked(NamedTuple):
    """One request and the statement that answers the same from ``events`` (a view of the Parquet files)."""

    path: str
    sql: str


class Question(NamedTuple):
    """A kind of question: ``goal_ms`` is the p50 to reach, ``make`` gives another one for every random source."""

    name: str
    goal_ms: float
    make: Callable[[random.Random], Asked]


def _events(parameters: Mapping[str, object], where: str, limit: int = 50) -> Asked:
    path = "/v1/events?" + urlencode({"from": format_rfc3339(START_US), "limit": limit, **parameters})
    return Asked(path, f"SELECT * FROM events WHERE {where} ORDER BY time DESC LIMIT {limit}")


def _counted(route: str, parameters: Mapping[str, object], sql: str) -> Asked:
    return Asked(f"/v1/{route}?" + urlencode({"from": format_rfc3339(START_US), **parameters}, doseq=True), sql)


def _user(draw: random.Random, low: int, high: int) -> str:
    number = draw.randrange(low, high)
    return f"user{number}@example{number % 37}.com"


def _busy(draw: random.Random) -> Asked:
    user = _user(draw, 0, 8)
    return _events({"q": f"user:{user}"}, f"\"actor.id\" = '{user}'")


def _rare(draw: random.Random) -> Asked:
    user = _user(draw, _RARE_FROM, _USERS)
    return _events({"q": f"user:{user}"}, f"\"actor.id\" = '{user}'")


def _word(draw: random.Random) -> Asked:
    word = draw.choice(_WORDS)
    return _events({"q": word}, f"message LIKE '%{word}%'")


def _combined(draw: random.Random) -> Asked:
    user, day = _user(draw, 0, 40), draw.randrange(_DAYS)
    begin, end = (format_rfc3339(START_US + (day + more) * DAY_US) for more in (0, 1))
    action = draw.choice(("read", "update", "create"))
    path = _events({"q": f"user:{user} action:{action} outcome:failed", "from": begin, "to": end}, "").path
    where = (
        f"\"actor.id\" = '{user}' AND action = '{action}' AND outcome = 'failure' "
        f"AND time >= {START_US + day * DAY_US} AND time < {START_US + (day + 1) * DAY_US}"
    )
    return Asked(path, f"SELECT * FROM events WHERE {where} ORDER BY time DESC LIMIT 50")


def _request_id(draw: random.Random, known: list[str]) -> Asked:
    request = draw.choice(known)
    return _events({"q": f"request:{request}"}, f"\"source.request_id\" = '{request}'")


def _ip_prefix(draw: random.Random) -> Asked:
    prefix = f"10.{draw.randrange(100, 250)}.{draw.randrange(20, 250)}"
    return _events({"q": f"ip:{prefix}"}, f"\"source.ip\" LIKE '{prefix}.%'")


def questions(request_ids: list[str]) -> list[Question]:
    """Return what is asked at every size; ``request_ids`` are some that are stored."""
    five = ["action", "resource.type", "outcome", "category", "org"]
    facets = "; ".join(f'SELECT "{field}", count(*) FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10' for field in five)
    return [
        Question("newest 50", 5, lambda _: _events({}, "true")),
        Question("1,000 events on a page", 30, lambda _: _events({}, "true", 1000)),
        Question("busy user, newest 50", 12, _busy),
        Question("word, newest 50", 12, _word),
        Question("rare user, newest 50", 45, _rare),
        Question("user + action + failed, a day", 45, _combined),
        Question("ip prefix", 45, _ip_prefix),
        Question("request id", 35, lambda draw: _request_id(draw, request_ids)),
        Question(
            "count by action",
            30,
            lambda _: _counted("facets", {"field": "action"}, "SELECT action, count(*) FROM events GROUP BY 1"),
        ),
        Question(
            "hourly histogram of failures",
            30,
            lambda _: _counted(
                "histogram",
                {"q": "outcome:failure", "interval": "1h"},
                "SELECT time // 3600000000, count(*) FROM events WHERE outcome = 'failure' GROUP BY 1",
            ),
        ),
        Question("facets of five fields", 30, lambda _: _counted("facets", {"field": five}, facets)),
        Question(
            "distinct users per org",
            350,
            lambda _: _counted(
                "facets",
                {"field": "org", "distinct": "actor.id", "size": 200},
                'SELECT org, count(DISTINCT "actor.id") FROM events GROUP BY 1',
            ),
        ),
        Question(
            "measures.rows > 1,000,000, newest 50",
            40,
            lambda _: _events(
                {"q": "measures.rows:>1000000"},
                "CAST(json_extract(measures, '$.rows') AS DOUBLE) > 1000000",
            ),
        ),
    ]


#: How often each kind is asked in the mix of an operator's day: most look at lists, some at pictures.
MIX: Final = {
    "newest 50": 25,
    "busy user, newest 50": 15,
    "word, newest 50": 15,
    "rare user, newest 50": 10,
    "user + action + failed, a day": 8,
    "ip prefix": 5,
    "request id": 7,
    "count by action": 5,
    "hourly histogram of failures": 5,
    "facets of five fields": 4,
    "measures.rows > 1,000,000, newest 50": 1,
}
