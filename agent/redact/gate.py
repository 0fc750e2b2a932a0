"""The gate: RE2 scans that say whether, and by which rule, something may be a secret.  Never a wrong no."""

from collections.abc import Sequence
from typing import Final

import re2

from agent.redact.rules import ESCAPE_GATE, KEY_NAME_RULE, Rule, gates_of_keys

_ANY_CASE: Final = "(?i)"


class Gate:
    """The gates of some rules."""

    def __init__(self, key_names: Sequence[str], shapes: Sequence[Rule]) -> None:
        gates = [(KEY_NAME_RULE, gate) for gate in gates_of_keys(key_names)] + [
            (rule.name, rule.gate) for rule in shapes
        ]
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are: lines need not be UTF-8
        options.log_errors = False
        every = "|".join([*(gate for _, gate in gates), ESCAPE_GATE])
        self._any = re2.compile((_ANY_CASE + every).encode(), options)
        self._names = [name for name, _ in gates]
        self._each = re2.Set.SearchSet(options)
        for _, gate in gates:
            self._each.Add((_ANY_CASE + gate).encode())
        self._each.Compile()

    def suspects(self, chunk: bytes) -> bool:
        """Return whether some bytes may hold a secret."""
        return self._any.search(chunk) is not None

    def rules(self, text: bytes) -> frozenset[str]:
        """Return the names of the rules that may find something in a suspected text; all when it cannot tell."""
        # RE2 gives no match, too, when its automaton for so many patterns would outgrow its memory.
        found = self._each.Match(text)
        return frozenset(self._names[index] for index in found) if found else frozenset(self._names)
