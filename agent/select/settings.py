"""The rules of ``drop`` and ``sample``."""

import re
from dataclasses import dataclass
from typing import Final

from agent.select.conditions import Conditions
from watchbook.configfile import Node, setting

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_ONE_IN: Final = re.compile(r"1 in ([1-9][0-9]{0,11})")


def _name_problem(name: str) -> str | None:
    return None if _NAME.fullmatch(name) else "a name of small letters, digits, '_', '.' and '-'"


class Share(float):
    """A share between 0 and 1, both excluded: written ``0.01`` or ``1 in 100``."""

    #: How the table of settings names this kind of value.
    WORDS = "share"

    @classmethod
    def from_node(cls, node: Node) -> "Share":
        """Read what a configuration says; raises ConfigError."""
        expected = "a share between 0 and 1, such as 0.01 or 1 in 100"
        text = node.text(expected)
        one_in = _ONE_IN.fullmatch(text.strip())
        try:
            share = 1 / int(one_in[1]) if one_in else float(text)
        except ValueError:
            raise node.error(f"expected {expected}, found {text!r}") from None
        if share == 0:
            raise node.error(f"expected {expected}, found {text!r}; to keep none of them use 'drop'")
        if not 0 < share < 1:
            raise node.error(f"expected {expected}, found {text!r}; to keep all of them leave the rule out")
        return cls(share)


@dataclass(frozen=True)
class DropSettings:
    """Events that are not sent."""

    name: str = setting("Name of the rule, under which what it drops is counted.", check=_name_problem)
    when: Conditions = setting("Which events: fields and what they must be; see Profiles.")


@dataclass(frozen=True)
class SampleSettings:
    """Events of which only a share is sent."""

    name: str = setting("Name of the rule, under which what it keeps and drops is counted.", check=_name_problem)
    when: Conditions = setting("Which events: fields and what they must be; see Profiles.")
    keep: Share = setting("How many of them are sent: 0.01, or 1 in 100.")
