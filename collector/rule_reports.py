"""What the collector writes into its own log about its rules.  Pure; flat events, as the wire takes them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Report = dict[str, Any]
_PROBLEMS_MAX: Final = 20


def switched(now: int, rule_id: str, title: str, *, enabled: bool, caller: str, reason: str | None) -> Report:
    """Return the event of a rule that somebody switched on or off."""
    word, event_type = ("enabled", "rule.enabled") if enabled else ("disabled", "rule.disabled")
    because = f": {reason}" if reason else ""
    report = _report(now, word.removesuffix("d"), event_type, f"{caller} {word} the rule {title!r}{because}")
    report |= {"actor.type": "api_key", "actor.id": caller, "outcome": "success"} | _rule(rule_id, title)
    return report | ({"reason": reason} if reason else {})


def shadowed(now: int, rule_id: str, title: str, *, shadow: bool, caller: str, reason: str | None) -> Report:
    """Return the event of a rule that somebody put on trial, or took off it."""
    word = "put {} into shadow mode" if shadow else "took {} out of shadow mode"
    because = f": {reason}" if reason else ""
    told = f"{caller} {word.format(f'the rule {title!r}')}{because}"
    report = _report(now, "update", "rule.shadow_on" if shadow else "rule.shadow_off", told)
    report |= {"actor.type": "api_key", "actor.id": caller, "outcome": "success"} | _rule(rule_id, title)
    return report | ({"reason": reason} if reason else {})


def reloaded(now: int, counts: Mapping[str, int], caller: str | None) -> Report:
    """Return the event of rules that were read again."""
    told = ", ".join(f"{number} {what}" for what, number in counts.items())
    report = _report(now, "update", "rules.reloaded", f"the rules were read again: {told}")
    return report | _actor(caller) | {"outcome": "success", "details": dict(counts)}


def refused(now: int, problems: Sequence[str], caller: str | None) -> Report:
    """Return the event of rules that were read again and are wrong."""
    places = f"{len(problems)} place{'' if len(problems) == 1 else 's'}"
    text = f"the rules were read again and are wrong in {places}; nothing changed"
    report = _report(now, "update", "rules.refused", text)
    told = {"problems": list(problems[:_PROBLEMS_MAX])}
    return report | _actor(caller) | {"outcome": "failure", "reason": problems[0], "details": told}


def set_aside(now: int, rule_id: str, title: str, why: str) -> Report:
    """Return the event of a rule that took too much of a core."""
    report = _report(now, "disable", "rule.set_aside", f"the rule {title!r} was set aside: it {why}")
    return report | {"actor.type": "system", "outcome": "success", "reason": why} | _rule(rule_id, title)


def _report(now: int, action: str, event_type: str, message: str) -> Report:
    return {"time": now, "action": action, "event_type": event_type, "category": "configuration", "message": message}


def _actor(caller: str | None) -> Report:
    return {"actor.type": "system"} if caller is None else {"actor.type": "api_key", "actor.id": caller}


def _rule(rule_id: str, title: str) -> Report:
    return {"resource.type": "rule", "resource.id": rule_id, "resource.name": title}
