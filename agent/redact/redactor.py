"""The redactor: applies key names, statements and shapes to lines, texts and decoded JSON."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from agent.records import REDACTED, Redactor
from agent.redact.assignments import Assignments, is_paired
from agent.redact.cards import CARD_NUMBER, says_id
from agent.redact.commands import find_arguments, find_statements
from agent.redact.gate import gate_of
from agent.redact.keylines import KeyLines
from agent.redact.names import NAMED_KEYS, NAMING_CHARACTERS_MAX, NAMING_KEYS, KeyNames, bare
from agent.redact.rule import Rule, Span
from agent.redact.shapes import COMMAND_RULE, KEY_NAME_RULE, PRIVATE_KEY_RULE

#: Keys whose values name a kind of thing.
_LABEL_KEYS: Final = frozenset(
    {"action", "category", "event", "event_name", "event_type", "kind", "level", "operation", "status", "type", "verb"}
)
#: What tells about a secret beside it, in an object that is one: the kind and the name of a credential.
_TELLING_KEYS: Final = frozenset(
    {"accesskeyid", "keyid", "type", "kind", "tokentype", "credentialtype", "expiration", "expires", "expiresat",
     "expiry", "expiresin", "expiresupon", "createdat", "updatedat", "issuedat", "issuer", "scope", "scopes", "name",
     "username", "user", "arn", "status", "version", "provider", "namespace"}
)  # fmt: skip
_SHORT_NUMBER_NAMES: Final = frozenset({"pass", "pw", "psk", "otp", "jwt"})
_CARD_MIN: Final = 10**14
_CARD_MAX: Final = 10**19
_NAME: Final = re.compile(r"(?a)[\w.-]{1,64}")
_PASSES_MAX: Final = 8
_ESCAPED_ASCII: Final = re.compile(r"\\u00(2[0-1b-f]|[3-7][0-9a-fA-F])", re.IGNORECASE)
_ENCODED_ASCII: Final = re.compile(r"%(?:25)*(3[0-9]|[46][1-9a-f]|5[0-9af]|7[0-9a]|2d)", re.IGNORECASE)
_HEX_RUN: Final = re.compile(r"(?<![A-Za-z0-9])(?:[0-9A-F]{2}){6,}(?![A-Za-z0-9])")
_HEX_RULE: Final = "hex"
#: What stands where a secret would: nothing, a mask, the keyed hash of one (Vault).
_NOTHING: Final = re.compile(r"(?:-|\*+|\[REDACTED\]|hmac-sha256:[0-9a-f]{64})?")


#: Makes the redactor of the same settings for a source: rules that do not apply, key names to keep, where to count.
Narrowed = Callable[[Collection[str], Collection[str], Counter[str]], Redactor]


class SecretRedactor:
    """Replaces secrets; see :class:`agent.records.Redactor`.  ``counts`` says how many, by rule.

    Applying it to what it returned changes nothing.  Not for several threads at once.
    """

    def __init__(
        self,
        names: KeyNames,
        shapes: Sequence[Rule],
        *,
        commands_too: bool = True,
        pseudonyms: Mapping[str, Callable[[str], str]] | None = None,
        narrowed: Narrowed | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._narrowed = narrowed
        shapes = sorted(shapes, key=lambda rule: rule.name != PRIVATE_KEY_RULE)
        self._shapes = tuple(shapes)
        self._label_shapes = tuple(rule for rule in shapes if rule.in_labels)
        self._phrase_shapes = tuple(rule for rule in shapes if rule.in_phrases)
        self._names = names
        self._assignments = Assignments(names) if names.names else None
        self._commands_too = commands_too
        self._pseudonyms = pseudonyms or {}
        self._gate = gate_of(names, tuple(shapes), commands_too=commands_too)
        self._key_lines = KeyLines() if any(rule.name == PRIVATE_KEY_RULE for rule in shapes) else None

    def suspects(self, chunk: bytes) -> bool:
        """Return whether some bytes may hold a secret: a quick yes or no, never a wrong no."""
        return self._gate.suspects(chunk)

    def suspected(self, lines: Sequence[bytes]) -> list[int]:
        """Return the places of the lines that may hold a secret, in order.

        The lines behind the beginning of a private key are its own, also in the next call.
        """
        places = self._gate.suspected(lines)
        found = [place for place in places if self._gate.is_worth(lines[place])]
        keys = self._key_lines
        if keys is None or not (found or keys.is_open or keys.material):
            return found
        return keys.follow(lines, found)

    def for_source(self, without: Collection[str], keep: Collection[str]) -> Redactor:
        """Return the redactor for a source that some rules do not apply to; it counts together with this one."""
        return self if self._narrowed is None else self._narrowed(without, keep, self.counts)

    def hides(self, key: str) -> bool:
        """Return whether a value under a key is a secret, whatever it is."""
        return self._names.is_secret(key)

    def text(self, text: str) -> str:
        """Return a text with the secrets in it replaced."""
        return self._text(text, self._shapes)

    def value(self, value: Any) -> Any:
        """Return a decoded JSON value with secrets replaced at any depth; what is given stays as it is."""
        texts: list[str] = []
        _gather_texts(value, texts)
        # Mostly it is a key that gives a line away: then one scan tells that no text in it needs a look.
        clean = not self.suspects("\0".join(texts).encode(errors="surrogatepass"))
        if self._key_lines is not None and self._key_lines.material:
            clean = False
        return self._value(value, clean)

    def _value(self, value: Any, clean: bool) -> Any:
        if isinstance(value, str):
            return value if clean else self._text(value, self._shapes)
        if isinstance(value, Mapping):
            return self._mapping(value, clean)
        if isinstance(value, list | tuple):
            return self._list(value, clean)
        return value

    def _list(self, items: Sequence[Any], clean: bool) -> list[Any]:
        if len(items) > 1 and all(isinstance(item, str) for item in items):
            if (
                len(items) == 2
                and _NAME.fullmatch(items[0])
                and self._names.is_secret(items[0])
                and is_paired(items[1])
            ):
                return [items[0], self._hidden(items[1], "")]
            if not clean:
                items = self._arguments(items)
        return [self._value(item, clean) for item in items]

    def _arguments(self, items: Sequence[str]) -> Sequence[str]:
        """Redact the words of a command together: an option tells what the next word is."""
        if any("\0" in item for item in items):
            return items
        redacted = self._text("\0".join(items), self._shapes).split("\0")
        return redacted if len(redacted) == len(items) else items

    def _mapping(self, value: Mapping[str, Any], clean: bool) -> dict[str, Any]:
        named = self._names_a_secret(value)
        if not clean and isinstance(value.get("a0"), str):
            value = self._executed(value)
        redacted: dict[str, Any] = {}
        for key, inner in value.items():
            shown = key if clean else self._free_key(self._text(key, self._label_shapes, keys=False), redacted)
            redacted[shown] = self._member(key, inner, named, clean)
        if value.get("kind") in ("Secret", "SecretList"):
            self._hide_kubernetes(redacted)
        return redacted

    def _executed(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Redact the words of a command that auditd gives as a0, a1 …"""
        names = [f"a{number}" for number in range(len(value))]
        names = [name for name in names if isinstance(value.get(name), str)]
        return {**value, **dict(zip(names, self._arguments([value[name] for name in names]), strict=True))}

    def _hide_kubernetes(self, given: dict[str, Any]) -> None:
        for each in [given, *(item for item in given.get("items") or () if isinstance(item, dict))]:
            for name in ("data", "stringData"):
                if isinstance(each.get(name), Mapping):
                    each[name] = {key: self._hidden(inner, "") for key, inner in each[name].items()}

    def _member(self, key: str, inner: Any, named: bool, clean: bool) -> Any:
        if self._names.is_secret(key) or (named and re.sub("[^a-z]", "", key.lower()) in NAMED_KEYS):
            return self._hidden(inner, key)
        if isinstance(inner, int) and _CARD_MIN <= inner <= _CARD_MAX and not isinstance(inner, bool):
            return self._number(inner, key)
        if isinstance(inner, str) and not clean:
            if inner.isdigit() and says_id(key):
                return inner
            is_label = key.lower() in _LABEL_KEYS or (named and key.lower() in NAMING_KEYS)
            return self._text(inner, self._shapes_for_label(inner) if is_label else self._shapes)
        return self._value(inner, clean)

    def _number(self, number: int, key: str) -> Any:
        """Redact a number that may be a card's."""
        text = str(number)
        shown = text if says_id(key) else self._text(text, [rule for rule in self._shapes if rule is CARD_NUMBER])
        return number if shown == text else shown

    def _shapes_for_label(self, label: str) -> Sequence[Rule]:
        """A label of several words (``query selected password_hash``) is a phrase that may name a secret column."""
        return self._phrase_shapes if len(label.split()) > 1 else self._label_shapes

    def _names_a_secret(self, value: Mapping[str, Any]) -> bool:
        """Return whether an object is like ``{"name": "password", "value": …}``."""
        if value.get("type") == "password" and "value" in value:
            return True
        return any(
            isinstance(inner, str)
            and key.lower() in NAMING_KEYS
            and len(inner) <= NAMING_CHARACTERS_MAX
            and self._names.is_secret(inner)
            for key, inner in value.items()
        )

    def _hidden(self, secret: Any, key: str) -> Any:
        """Return what stands in the place of a secret: the same containers, every text and number in them replaced."""
        if isinstance(secret, Mapping):
            # Azure's ``authorization`` object says who may do what where; only the header of that name is a secret.
            if key.lower() == "authorization":
                return self._mapping(secret, clean=False)
            return {
                name: self._value(inner, clean=False)
                if bare(name) in _TELLING_KEYS and not isinstance(inner, Mapping | list)
                else self._hidden(inner, "")
                for name, inner in secret.items()
            }
        if isinstance(secret, list | tuple):
            return [self._hidden(inner, "") for inner in secret]
        if secret is None or isinstance(secret, bool) or (isinstance(secret, str) and _NOTHING.fullmatch(secret)):
            return secret
        if key.lower().endswith("pwd") and str(secret).startswith("/"):
            return secret
        if isinstance(secret, int) and secret < 1000 and bare(key) in _SHORT_NUMBER_NAMES:
            return secret
        return self._replacement(KEY_NAME_RULE, str(secret), REDACTED)

    def _text(self, text: str, shapes: Sequence[Rule], *, keys: bool = True) -> str:
        if self._key_lines is not None and self._key_lines.material:
            shown = self._key_lines.redact(text)
            self._count(PRIVATE_KEY_RULE, shown != text)
            text = shown
        if not self.suspects(text.encode(errors="surrogatepass")):
            return text
        plain = _ENCODED_ASCII.sub(_character, _ESCAPED_ASCII.sub(_character, text))
        before, redacted = plain, self._redacted_once(plain, shapes, keys)
        if redacted == plain:
            return text
        # A token that stood right behind another one has its start free only now.
        for _ in range(_PASSES_MAX):
            if redacted == before or not self.suspects(redacted.encode(errors="surrogatepass")):
                break
            before, redacted = redacted, self._redacted_once(redacted, shapes, keys)
        return redacted

    def _redacted_once(self, text: str, shapes: Sequence[Rule], keys: bool) -> str:
        may_hit = self._gate.rules(text.encode(errors="surrogatepass"))
        if _HEX_RULE in may_hit:
            text = _HEX_RUN.sub(self._redacted_hex, text)
        for rule in shapes[:1]:  # what is of many words goes before what sees only the first of them
            if rule.name in may_hit:
                text = self._without(text, rule.name, rule.find(text), rule.replacement)
        if keys and self._assignments is not None and KEY_NAME_RULE in may_hit:
            text = self._without(text, KEY_NAME_RULE, self._assignments.find(text), REDACTED)
        if keys and self._commands_too and (COMMAND_RULE in may_hit or "a0=" in text):
            text = self._without(text, COMMAND_RULE, find_statements(text, self._names), REDACTED)
            text = self._without_arguments(text)
        for rule in shapes[1:]:
            if rule.name in may_hit:
                text = self._without(text, rule.name, rule.find(text), rule.replacement)
        return text

    def _without(self, text: str, rule: str, spans: Iterable[Span], replacement: str) -> str:
        pieces: list[str] = []
        done = 0
        for start, end in sorted(spans):
            if start >= done:
                pieces += text[done:start], self._replacement(rule, text[start:end], replacement)
                done = end
        return "".join((*pieces, text[done:])) if pieces else text

    def _without_arguments(self, text: str) -> str:
        """Redact the words of a command that a line of auditd gives as a0="…" a1="…"."""
        found = find_arguments(text)
        if len(found) < 2:
            return text
        given = [argument for _, argument in found]
        pieces: list[str] = []
        done = 0
        for (span, argument), shown in zip(found, self._arguments(given), strict=True):
            if shown != argument:
                pieces += text[done : span[0]], shown
                done = span[1]
        return "".join((*pieces, text[done:]))

    def _redacted_hex(self, found: re.Match[str]) -> str:
        """Redact text that was written as hexadecimal digits, and write it so again."""
        try:
            said = bytes.fromhex(found[0]).decode()
        except ValueError:
            return found[0]
        if not said.replace("\0", "").replace("\n", "").replace("\t", "").isprintable():
            return found[0]
        shown = self._text(said, self._shapes)
        return found[0] if shown == said else shown.encode(errors="surrogatepass").hex().upper()

    def _replacement(self, rule: str, secret: str, replacement: str) -> str:
        self._count(rule, True)
        pseudonym = self._pseudonyms.get(rule)
        return replacement if pseudonym is None else pseudonym(secret)

    def _count(self, rule: str, hit: bool) -> None:
        if hit:
            self.counts[rule] += 1

    @staticmethod
    def _free_key(key: str, taken: Mapping[str, Any]) -> str:
        if key not in taken:
            return key
        number = 2
        while f"{key} ({number})" in taken:
            number += 1
        return f"{key} ({number})"


class NoRedactor:
    """Leaves everything as it is: redaction is switched off."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def suspects(self, chunk: bytes) -> bool:  # noqa: ARG002
        """Suspect nothing."""
        return False

    def suspected(self, lines: Sequence[bytes]) -> list[int]:  # noqa: ARG002
        """Suspect nothing."""
        return []

    def for_source(self, without: Collection[str], keep: Collection[str]) -> Redactor:  # noqa: ARG002
        """Return this one."""
        return self

    def hides(self, key: str) -> bool:  # noqa: ARG002
        """Hide nothing."""
        return False

    def text(self, text: str) -> str:
        """Return the text."""
        return text

    def value(self, value: Any) -> Any:
        """Return the value."""
        return value


def _gather_texts(value: Any, texts: list[str]) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, Mapping):
        texts.extend(value)
        for inner in value.values():
            _gather_texts(inner, texts)
    elif isinstance(value, list | tuple):
        for inner in value:
            _gather_texts(inner, texts)


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1].lower() != "5c" else escape[0]
