"""Redaction: secrets leave an event before it leaves the host's memory.

Two kinds of rules: *key names* (the value under ``password``, ``db_password``, ``X-Api-Key`` …, in JSON, in
``key=value`` text, in query strings) and *shapes of values* (cloud keys, tokens, private keys, passwords in URLs).  A
secret becomes ``[REDACTED]`` where it stood, and each replacement is counted by rule.  Words that only name a kind of
thing are no secrets: a resource of the type ``secret``, a user called ``api_key-12``.

The gate is one RE2 scan that says yes or no for a whole chunk of lines.  It must say yes to whatever the rules would
change; only lines it suspects pay for the rules.
"""

from agent.redact.redactor import NoRedactor, SecretRedactor, make_redactor
from agent.redact.rules import REDACTED, RULE_NAMES
from agent.redact.settings import RedactSettings

__all__ = ["REDACTED", "RULE_NAMES", "NoRedactor", "RedactSettings", "SecretRedactor", "make_redactor"]
