"""Names of keys: which name a secret, in decoded data and in text, and the gates for them."""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

#: Words that a key of a secret ends in.  An underscore also matches ``-``, ``.``, a space or nothing.
KEY_NAMES: Final = (
    "password", "passwd", "pass_phrase", "pass_code", "pwd", "pswd", "secret", "token", "api_key", "access_key",
    "secret_key", "private_key", "account_key", "signing_key", "encryption_key", "decryption_key", "master_key",
    "shared_key", "auth_key", "consumer_key", "storage_key", "subscription_key", "functions_key", "deploy_key",
    "ssh_key", "hmac_key", "authorization", "cookie", "cookies", "credential", "credentials", "client_secret",
    "password_hash", "passwd_hash", "password_digest", "password_salt", "passwords", "api_keys", "access_code",
    "authorization_code", "auth_code", "code_verifier", "client_assertion", "verification_code", "security_code",
    "recovery_code", "recovery_codes", "backup_code", "backup_codes", "otp_code", "mfa_code", "totp_code",
    "security_answer", "seed_phrase", "recovery_phrase", "saml_response", "master_auth", "require_pass", "key_material",
    "secret_text", "secret_value", "secret_string", "token_value", "api_key_value", "password_value", "auth_header",
    "password_confirmation", "password_confirm", "password_repeat", "password_again", "password_new", "password_old",
    "secret_key_base", "license_key", "userpass", "mypass", "dbpass", "smtppass", "mailpass", "ftppass", "rootpass",
    "adminpass", "mysqlpass", "ldappass", "bindpass", "passwort", "kennwort", "mot_de_passe", "senha", "contrasena",
)  # fmt: skip
#: Names that are no ends of words: ``pass`` is one, ``bypass`` is none; ``dbPass`` and ``db_pass`` are.
WHOLE_NAMES: Final = (
    "pass", "passw", "psw", "pw", "otp", "totp", "cvv", "cvc", "cvv2", "psk", "jwt", "mnemonic", "xauth", "passkey",
)  # fmt: skip
#: What may follow a name: ``password2``, ``token_1``.
NUMBERED: Final = "(?:[-_]?[0-9]{1,2})?"
#: The same as the last word of a name like ``dbPass``; short ones would be found in random letters.
CAMEL_NAMES: Final = "|".join(name.capitalize() for name in WHOLE_NAMES if len(name) > 3)
#: Names that end in such a word and are of no secret.
KEPT_NAMES: Final = (
    "hashed_token", "token_hash", "next_token", "page_token", "next_page_token", "previous_page_token",
    "prev_page_token",
    "start_page_token", "new_start_page_token", "continuation_token", "pagination_token", "next_continuation_token",
    "sync_token", "next_sync_token", "client_request_token", "idempotency_token", "cancellation_token", "resume_token",
    "unexpected_token", "requires_password", "public_access_key", "public_api_key", "is_secret", "has_password",
    "max_token", "min_token", "stop_token", "eos_token", "bos_token", "pad_token", "unk_token", "num_token",
)  # fmt: skip

#: Keys whose value names what another value in the same object is: ``{"name": "password", "value": "x"}``.
NAMING_KEYS: Final = frozenset(
    {"name", "field", "key", "header", "parameter", "param", "variable", "option", "property", "attribute", "setting"}
)  # fmt: skip
#: Keys of that other value.
NAMED_KEYS: Final = frozenset(
    {
        "value", "values", "val", "old", "new", "oldvalue", "newvalue", "before", "after", "previous", "current",
        "from", "to", "default", "data", "content", "stringvalue", "v", "text", "string", "multivalue",
    }
)  # fmt: skip
#: Longer texts name nothing.
NAMING_CHARACTERS_MAX: Final = 128

_BETWEEN: Final = re.compile(r"[-_. ]")


def bare(name: str) -> str:
    """Return a name in small letters, without what stands between its words."""
    return _BETWEEN.sub("", name.lower())


def names_pattern(names: Sequence[str]) -> str:
    """Return a pattern for any of the key names; ``api_key`` also finds ``apiKey``, ``api-key`` and ``API Key``."""
    alternatives = ["[-_. ]?".join(name.strip("_").split("_")) for name in names]
    return "(?:" + "|".join(sorted(alternatives, key=len)) + ")"


def ends_pattern(names: Sequence[str]) -> str:
    """Return a pattern (``re``, any case) for text that ends a secret key: the names, or a whole word of the others."""
    whole, camel = "|".join(sorted(WHOLE_NAMES, key=len)), CAMEL_NAMES
    if "pwd" in names:  # in capital letters ids end like that, too
        whole, camel = f"{whole}|pwd", f"{camel}|pwd|Pwd"
        names = [name for name in names if name != "pwd"] or ["password"]
    return rf"(?:{names_pattern(names)}|(?<![A-Za-z0-9])(?:{whole})|(?<=[a-z])(?-i:{camel})){NUMBERED}"


class KeyNames:
    """Tells whether a key names a secret: it ends in one of the names and is none of the kept."""

    def __init__(self, names: Sequence[str], keep: Collection[str]) -> None:
        self.names = tuple(names)
        self._given = (self.names, frozenset(keep))
        self.kept = frozenset(map(bare, (*KEPT_NAMES, *keep))) if names else frozenset()
        # What may be said of more keys than their own name is asked again and again.
        self.is_secret = lru_cache(4096)(self._is_secret)
        self._ending = re.compile(rf"(?ai){ends_pattern(names)}\s{{0,8}}$") if names else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyNames) and self._given == other._given

    def __hash__(self) -> int:
        return hash(self._given)

    def _is_secret(self, key: str) -> bool:
        if self._ending is None or not self._ending.search(key):
            return False
        return bare(key.strip()) not in self.kept and bare(key.strip().rsplit(".")[-1]) not in self.kept

    def is_kept(self, text: str, end: int) -> bool:
        """Return whether the word that ends at a place of a text is one of the kept names."""
        start = end
        while (
            start > 0 and end - start < NAMING_CHARACTERS_MAX and (text[start - 1].isalnum() or text[start - 1] in "_-")
        ):
            start -= 1
        return bare(text[start:end]) in self.kept
