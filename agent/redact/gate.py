"""The gate: RE2 scans that say whether, and by which rule, something may be a secret.  Never a wrong no."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

import re2

from agent.redact import commands
from agent.redact.names import (
    CAMEL_NAMES,
    NAMED_KEYS,
    NAMING_KEYS,
    NUMBERED,
    WHOLE_NAMES,
    KeyNames,
    bare,
    names_pattern,
)
from agent.redact.prefixes import literal_prefixes
from agent.redact.rule import Rule
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
_MEMORY: Final = 32 << 20

_QUOTES: Final = (
    r"(?:[\\\"'`\]\s]|\\[nrt]|\\u00(?:2[027]|0[9ad]|5[cd])|\\x2[27]|%(?:25)*(?:2[027]|5[BD])"
    r"|&(?:amp;)?(?:quot|apos|#34|#39|#x22|#x27);)*"
)
_MARKS: Final = r"(?:[\\\"'`]|%(?:25)*2[27]|&(?:amp;)?(?:quot|apos|#34|#39);|\\x2[27]|\\u002[27])*"
_NUMBERED: Final = r"(?:[-_]?[0-9]{1,2})?(?:\[[0-9]*\])?"
_ASSIGNED: Final = r"(?:=|:|->|→|\\u2192|\\u003[ad]|\\x3[ad]|%(?:25)*3[ad]|&#61;|;s:)"
_BLANK: Final = r"(?:\s|\\+[nrt])*"
_CLOSED: Final = r"(?:>|&gt;|\\u003e)"
_OPENED: Final = r"(?:<|&lt;|\\u003c)"
_PARTED: Final = r"(?:\\[\"'\\]|[\s\"',\x00]|\\[nrt0]|\\u0000|\\x00)"


class Gate:
    """The gates of some rules."""

    def __init__(self, names: KeyNames, shapes: Sequence[Rule], *, commands_too: bool) -> None:
        gates = [(KEY_NAME_RULE, gate) for gate in _gates_of_keys(names.names)]
        gates += [(COMMAND_RULE, gate) for gate in (*commands.GATES, *commands.COARSE)] if commands_too else []
        gates += [(rule.name, rule.gate) for rule in shapes]
        gates += [(_ESCAPE, _ESCAPES), (_HEX, _hex_gate(shapes))]
        self._any = _scan("|".join(gate for _, gate in gates))
        self._names = [name for name, _ in gates]
        self._gates = [gate for _, gate in gates]
        self._keys, self._shapes = names, tuple(shapes)

    @cached_property
    def _each(self) -> "re2.Set":
        """All gates one by one: made when something is suspected, for it takes megabytes."""
        found = re2.Set.SearchSet(_options())
        for gate in self._gates:
            found.Add((_ANY_CASE + gate).encode())
        found.Compile()
        give_back_memory()  # 2.4 of 3 MB were only for compiling
        return found

    @cached_property
    def _doubts(self) -> "dict[int, _Doubt]":
        return _doubts(self._gates, self._keys, self._shapes)

    def suspects(self, chunk: bytes) -> bool:
        """Return whether some bytes may hold a secret."""
        return self._any.Match(chunk) is not None

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


def _doubts(gates: Sequence[str], names: KeyNames, shapes: Sequence[Rule]) -> dict[int, _Doubt]:
    """Return the closer looks by the places of their gates."""
    precise, beside = _compiled("|".join(commands.PRECISE)), _compiled(_VALUE_BESIDE)
    looks: dict[str, _Doubt] = {
        gate: _Doubt(lambda line, _: precise.search(line) is not None, False) for gate in commands.COARSE
    }
    if names.names:
        key = _compiled(rf"[\w-]*{_some_names(names.names)}{_NUMBERED}{_QUOTES}(?:{_ASSIGNED}|{_CLOSED})")
        looks[_gates_of_keys(names.names)[0]] = _Doubt(
            lambda line, _: not all(_is_kept(line, found, names) for found in key.finditer(line)), False
        )
        given = _Doubt(lambda line, _: beside.search(line) is not None, False)
        looks |= {_name_given(names.names): given, _TYPED: given}
    for rule in shapes:
        if rule.is_local:
            looks[rule.gate] = _Doubt(lambda _, text, find=rule.find: any(True for _ in find(text)), True)  # type: ignore[misc]
    for gate, look in commands.closer_looks(names).items():
        looks[gate] = _Doubt(lambda _, text, look=look: look(text), True)  # type: ignore[misc]
    return {place: looks[gate] for place, gate in enumerate(gates) if gate in looks}


_HEX_RUN: Final = re.compile(rb"=((?:[0-9A-F]{2}){6,})(?![A-Za-z0-9])")
_BARE_HEX: Final = re.compile(rb"[0-9A-F]{12}")
_FIRST_WORD: Final = re.compile(rb"[\w-]*")


def _is_kept(line: bytes, key: "re.Match[bytes]", names: KeyNames) -> bool:
    found = _FIRST_WORD.match(key[0])
    word = bare(found[0].decode()) if found is not None and found[0].isascii() else ""
    return word in names.kept or (word == "authorization" and line[key.end() : key.end() + 2].lstrip()[:1] == b"{")


def _some_names(names: Sequence[str]) -> str:
    """Return a pattern for the names of keys without ``pwd``: sudo writes PWD=/home/… in every line."""
    return names_pattern([name for name in names if name != "pwd"] or ["password"])


def _options() -> "re2.Options":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are: lines need not be UTF-8
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_capture = True
    options.longest_match = True  # fewer states: only whether there is a match matters
    return options


def _compiled(pattern: str) -> "re2._Regexp":
    return re2.compile((_ANY_CASE + pattern).encode(), _options())


def _scan(pattern: str) -> "re2.Set":
    """Return a set of one pattern, which tells only whether it is in a text.

    A pattern tells where, too, for which RE2 makes an automaton that reads backwards, at the first match: 3 MB.  A set
    that could be compiled has room for some states of its own; when its memory is full it forgets them and goes on.
    """
    found = re2.Set.SearchSet(_options())
    found.Add((_ANY_CASE + pattern).encode())
    found.Compile()
    return found


def _gates_of_keys(names: Sequence[str]) -> list[str]:
    """Return the gates of what is said about the keys with these names, in JSON or in plain text."""
    if not names:
        return []
    key = _some_names(names)
    some = names_pattern(names)
    whole = "|".join(WHOLE_NAMES)
    quotes = _MARKS
    return [
        rf"{key}{_NUMBERED}{_QUOTES}(?:{_ASSIGNED}|{_CLOSED})",
        rf"pwd{_NUMBERED}{_QUOTES}(?:{_ASSIGNED}[^/]|{_CLOSED})" if "pwd" in names else rf"{key}{_QUOTES}=",
        # "pass=57" is the result of a test.
        rf"(?:(?:^|[^A-Za-z0-9])(?:{whole})|[a-z](?-i:{CAMEL_NAMES})){_NUMBERED}{_QUOTES}(?:{_ASSIGNED}{_QUOTES}(?:[^0-9\s]|[0-9]{{4}})|{_CLOSED})",
        rf"(?:^|[^\w-])--?[\w.-]*(?:{some}|{whole}){NUMBERED}{_PARTED}",
        rf"{_OPENED}[\w.:-]*(?:{some}|{whole})\s",
        rf"[\[({{]\s*b?{quotes}[\w.-]*(?:{some}|{whole}){quotes}\s*,\s*(?:b?[\\\"'`&%]|<<)",
        _name_given(names),
        _TYPED,
        r"kind[\\\"']+\s*:\s*[\\\"']+secret(?:list)?[\\\"']",
    ]


def _name_given(names: Sequence[str]) -> str:
    """Return the gate of a name of a secret as a value; :data:`_VALUE_BESIDE` tells whether its value may be there."""
    naming, whole = "|".join(sorted(NAMING_KEYS)), "|".join(WHOLE_NAMES)
    given = rf"(?:^|[^A-Za-z_])(?:{naming}){_MARKS}{_BLANK}[:=]>?{_BLANK}{_MARKS}"
    return rf"{given}[^\"'\n]*(?:{names_pattern(names)}|{whole}){NUMBERED}(?:[^A-Za-z0-9_-]|$)"


#: ``{"type": "password", "value": "x"}``
_TYPED: Final = r"[^A-Za-z_]type[\\\"']+\s*:\s*[\\\"']+password[\\\"']"
_VALUE_BESIDE: Final = (
    rf"(?:^|[^A-Za-z_]|\\[nrt])(?:{'|'.join(sorted(NAMED_KEYS))}|old_value|new_value|string_value){_MARKS}{_BLANK}(?:=>|[:=])"
    rf"|{_CLOSED}|name=[\\\"']+[^\"']*[\\\"']+(?:\s|\\+[nr]){{2}}"
)
#: How what is looked for begins, in texts that were written as hexadecimal digits.
_ROOTS: Final = (
    "pass", "pwd", "pswd", "secr", "tok", "key", "cred", "auth", "cook", "phrase", "bear", "basic", "jwt", "otp", "psk",
    "pw=", "psw", "cvv", "cvc", "mnemonic", "code", "identified", "answer", "saml", "assertion", "kennw", "senha",
    "contras", "Q~", "+ASt", "+ABa", "ACDb", "+AMC", "JQQJ9", ".atlasv1.", "-us",
    "mot", "material", "salt", "digest", "sig=", "signature", "-----", "Private-Lines", "RSAKey", "hooks.", "webhook",
    "echo", "vault", "insert", "replace", "login", "xauth",
    *(f"{mark}-{option}" for mark in "\0 " for option in ("p", "u", "U", "P", "a", "A", "w", "X", "hp")),
)  # fmt: skip
_HEX_DIGITS: Final = "[0-9A-F]{2}"


def _hex_gate(shapes: Sequence[Rule]) -> str:
    """Return a gate for text that auditd has written as hexadecimal digits, which are in capital letters."""
    if any(rule.optional or rule.is_own for rule in shapes):
        return rf"(?-i:(?:^|[=\x00])(?:{_HEX_DIGITS}){{8}})"  # whatever it is, it must be looked at
    roots = {"".join(_hex_letter(letter) for letter in root) for root in _ROOTS}
    roots |= {
        prefix.encode().hex().upper() for rule in shapes for shape in rule.shapes for prefix in literal_prefixes(shape)
    }
    url = f"3A2F2F(?:{_HEX_DIGITS})*40"
    gap, digit = "(?:2[0D])?", "3[0-9]"
    card = f"3[2-6](?:{digit}){{3}}{gap}(?:{digit}){{4}}{gap}(?:{digit}){{2}}{gap}(?:{digit}){{2}}{gap}(?:{digit}){{3}}"
    telegram = f"(?:{digit}){{8}}3A"
    return rf"(?-i:(?:^|[=\x00])(?:{_HEX_DIGITS})*(?:{'|'.join(sorted(roots))}|{url}|{card}|{telegram}))"


def _hex_letter(letter: str) -> str:
    cases = sorted({f"{ord(letter.lower()):02X}", f"{ord(letter.upper()):02X}"})
    return cases[0] if len(cases) == 1 else f"[{cases[0][0]}{cases[1][0]}]{cases[0][1]}"


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
