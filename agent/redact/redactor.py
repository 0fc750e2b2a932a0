"""The redactor: applies key names and shapes to texts and to decoded JSON."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from agent.redact.assignments import Assignments
from agent.redact.gate import Gate
from agent.redact.rules import (
    KEY_NAME_RULE,
    NAMED_KEYS,
    NAMING_CHARACTERS_MAX,
    NAMING_KEYS,
    REDACTED,
    SHAPES,
    Rule,
    names_pattern,
)
from agent.redact.settings import RedactSettings

#: Keys whose values name a kind of thing.
_LABEL_KEYS: Final = frozenset(
    {"action", "category", "event", "event_name", "event_type", "kind", "level", "operation", "status", "type", "verb"}
)
_KEYS_REMEMBERED: Final = 4096
_PASSES_MAX: Final = 8
_NO_LETTER_OR_DIGIT: Final = re.compile(r"[-_. ]")
_ESCAPED_ASCII: Final = re.compile(r"\\u00(2[0-1b-f]|[3-7][0-9a-fA-F])", re.IGNORECASE)


class SecretRedactor:
    """Replaces secrets; see :class:`agent.records.Redactor`.  ``counts`` says how many, by rule.

    Applying it to what it returned changes nothing.  Not for several threads at once.
    """

    def __init__(self, key_names: Sequence[str], shapes: Sequence[Rule], keep: Collection[str] = ()) -> None:
        self.counts: Counter[str] = Counter()
        kept = frozenset(map(_bare, keep))
        self._shapes = tuple(shapes)
        self._label_shapes = tuple(rule for rule in shapes if rule.in_labels)
        self._phrase_shapes = tuple(rule for rule in shapes if rule.in_phrases)
        self._assignments = Assignments(key_names) if key_names else None
        ending = re.compile(rf"(?ai){names_pattern(key_names)}\s{{0,8}}$") if key_names else None
        self._is_secret_key = lru_cache(_KEYS_REMEMBERED)(
            lambda key: ending is not None and bool(ending.search(key)) and _bare(key) not in kept
        )
        self._gate = Gate(key_names, shapes)

    def suspects(self, chunk: bytes) -> bool:
        """Return whether some bytes may hold a secret: a quick yes or no, never a wrong no."""
        return self._gate.suspects(chunk)

    def text(self, text: str) -> str:
        """Return a text with the secrets in it replaced."""
        return self._text(text, self._shapes)

    def value(self, value: Any) -> Any:
        """Return a decoded JSON value with secrets replaced at any depth; what is given stays as it is."""
        texts: list[str] = []
        _gather_texts(value, texts)
        # Mostly it is a key that gives a line away: then one scan tells that no text in it needs a look.
        clean = not self.suspects("\n".join(texts).encode(errors="surrogatepass"))
        return self._value(value, clean)

    def _value(self, value: Any, clean: bool) -> Any:
        if isinstance(value, str):
            return value if clean else self._text(value, self._shapes)
        if isinstance(value, Mapping):
            return self._mapping(value, clean)
        if isinstance(value, list | tuple):
            return [self._value(item, clean) for item in value]
        return value

    def _mapping(self, value: Mapping[str, Any], clean: bool) -> dict[str, Any]:
        named = self._names_a_secret(value)
        redacted: dict[str, Any] = {}
        for key, inner in value.items():
            shown = key if clean else self._free_key(self._text(key, self._label_shapes, keys=False), redacted)
            redacted[shown] = self._member(key, inner, named, clean)
        return redacted

    def _member(self, key: str, inner: Any, named: bool, clean: bool) -> Any:
        if self._is_secret_key(key) or (named and re.sub("[^a-z]", "", key.lower()) in NAMED_KEYS):
            return self._hidden(inner, key)
        if isinstance(inner, str) and not clean:
            is_label = key.lower() in _LABEL_KEYS or (named and key.lower() in NAMING_KEYS)
            return self._text(inner, self._shapes_for_label(inner) if is_label else self._shapes)
        return self._value(inner, clean)

    def _shapes_for_label(self, label: str) -> Sequence[Rule]:
        """A label of several words (``query selected password_hash``) is a phrase that may name a secret column."""
        return self._phrase_shapes if len(label.split()) > 1 else self._label_shapes

    def _names_a_secret(self, value: Mapping[str, Any]) -> bool:
        """Return whether an object is like ``{"name": "password", "value": …}``."""
        return any(
            isinstance(inner, str)
            and key.lower() in NAMING_KEYS
            and len(inner) <= NAMING_CHARACTERS_MAX
            and self._is_secret_key(inner)
            for key, inner in value.items()
        )

    def _hidden(self, secret: Any, key: str) -> Any:
        """Return what stands in the place of a secret: the same containers, every text and number in them replaced."""
        if isinstance(secret, Mapping):
            # Azure's ``authorization`` object says who may do what where; only the header of that name is a secret.
            if key.lower() == "authorization":
                return self._mapping(secret, clean=False)
            return {name: self._hidden(inner, "") for name, inner in secret.items()}
        if isinstance(secret, list | tuple):
            return [self._hidden(inner, "") for inner in secret]
        if secret is None or isinstance(secret, bool) or secret in ("", REDACTED):
            return secret
        if key == "PWD" and str(secret).startswith("/"):
            return secret
        self.counts[KEY_NAME_RULE] += 1
        return REDACTED

    def _text(self, text: str, shapes: Sequence[Rule], *, keys: bool = True) -> str:
        if not self.suspects(text.encode(errors="surrogatepass")):
            return text
        plain = _ESCAPED_ASCII.sub(_character, text)
        before, redacted = plain, self._redacted_once(plain, shapes, keys)
        if redacted == plain:
            return text
        # A token that stood right behind another one has its start free only now.
        for _ in range(_PASSES_MAX):
            if redacted == before:
                break
            before, redacted = redacted, self._redacted_once(redacted, shapes, keys)
        return redacted

    def _redacted_once(self, text: str, shapes: Sequence[Rule], keys: bool) -> str:
        may_hit = self._gate.rules(text.encode(errors="surrogatepass"))
        if keys and self._assignments is not None and KEY_NAME_RULE in may_hit:
            text, count = self._assignments.redact(text)
            self._count(KEY_NAME_RULE, count)
        for rule in shapes:
            if rule.name in may_hit:
                text, count = rule.pattern.subn(rule.replacement, text)
                self._count(rule.name, count)
        return text

    def _count(self, rule: str, count: int) -> None:
        if count:
            self.counts[rule] += count

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

    def text(self, text: str) -> str:
        """Return the text."""
        return text

    def value(self, value: Any) -> Any:
        """Return the value."""
        return value


def make_redactor(
    settings: RedactSettings, *, without: Collection[str] = (), keep: Collection[str] = ()
) -> SecretRedactor | NoRedactor:
    """Return the redactor that the settings describe, with counts of its own.

    ``without`` and ``keep`` are what a profile says of its source: rules that do not apply to it, and key names (in any
    case, with or without ``_`` and ``-``) whose values are no secrets.
    """
    if not settings.enabled:
        return NoRedactor()
    off = {*settings.without, *without}
    shapes = [rule for rule in SHAPES if rule.name not in off]
    names = (*settings.key_names, *settings.more_key_names) if KEY_NAME_RULE not in off else ()
    return SecretRedactor(names, shapes, keep)


def _bare(key: str) -> str:
    return _NO_LETTER_OR_DIGIT.sub("", key.lower())


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
