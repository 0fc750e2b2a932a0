"""What follows from what is known of agents."""

from typing import Any

import pytest

from collector.agents.attempts import FailedAttempts
from collector.agents.decisions import (
    Enrolment,
    check_enrolment,
    has_gone_silent,
    is_forgotten,
    name_for,
    names_of,
    oldest_age_s,
    state_of,
)
from collector.agents.records import Agent, Backlog, Heartbeat, Lag
from collector.agents.settings import AgentsSettings
from collector.problem import ApiProblem
from watchbook.clock import SECOND_US
from watchbook.units import Seconds

SETTINGS = AgentsSettings()
NOW = 1_763_733_909 * SECOND_US


def agent(seen_ago_s: float | None = 0, heartbeat: Heartbeat | None = None, **values: Any) -> Agent:
    seen = None if seen_ago_s is None else NOW - round(seen_ago_s * SECOND_US)
    beat = heartbeat or Heartbeat("web01")
    return Agent(**{"id": "1", "name": "web01", "enrolled": 1, "last_seen": seen, "heartbeat": beat,
                    "heartbeat_at": seen, **values})  # fmt: skip


def enrolment(**values: Any) -> Enrolment:
    base: dict[str, Any] = {"id": 7, "name": None, "note": None, "uses": 0, "uses_max": 1, "created": NOW,
                            "created_by": "root", "expires": NOW + 1, "revoked": None}  # fmt: skip
    return Enrolment(**{**base, **values})


@pytest.mark.parametrize(
    ("found", "status", "kind"),
    [
        (None, 401, "enrolment-unknown"),
        (enrolment(uses=1), 403, "enrolment-used"),
        (enrolment(uses=3, uses_max=3), 403, "enrolment-used"),
        (enrolment(expires=NOW), 403, "enrolment-expired"),
        (enrolment(revoked=NOW), 403, "enrolment-revoked"),
    ],
)
def test_a_one_time_token_that_is_over_says_why(found: Enrolment | None, status: int, kind: str) -> None:
    with pytest.raises(ApiProblem) as caught:
        check_enrolment(found, NOW)
    assert (caught.value.status, caught.value.kind) == (status, kind)
    assert "watchbook collector enrolment create" in caught.value.detail


def test_a_one_time_token_can_be_used_until_its_last_use_and_its_last_moment() -> None:
    assert check_enrolment(enrolment(uses=2, uses_max=3), NOW).id == 7


def test_the_name_is_the_tokens_else_the_agents_else_the_hosts() -> None:
    assert name_for(enrolment(name="a"), None, "host") == "a"
    assert name_for(enrolment(name="a"), "a", "host") == "a"
    assert name_for(enrolment(), "b", "host") == "b"
    assert name_for(enrolment(), None, "host") == "host"
    with pytest.raises(ApiProblem, match="for an agent named 'a', this one is named 'b'"):
        name_for(enrolment(name="a"), "b", "host")


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (agent(), "ok"),
        (agent(None, heartbeat_at=None), "never_seen"),
        (agent(silent_since=NOW), "silent"),
        (agent(revoked=NOW, silent_since=NOW), "revoked"),
        (agent(heartbeat=Heartbeat("a", backlog=Backlog(oldest_age_s=61))), "behind"),
        (agent(heartbeat=Heartbeat("a", backlog=Backlog(oldest_age_s=60))), "ok"),
        (agent(heartbeat=Heartbeat("a", lag=Lag(bytes=(16 << 20) + 1))), "behind"),
        (agent(heartbeat=Heartbeat("a", lag=Lag(bytes=16 << 20))), "ok"),
        (agent(heartbeat=Heartbeat("a", paused="the spool is full")), "behind"),
        (Agent("x1", "old", token="plain", last_seen=NOW), "ok"),
    ],
)
def test_the_state_of_an_agent(found: Agent, state: str) -> None:
    assert state_of(found, SETTINGS) == state


@pytest.mark.parametrize(
    ("found", "listening_s", "silent"),
    [
        (agent(180), 999, False),
        (agent(181), 999, True),
        (agent(181), 180, False),  # the collector itself was away until then
        (agent(9999), 181, True),
        (agent(181, silent_since=NOW), 999, False),
        (agent(181, revoked=NOW), 999, False),
        (agent(None, heartbeat_at=None), 999, False),
        (agent(181, heartbeat=Heartbeat("a", interval_s=60.0)), 999, True),
        (agent(299, heartbeat=Heartbeat("a", interval_s=100.0)), 999, False),
        (agent(301, heartbeat=Heartbeat("a", interval_s=100.0)), 999, True),
        (Agent("x1", "old", token="plain", last_seen=NOW - 9999 * SECOND_US), 999, False),
    ],
)
def test_who_has_gone_silent(found: Agent, listening_s: int, silent: bool) -> None:
    assert has_gone_silent(found, NOW, NOW - listening_s * SECOND_US, SETTINGS) is silent


def test_only_what_was_not_enrolled_is_forgotten() -> None:
    settings = AgentsSettings(forget_after=Seconds(10.0))
    assert is_forgotten(Agent("x", "a", last_seen=NOW - 11 * SECOND_US), NOW, settings)
    assert not is_forgotten(Agent("x", "a", last_seen=NOW - 9 * SECOND_US), NOW, settings)
    assert not is_forgotten(agent(11), NOW, settings)


def test_the_names_of_an_agent_are_those_it_has_and_had_unless_another_has_them_now() -> None:
    one = Agent("1", "web02", former=["web01", "old"], enrolled=1)
    two = Agent("2", "web01", enrolled=1)
    gone = Agent("3", "old", enrolled=1, revoked=2)
    assert names_of([one, two, gone]) == {"1": {"web02", "old"}, "2": {"web01"}}


def test_what_is_unsent_grows_older_while_nothing_is_heard() -> None:
    assert oldest_age_s(agent(30, heartbeat=Heartbeat("a", backlog=Backlog(oldest_age_s=5.0))), NOW) == 35
    assert oldest_age_s(agent(30), NOW) is None


def test_failed_attempts_are_limited_by_address_and_a_minute() -> None:
    now = [NOW]
    attempts = FailedAttempts(2, lambda: now[0])
    for _ in range(2):
        assert attempts.wait_s("a") == 0
        attempts.failed("a")
    assert attempts.wait_s("a") == 60
    assert attempts.wait_s("b") == 0
    now[0] += 59 * SECOND_US + 1
    assert attempts.wait_s("a") == 1
    now[0] += SECOND_US
    assert attempts.wait_s("a") == 0
    attempts.failed("a")
    assert attempts.wait_s("a") == 0
