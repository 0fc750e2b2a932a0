"""A registry of agents over a real database, for the face's tests."""

from pathlib import Path

from collector.access import ENROLMENT_PREFIX, digest_of, issue_agent_token, new_token, withdraw_agent_tokens
from collector.agents import AgentRegistry, AgentsSettings, AgentStore, AgentTokens, EnrolmentStore, TokenMaker
from collector.state import COMPATIBILITY
from watchbook.clock import Clock, now_us


def registry_of(state: Path, clock: Clock = now_us, settings: AgentsSettings | None = None) -> AgentRegistry:
    """Return a registry of a state file, not loaded yet."""
    tokens = AgentTokens(digest_of, issue_agent_token, withdraw_agent_tokens)
    return AgentRegistry(AgentStore(state, COMPATIBILITY, tokens, clock), settings or AgentsSettings(), clock=clock)


def enrolments_of(state: Path, clock: Clock = now_us) -> EnrolmentStore:
    """Return the one-time tokens of a state file."""
    return EnrolmentStore(state, COMPATIBILITY, TokenMaker(lambda: new_token(ENROLMENT_PREFIX), digest_of), clock)
