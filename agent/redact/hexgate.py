"""The gate (RE2) for text that auditd has written as hexadecimal digits: what the other gates look for, in digits.

A run of digits holds a whole command line: most hold the name of some file or option that is like a secret's.  So that
a clean one is rarely suspected, the names must end where a key does, and options follow a program that has them.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final

from agent.redact import commands
from agent.redact.keygates import names_gate
from agent.redact.names import WHOLE_NAMES
from agent.redact.prefixes import literal_prefixes
from agent.redact.rule import Rule

_BYTE: Final = "[0-9A-F]{2}"
#: How the statements and shapes begin that begin with no name of a key.
_ROOTS: Final = (
    "bearer", "basic", "pwdencrypt", "pwdcompare", "crypt(", "pgp_sym_", "identified", "signature", "secretlist",
    "-----BEGIN", "---- BEGIN", "Private-Lines", "<RSAKey", "hooks.", "webhook", "echo", "vault", "insert", "replace",
    "add_user", "change_password", "authenticate_user", "--from-literal", "/p:", "sqlplus", "sqlldr", "expdp", "impdp",
    "rman", ":thin:", "Q~", "+ASt", "+ABa", "+AMC", "+AEh", "+ASb", "ACDb", "JQQJ9", ".atlasv1.", "-us", "key-",
    "key ", "key\t", "key\n", "key\\",
    *map("".join, product(("password", "passwd", "pwd"), ("", "-", "_"), ("hash", "digest", "salt"))),
)  # fmt: skip
#: What stands before a value as names do, and is none.
_MORE_NAMES: Final = ("auth", "sig")
#: Options of programs whose next word is a secret.
_OPTIONS: Final = ("p", "hp", "P", "u", "U", "-user", "-proxy-user", "a", "A", "-auth", "w", "X")
#: What may follow a name of a key: no letter, and neither what goes on as ``token.json`` nor as ``passwd/``.
_AFTER: Final = "(?:[0189A-F][0-9A-F]|2[0-9A-D]|3[0-9A-F]|40|5[B-F]|60|7[B-F]|[^0-9A-F]|$)"
#: What may stand before a token, see :data:`agent.redact.rule.GATE_START`; the run has only begun when nothing does.
_BEFORE: Final = (
    f"(?:(?:[0189A-F][0-9A-F]|2[0-9A-F]|3[A-F]|40|5[B-F]|60|7[B-F]|5B306D|25(?:{_BYTE}){{2}}|5C(?:{_BYTE}){{1,5}}))"
)
_BEFORE_PROGRAM: Final = "(?:0[09AD]|2[027F]|3D)"
_BEFORE_OPTION: Final = "(?:0[09AD]|2[027C]|3D|7530303030|783030)"
_DIGIT, _GAP, _HEX_DIGIT = "3[0-9]", "(?:2[0D])?", "(?:3[0-9]|6[1-6])"
_VALUES: Final = (
    f"3A2F2F(?:{_BYTE})*40",  # a password in a URL
    f"3[2-6](?:{_DIGIT}){{3}}{_GAP}(?:{_DIGIT}){{4}}{_GAP}(?:{_DIGIT}){{2}}{_GAP}(?:{_DIGIT}){{2}}{_GAP}(?:{_DIGIT}){{3}}",
    f"(?:{_DIGIT}){{8}}3A",  # a token of Telegram
    f"2D{_HEX_DIGIT}{{8}}2D{_HEX_DIGIT}{{8}}",  # a key of Mailgun
)


#: Whether there are such digits at all.
ANY_DIGITS: Final = rf"(?-i:(?:^|[=\x00])(?:{_BYTE}){{2}})"


def hex_gate(names: Sequence[str], shapes: Sequence[Rule], *, commands_too: bool) -> str:
    """Return the gate; auditd writes the digits in capital letters."""
    if any(rule.optional or rule.is_own for rule in shapes):
        return rf"(?-i:(?:^|[=\x00])(?:{_BYTE}){{8}})"  # whatever it is, it must be looked at
    tokens = {
        prefix for rule in shapes if rule.begins_word for shape in rule.shapes for prefix in literal_prefixes(shape)
    }
    words = [_any_of(tokens, exactly=True)]
    if commands_too:
        programs = _any_of(literal_prefixes("|".join(commands.PROGRAMS)), exactly=True)
        words.append(f"{programs}(?:{_BYTE})*{_BEFORE_OPTION}2D{_any_of(_OPTIONS, exactly=True)}")
    some = [
        f"(?:{_in_digits(names_gate(names))}|{_any_of((*WHOLE_NAMES, *_MORE_NAMES))}){_AFTER}",
        _any_of(_ROOTS),
        *_VALUES,
    ]
    begins = rf"(?:^|[=\x00])(?:{_BYTE})*"
    return rf"(?-i:{begins}(?:{'|'.join(some)})|(?:^|[=\x00])(?:(?:{_BYTE})*{_BEFORE})?(?:{'|'.join(words)}))"


def _any_of(texts: Iterable[str], *, exactly: bool = False) -> str:
    """Return a pattern for the digits of some texts, in any case of their letters unless it is to be ``exactly``."""
    digits = sorted(text.encode().hex().upper() if exactly else "".join(map(_letter, text)) for text in set(texts))
    return f"(?:{'|'.join(digits)})"


def _letter(letter: str) -> str:
    cases = sorted({f"{ord(letter.lower()):02X}", f"{ord(letter.upper()):02X}"})
    return cases[0] if len(cases) == 1 else f"[{cases[0][0]}{cases[1][0]}]{cases[0][1]}"


_PIECE: Final = re.compile(r"\[-_\. \]|\(\?:|[a-z0-9]")


def _in_digits(pattern: str) -> str:
    """Return a pattern of :func:`names_gate` for the digits of what it matches."""
    return _PIECE.sub(lambda found: _PIECES.get(found[0]) or _in_a_range(found[0]), pattern)


_PIECES: Final = {"[-_. ]": "(?:[25][0DEF])", "(?:": "(?:"}


def _in_a_range(letter: str) -> str:
    """Return a pattern for the digits of a letter and of some others: as a range it is half as large."""
    digits = _letter(letter)
    return f"[4-7]{digits[-1]}" if letter.isalpha() else digits
