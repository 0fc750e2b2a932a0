"""What was discovered, for people, for ``agent.yaml`` and for programs."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from agent.discover.proposing import Discovery, Proposal
from watchbook.units import format_size

_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./*-]*")
_WORDS_OF_YAML: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


def as_table(found: Discovery) -> Iterator[str]:
    """Yield the lines of a table for people."""
    if not found.proposals:
        yield "no log that a profile understands"
    if found.proposals:
        yield f"{'input':<16} {'profile':<10} {'understood':>10}  files"
    for each in found.proposals:
        profiles, patterns = ", ".join(each.profiles), ", ".join(each.patterns)
        yield f"{each.name:<16} {profiles:<10} {_share(each):>10}  {patterns}{_more(each)}"
    for each in found.proposals:
        if (sample := _sample(each)) is not None:
            yield ""
            yield f"{each.name}: an event of {each.logs[0][0].path}"
            yield f"  {_one_line(json.dumps(sample, ensure_ascii=False))}"
    if found.not_understood:
        yield ""
        yield "no profile understands (write one: docs/profiles.md, and see why: watchbook agent try FILE)"
        for log, trial in found.not_understood:
            why = f"{trial.understood} of {trial.lines} lines" if trial.lines else "empty"
            yield f"  {_one_line(log.path)}  {format_size(log.size)}, {why}"
    if found.unread:
        yield ""
        yield "not read"
        for unread in found.unread:
            yield f"  {_one_line(unread.path)}  {unread.why}"
    yield ""
    yield f"journal: {_journal(found)}"


def as_yaml(found: Discovery) -> Iterator[str]:
    """Yield the lines of the section ``inputs``, ready for ``agent.yaml``."""
    yield "inputs:" if found.proposals else "inputs: []"
    for each in found.proposals:
        understood = _share(each)
        yield f"  # {understood} of the last lines were understood" if understood != "-" else "  # empty when looked at"
        yield f"  - name: {_scalar(each.name)}"
        yield f"    files: [{', '.join(map(_scalar, each.patterns))}]"
        yield f"    profile: {_names(each.profiles)}"
        if each.zone:
            yield f"    zone: {_scalar(each.zone)}"
    for log, trial in found.not_understood:
        why = f"no profile understands it ({trial.understood} of {trial.lines} lines)" if trial.lines else "empty"
        yield f"  # {_one_line(log.path)}: {why}"


def as_json(found: Discovery) -> dict[str, Any]:
    """Return everything as JSON."""
    return {
        "inputs": [
            {
                "name": each.name,
                "profile": each.profiles[0] if len(each.profiles) == 1 else list(each.profiles),
                "files": list(each.patterns),
                "zone": each.zone,
                "understood": each.share,
                "logs": [
                    {
                        "path": log.path,
                        "size": log.size,
                        "rotated": log.rotated,
                        "lines": trial.lines,
                        "understood": trial.understood,
                    }
                    for log, trial in each.logs
                ],
                "sample": _sample(each),
            }
            for each in found.proposals
        ],
        "not_understood": [
            {"path": log.path, "size": log.size, "lines": trial.lines, "understood": trial.understood}
            for log, trial in found.not_understood
        ],
        "unread": [{"path": each.path, "why": each.why} for each in found.unread],
        "journal": found.journal,
    }


def _share(each: Proposal) -> str:
    return "-" if each.share is None else f"{100 * each.share:.0f} %"


def _more(each: Proposal) -> str:
    rotated = sum(log.rotated for log, _ in each.logs)
    return f" (and {rotated} rotated)" if rotated else ""


def _sample(each: Proposal) -> dict[str, Any] | None:
    return next((trial.sample for _, trial in each.logs if trial.sample is not None), None)


def _journal(found: Discovery) -> str:
    if found.journal is None:
        return "none"
    return f"{found.journal}; programs that log only there are in no file"


def _names(profiles: tuple[str, ...]) -> str:
    return _scalar(profiles[0]) if len(profiles) == 1 else f"[{', '.join(map(_scalar, profiles))}]"


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)
