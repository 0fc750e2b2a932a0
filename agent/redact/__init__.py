"""Redaction: secrets leave an event before it leaves the host's memory.

Three kinds of rules: *key names* (the value under ``password``, ``db_password``, ``X-Api-Key`` …, in JSON, in
``key=value`` text, in query strings, XML, YAML), *statements* (``mysql -px``, ``curl -u user:x``, ``IDENTIFIED BY
'x'``) and *shapes of values* (cloud keys, tokens, private keys, card numbers, passwords in URLs).  A secret becomes
``[REDACTED]`` where it stood, and each replacement is counted by rule.  Words that only name a kind of thing are no
secrets: a resource of the type ``secret``, a user called ``api_key-12``.

The gate is one RE2 scan that says yes or no for a whole chunk of lines.  It must say yes to whatever the rules would
change; only lines it suspects pay for the rules.
"""

from agent.records import REDACTED
from agent.redact.making import make_redactor
from agent.redact.pseudonyms import KeyFileError, Pseudonymising, Pseudonyms, read_key
from agent.redact.redactor import NoRedactor, SecretRedactor
from agent.redact.settings import InputRedactSettings, RedactSettings, for_input
from agent.redact.shapes import OPTIONAL_RULES, RULE_NAMES

__all__ = [
    "OPTIONAL_RULES",
    "REDACTED",
    "RULE_NAMES",
    "InputRedactSettings",
    "KeyFileError",
    "NoRedactor",
    "Pseudonymising",
    "Pseudonyms",
    "RedactSettings",
    "SecretRedactor",
    "for_input",
    "make_redactor",
    "read_key",
]
