"""Gates (RE2) for what is said about keys: values assigned to the names of secrets, options, pairs, names as values."""

from collections.abc import Sequence
from typing import Final

from agent.redact.names import CAMEL_NAMES, NAMED_KEYS, NAMING_KEYS, NUMBERED, WHOLE_NAMES

_QUOTES: Final = (
    r"(?:[\\\"'`\]\s]|\\[nrt]|\\u00(?:2[027]|0[9ad]|5[cd])|\\x2[27]|%(?:25)*(?:2[027]|5[BD])"
    r"|&(?:amp;)?(?:quot|apos|#34|#39|#x22|#x27);)*"
)
_MARKS: Final = r"(?:[\\\"'`]|%(?:25)*2[27]|&(?:amp;)?(?:quot|apos|#34|#39);|\\x2[27]|\\u002[27])*"
_INDEXED: Final = r"(?:[-_]?[0-9]{1,2})?(?:\[[0-9]*\])?"
_ASSIGNED: Final = r"(?:=|:|->|→|\\u2192|\\u003[ad]|\\x3[ad]|%(?:25)*3[ad]|&#61;|;s:)"
_BLANK: Final = r"(?:\s|\\+[nrt])*"
_CLOSED: Final = r"(?:>|&gt;|\\u003e)"
_OPENED: Final = r"(?:<|&lt;|\\u003c)"
_PARTED: Final = r"(?:\\[\"'\\]|[\s\"',\x00]|\\[nrt0]|\\u0000|\\x00)"
_WHOLE: Final = "|".join(sorted(WHOLE_NAMES))
_WHOLE_WORD: Final = rf"(?:(?:^|[^A-Za-z0-9])(?:{_WHOLE})|[a-z](?-i:{CAMEL_NAMES}))"
_SEPARATOR: Final = "[-_. ]?"

_OPTION: Final = r"(?:^|[^\w-])--?[\w.-]*"
_TAG: Final = rf"{_OPENED}[\w.:-]*"
_GIVEN: Final = rf"(?:^|[^A-Za-z_])(?:{'|'.join(sorted(NAMING_KEYS))}){_MARKS}{_BLANK}[:=]>?{_BLANK}{_MARKS}[^\"'\n]*"


def _item(quote: str) -> str:
    """Return a pattern for a text in quotes, as far as it shows that it is no key of an object: no colon follows."""
    return rf"{quote}[\w.-]*(?:[^\w.{quote}-]|{quote}\s*(?:[^:\s]|$)|$)"


#: The second of two texts.  That the first stands right behind a bracket is not asked of a whole log: within every
#: ``{"…`` the automaton would need all its states a second time.
_SECOND: Final = (
    rf"{_MARKS}\s*,\s*b?(?:{_item(chr(34))}|{_item(chr(39))}|[`&%]|<<"
    r"|\\+(?:[^\\\"]|\"[\w.-]*(?:[^\w.\\-]|\\+(?:[^\"\\]|\"\s*(?:[^:\s]|$))|$)|$))"
)
#: ``{"type": "password", "value": "x"}``
TYPED: Final = r"[^A-Za-z_]type[\\\"']+\s*:\s*[\\\"']+password[\\\"']"
_KUBERNETES: Final = r"kind[\\\"']+\s*:\s*[\\\"']+secret(?:list)?[\\\"']"
#: What must stand beside the name of a secret that is given as a value.
VALUE_BESIDE: Final = (
    rf"(?:^|[^A-Za-z_]|\\[nrt])(?:{'|'.join(sorted(NAMED_KEYS))}|old_value|new_value|string_value){_MARKS}{_BLANK}(?:=>|[:=])"
    rf"|{_CLOSED}|name=[\\\"']+[^\"']*[\\\"']+(?:\s|\\+[nr]){{2}}"
)


class KeyGates:
    """The gates for some names of secrets, and what looks closer where a gate is coarse."""

    def __init__(self, names: Sequence[str]) -> None:
        # sudo writes PWD=/home/… in every line
        self._some = names_gate([name for name in names if name != "pwd"] or ["password"])
        all_names = names_gate(names)
        any_name = rf"(?:{all_names}|{_WHOLE})"
        self.assigned = rf"{self._some}{_INDEXED}{_QUOTES}(?:{_ASSIGNED}|{_CLOSED})"
        self.paired = rf"(?:{all_names}|{_WHOLE_WORD}){_INDEXED}{_SECOND}"
        self.beside = rf"(?:{_OPTION}|{_TAG}|{_GIVEN}){any_name}{NUMBERED}(?:[^A-Za-z0-9_-]|$)"
        self.gates = (
            self.assigned,
            rf"pwd{_INDEXED}{_QUOTES}(?:{_ASSIGNED}[^/]|{_CLOSED})" if "pwd" in names else rf"{self._some}{_QUOTES}=",
            # "pass=57" is the result of a test.
            rf"{_WHOLE_WORD}{_INDEXED}{_QUOTES}(?:{_ASSIGNED}{_QUOTES}(?:[^0-9\s]|[0-9]{{4}})|{_CLOSED})",
            self.paired,
            self.beside,
            TYPED,
            _KUBERNETES,
        )
        self.key = rf"[\w-]*{self.assigned}"
        self.pair = rf"[\[({{]\s*b?{_MARKS}[\w.-]*{any_name}{_INDEXED}{_MARKS}\s*,\s*(?:b?[\\\"'`&%]|<<)"
        self.option = rf"{_OPTION}{any_name}{NUMBERED}{_PARTED}|{_TAG}{any_name}\s"
        self.given = rf"{_GIVEN}{any_name}{NUMBERED}(?:[^A-Za-z0-9_-]|$)"


def names_gate(names: Sequence[str]) -> str:
    """Return a pattern for text that ends in one of the names; shared ends keep the program of a scan small."""
    words = {tuple(name.strip("_").split("_")) for name in names}
    told = [word for word in words if not any(word[start:] in words for start in range(1, len(word)))]
    firsts: dict[str, list[str]] = {}
    for *before, last in sorted(told):
        firsts.setdefault(last, []).append(_SEPARATOR.join(before))
    ends = [
        f"(?:{'|'.join(given)}){_SEPARATOR}{last}" if "" not in given else last
        for last, given in sorted(firsts.items())
    ]
    return f"(?:{'|'.join(ends)})"
