"""Settings of the redaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.redact.rules import RULE_NAMES
from watchbook.configfile import setting

#: Words that a key of a secret ends in.  An underscore also matches ``-``, ``.``, a space or nothing.
KEY_NAMES: Final = (
    "password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "api_key", "access_key", "secret_key",
    "private_key", "account_key", "signing_key", "encryption_key", "authorization", "cookie", "credential",
    "credentials", "client_secret", "password_hash", "passwd_hash", "password_digest",
)  # fmt: skip


def _known_rules(names: Sequence[str]) -> str | None:
    strange = [name for name in names if name not in RULE_NAMES]
    return f"only names of rules: {', '.join(RULE_NAMES)}" if strange else None


def _plain_names(names: Sequence[str]) -> str | None:
    plain = all(name.strip("_") and name.isascii() and name.replace("_", "").isalnum() for name in names)
    return None if plain else "names of letters, digits and underscores"


@dataclass(frozen=True)
class RedactSettings:
    """What is taken out of lines before they are spooled."""

    enabled: bool = setting("Whether secrets are replaced by [REDACTED] before anything is written or sent.", True)
    key_names: tuple[str, ...] = setting(
        "Values under these keys, and under keys ending in them, are secrets.", KEY_NAMES, check=_plain_names
    )
    more_key_names: tuple[str, ...] = setting("Key names besides those of 'key_names'.", (), check=_plain_names)
    without: tuple[str, ...] = setting(
        f"Rules that are switched off; known: {', '.join(RULE_NAMES)}.", (), check=_known_rules
    )
