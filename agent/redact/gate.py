"""The gate: RE2 scans that say whether, and by which rule, something may be a secret.  Never a wrong no."""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Final, NamedTuple

import re2

from agent.redact import commands
from agent.redact.hexgate import ANY_DIGITS, hex_gate
from agent.redact.keygates import TYPED, VALUE_BESIDE, KeyGates
from agent.redact.names import KeyNames, bare
from agent.redact.rule import GATE_START, Rule
from agent.redact.shapes import COMMAND_RULE, KEY_NAME_RULE
from watchbook.memory import give_back_memory

_ANY_CASE: Final = "(?i)"
#: JSON may write any character as \u00XX, a URL as %XX: letters, digits and the punctuation of tokens are suspect when
#: they are; the ``<``, ``>`` and ``&`` that many writers always escape are not.
_ESCAPES: Final = (
    r"\\u00(?:2[bdf]|3[0-9a]|[46][1-9a-f]|5[0-9af]|7[0-9a])|%(?:25)*(?:3[0-9]|[46][1-9a-f]|5[0-9a]|7[0-9a])"
)
_ESCAPE: Final = "escape"
_HEX: Final = "hex"
_MEMORY: Final = 24 << 20


class Gate:
    """The gates of some rules."""

    def __init__(self, names: KeyNames, shapes: Sequence[Rule], *, commands_too: bool) -> None:
        self._key_gates = KeyGates(names.names) if names.names else None
        gates = [(KEY_NAME_RULE, gate) for gate in self._key_gates.gates] if self._key_gates is not None else []
        gates += [(COMMAND_RULE, gate) for gate in (*commands.GATES, *commands.COARSE)] if commands_too else []
        gates += [(_ESCAPE, _ESCAPES), (_HEX, hex_gate(names.names, shapes, commands_too=commands_too))]
        gates += [(rule.name, rule.gate) for rule in shapes if not rule.begins_word]
        begun = [rule for rule in shapes if rule.begins_word]
        union = [gate for _, gate in gates]
        if begun:  # asked only where a word begins: within words the automaton would need twice as many states
            union.append(f"{GATE_START}(?:{'|'.join(rule.gate for rule in begun)})")
        self._any = _first_of("|".join(union))
        self._names = [name for name, _ in gates] + [rule.name for rule in begun]
        self._gates = [ANY_DIGITS if name == _HEX else gate for name, gate in gates]
        self._gates += [GATE_START + rule.gate for rule in begun]
        give_back_memory()  # more than half was only for compiling
        self._keys, self._shapes = names, tuple(shapes)

    @cached_property
    def _each(self) -> "re2.Set":
        """All gates one by one, some of them coarser: made when something is suspected, for it takes megabytes."""
        found = re2.Set.SearchSet(_options())
        for gate in self._gates:
            found.Add((_ANY_CASE + gate).encode())
        found.Compile()
        give_back_memory()  # 2.4 of 3 MB were only for compiling
        return found

    @cached_property
    def _doubts(self) -> "dict[int, _Doubt]":
        return _doubts(self._gates, self._key_gates, self._keys, self._shapes)

    def suspects(self, chunk: bytes) -> bool:
        """Return whether some bytes may hold a secret."""
        return self._any.match(chunk) is not None

    def suspected(self, lines: Sequence[bytes]) -> list[int]:
        """Return the places of the lines that may hold a secret, in order; lines that hold none are scanned once."""
        text = b"\n".join(lines)
        found = self._any.match(text)
        if found is None:
            return []
        ends = list(accumulate(len(line) + 1 for line in lines))
        places: list[int] = []
        looked_at = 0
        while found is not None and looked_at < len(lines):
            place = max(looked_at, bisect_left(ends, found.end()))
            starts_at = ends[place] - len(lines[place]) - 1
            alone = self._any.match(lines[place])
            if alone is not None and starts_at + alone.end() == min(found.end(), ends[place] - 1):
                places.append(place)
            else:  # it goes over the end of a line: in which one it starts, and what it hides there, is not known
                places += [each for each in range(looked_at, place + 1) if self.suspects(lines[each])]
            looked_at = place + 1
            found = self._any.match(text, ends[place] - 1)
        return places

    def rules(self, text: bytes) -> frozenset[str]:
        """Return the names of the rules that may find something in a suspected text; all when it cannot tell."""
        # RE2 gives no match, too, when its automaton for so many patterns would outgrow its memory.
        found = self._each.Match(text)
        return frozenset(self._names[index] for index in found) if found else frozenset(self._names)

    def is_worth(self, line: bytes) -> bool:
        """Return whether the rules must look at a suspected line, after a closer look at what made it suspect.

        Most of what the gate suspects are numbers that are no cards', names that are kept, and words about secrets.
        """
        found = self._each.Match(line)
        if not found:
            return True
        # What is written with escapes reads differently once it is decoded.
        text = None if b"\\" in line else line.decode("latin-1")
        for place in found:
            if self._names[place] == _HEX:
                if _BARE_HEX.match(line) or b"\0" in line or any(map(self._says_a_secret, _HEX_RUN.findall(line))):
                    return True
                continue
            doubt = self._doubts.get(place)
            if doubt is None or (doubt.needs_text and text is None) or doubt.is_worth(line, text or ""):
                return True
        return False

    def _says_a_secret(self, digits: bytes) -> bool:
        """Return whether what is written as hexadecimal digits may hold a secret."""
        return self.suspects(bytes.fromhex(digits.decode()))


@lru_cache(16)
def gate_of(names: KeyNames, shapes: tuple[Rule, ...], *, commands_too: bool) -> Gate:
    """Return the gate of some rules: one for all redactors that have the same, since it takes some megabytes."""
    return Gate(names, shapes, commands_too=commands_too)


class _Doubt(NamedTuple):
    """A closer look: says whether a line is worth the rules; one that ``needs_text`` cannot tell of escapes."""

    is_worth: Callable[[bytes, str], bool]
    needs_text: bool


def _doubts(
    gates: Sequence[str], key_gates: KeyGates | None, names: KeyNames, shapes: Sequence[Rule]
) -> dict[int, _Doubt]:
    """Return the closer looks by the places of their gates."""
    precise = _compiled("|".join(commands.PRECISE))
    looks: dict[str, _Doubt] = {
        gate: _Doubt(lambda line, _: precise.search(line) is not None, False) for gate in commands.COARSE
    }
    if key_gates is not None:
        looks |= _doubts_of_keys(key_gates, names)
    for rule in shapes:
        if rule.is_local:
            gate = GATE_START + rule.gate if rule.begins_word else rule.gate
            looks[gate] = _Doubt(lambda _, text, find=rule.find: any(True for _ in find(text)), True)  # type: ignore[misc]
    for gate, look in commands.closer_looks(names).items():
        looks[gate] = _Doubt(lambda _, text, look=look: look(text), True)  # type: ignore[misc]
    return {place: looks[gate] for place, gate in enumerate(gates) if gate in looks}


def _doubts_of_keys(gates: KeyGates, names: KeyNames) -> dict[str, _Doubt]:
    key, pair, option = _compiled(gates.key), _compiled(gates.pair), _compiled(gates.option)
    given, beside = _compiled(gates.given), _compiled(VALUE_BESIDE)

    def is_option_or_given(line: bytes, _: str) -> bool:
        return option.search(line) is not None or (given.search(line) is not None and beside.search(line) is not None)

    return {
        gates.assigned: _Doubt(
            lambda line, _: not all(_is_kept(line, found, names) for found in key.finditer(line)), False
        ),
        gates.paired: _Doubt(lambda line, _: pair.search(line) is not None, False),
        gates.beside: _Doubt(is_option_or_given, False),
        TYPED: _Doubt(lambda line, _: beside.search(line) is not None, False),
    }


_HEX_RUN: Final = re.compile(rb"=((?:[0-9A-F]{2}){6,})(?![A-Za-z0-9])")
_BARE_HEX: Final = re.compile(rb"[0-9A-F]{12}")
_FIRST_WORD: Final = re.compile(rb"[\w-]*")


def _is_kept(line: bytes, key: "re.Match[bytes]", names: KeyNames) -> bool:
    found = _FIRST_WORD.match(key[0])
    word = bare(found[0].decode()) if found is not None and found[0].isascii() else ""
    return word in names.kept or (word == "authorization" and line[key.end() : key.end() + 2].lstrip()[:1] == b"{")


def _options() -> "re2.Options":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are: lines need not be UTF-8
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_capture = True
    options.longest_match = True  # fewer states: only whether there is a match matters
    return options


def _first_of(pattern: str) -> "re2._Regexp":
    """Return what tells by ``match`` where the first match in a text ends.

    Where it starts would take a second automaton, that reads backwards: half as much memory again.
    """
    options = _options()
    options.longest_match = False
    return re2.compile(f"{_ANY_CASE}(?s:.*?)(?:{pattern})".encode(), options)


def _compiled(pattern: str) -> "re2._Regexp":
    return re2.compile((_ANY_CASE + pattern).encode(), _options())


def pattern_problem(pattern: str) -> str | None:
    """Return what keeps a pattern of the user's from being used, None when nothing does."""
    options = _options()
    try:
        compiled = re2.compile(pattern.encode(), options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    if compiled.search(b"") is not None:
        return "it matches nothing at all, so it would match everywhere"
    try:
        re.compile(pattern)
    except re.error as error:
        return str(error)
    return None
