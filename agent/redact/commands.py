"""Secrets in commands and statements, which no key names: ``mysql -px``, ``curl -u user:x``, ``IDENTIFIED BY 'x'``.

A command may be written as in a shell, with NUL bytes between its words (``/proc``, auditd), or as a list.
"""
# ruff: noqa: E501 - a table of patterns or lines, one a line

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from agent.redact.assignments import PARTING, is_no_secret
from agent.redact.names import KeyNames
from agent.redact.rule import Span
from agent.redact.values import QUOTE, value_span

_Q: Final = rf"(?:{QUOTE})?"
_P: Final = rf"(?:{PARTING})"
#: What may stand between a program and its option.
_ON: Final = r"[^\n;]{0,400}?(?:(?<![\w-])|(?<=\\u0000)|(?<=\\x00)|(?<=\\0))"


class Statement(NamedTuple):
    """A shape of a statement: what stands before its secret, and a gate; of a program its names stand for the gate.

    ``after``: the secret begins behind this character; ``@``: it ends there;
    ``back``: it is the last word of what was found.
    """

    before: re.Pattern[str]
    gate: str
    after: str = ""


# RE2 is slower with bounds.
_BOUNDED: Final = r"[^\n;]{0,80}?"
_ANY: Final = r"[^\n]*"


def _program(names: str, option: str, after: str = "") -> Statement:
    """Return the statement of a program whose short option is followed by a secret, at once or as the next word."""
    return Statement(
        re.compile(rf"(?a)(?<![\w.-])(?:{names})(?![\w.]){_ON}{option}(?:{_P}|=)?(?!-|[ \t\x00]|$)"), names, after
    )


_PASSWORD: Final = r"(?:password|passwd|passphrase|pass phrase)"  # noqa: S105 - no password

STATEMENTS: Final[tuple[Statement, ...]] = (
    _program(r"mysql\w*|mariadb[\w-]*|mycli|mongo\w*|sshpass|lftp|useradd|usermod|adduser|xfreerdp|rdesktop|cqlsh|impala-shell|beeline|sqoop", "-p"),
    _program(r"(?:docker|podman|nerdctl|buildah|skopeo|helm|oras|oc|az|ecctl|cf|ibmcloud|bx)\b[^\n;]{0,80}?\blogin", "-p"),
    _program(r"7z[az]?|7zz|unrar|rar|zipcloak", "-(?:h?p)"),
    _program(r"zip|unzip|sqlcmd|bcp|osql|isql|tsql|freebcp", "-P"),
    _program(r"curl|wget|fetch|aria2c|lftp|rclone|hey|svn", "-(?:u|U|-user|-proxy-user)", ":"),
    _program(r"https?|xh|ab|httpie|http-prompt", "-(?:a|A|-auth)", ":"),
    _program(r"smbclient|rpcclient|smbmap|winexe|wmic|net (?:rpc|ads)", "-U", "%"),
    _program(r"redis-cli|valkey-cli|keydb-cli|iredis", "-a"),
    _program(r"ldap(?:search|modify|add|delete|passwd|whoami|compare|modrdn)|rabbitmqadmin|ansible", "-(?:w|p)"),
    _program(r"snmp\w+", "-(?:A|X)"),
    _program(r"influx|clickhouse-client|cypher-shell", "-(?:p)"),
    Statement(re.compile(rf"(?a)/p:{_Q}"), r"/p:", ""),
    Statement(re.compile(rf"(?a)\b-?pass(?:in|out)?{_P}{_Q}pass:"), r"pass(?:in|out)?[\s\"',\x00]+pass:", ""),
    Statement(re.compile(rf"(?a)\bhtpasswd\b{_ON}-[A-Za-z]*b[A-Za-z]*{_P}\S+{_P}\S+{_P}"), r"htpasswd[^\n]*[\s\x00\"']-[a-z]*b", ""),
    Statement(re.compile(rf"(?a)\bvault{_P}login{_P}(?:token=)?(?!-)"), r"vault[\s\x00\"',]+login[\s\x00\"',]", ""),
    Statement(re.compile(rf"(?a)\b(?:add_user|change_password|authenticate_user){_P}[^\s\x00\"',]+{_P}"), r"(?:add_user|change_password|authenticate_user)[\s\x00\"',]", ""),
    Statement(re.compile(rf"(?a)--from-literal(?:=|{_P}){_Q}[\w.-]{{1,128}}="), r"--from-literal", ""),
    Statement(re.compile(rf"(?a)\bsecret{_P}set\b{_ON}--(?:value|body)(?:=|{_P})"), r"secret[\s\x00\"',]+set", ""),
    Statement(re.compile(rf"(?ai)(?<![\w-])echo{_P}(?:-\w{_P})?(?=[^|\n]{{1,200}}\|\s*(?:sudo\s[^|\n]{{0,40}}-S|passwd|chpasswd|su\b|docker\s[^|\n]*login|podman\s[^|\n]*login|openssl|kinit|gpg|cryptsetup))"), r"echo[\s\"',\x00][^\n]*\|\s*(?:sudo|passwd|chpasswd|su\b|docker|podman|openssl|kinit|gpg|cryptsetup)", ""),
    Statement(re.compile(rf"(?a)\bchpasswd\b[^\n]{{0,40}}?<<<\s*{_Q}[\w.-]{{1,64}}:"), r"chpasswd[^\n]*<<<", ""),
    Statement(re.compile(r"(?ai)\\{0,8}[\"']auth\\{0,8}[\"']\s+(?:\\{0,8}[\"'][^\"'\\]{1,128}\\{0,8}[\"']\s+(?=\\{0,8}[\"']))?(?=\\{0,8}[\"'])"), r"[\"']auth[\\\"']+\s", ""),
    Statement(re.compile(r"(?a)(?:^|[\s>\]:\"'])AUTH (?=[^\s\"']*\d)(?=[^\s\"']*[A-Za-z])(?=[^\s\"']{6,}(?:[\"']|\s*$))"), r"(?-i:AUTH [^\s]*[0-9])", ""),
    Statement(re.compile(r"(?ai)\b(?:sqlplus|sqlldr|expdp|impdp|rman)\s(?:-\S{1,16}\s){0,4}[\w$#]{1,64}/(?!/)|:thin:[\w$#]{1,64}/(?!/)"), r"(?:sqlplus|sqlldr|expdp|impdp|rman)\s[^\n]*/|:thin:[\w$#]+/", "@"),
    Statement(re.compile(r"(?a)(?:^|[\s:>\"])AUTH (?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5) (?=[A-Za-z0-9+/=]{8})"), r"auth (?:plain|login|xoauth2|cram-md5) [a-z0-9+/=\\]{8}", ""),
    Statement(re.compile(r"(?a)(?<![\w-])PASS (?=[^\s\"<(]*\d)(?=[^\s\"<(]*[A-Za-z])(?=[^\s\"<(]{6,}(?:[\"']|\s*$))(?!Test)"), r"(?-i:PASS [^\s\"<(]*[0-9])", ""),
    # SQL
    Statement(
        re.compile(rf"(?ai)\bidentified\s{{1,8}}(?:with\s{{1,8}}{_Q}\w{{1,64}}{_Q}\s{{1,8}})?(?:by|as|using)\s{{1,8}}(?:(?:random\s)?password\s{{1,8}})?"),
        r"identified(?:\s|\\[nrt])", ""),
    Statement(re.compile(rf"(?ai)\b(?:old_|new_)?(?:password|pwdencrypt|pwdcompare|passphrase|crypt)\s?\(\s{{0,4}}(?=[A-Za-z]?(?:{QUOTE}))"), r"(?:password|pwdencrypt|pwdcompare|passphrase|crypt)\s?\(\s*[a-z]?[\\\"'`]", ""),
    Statement(re.compile(r"(?ai)\bpassword\s{1,8}for\s{1,8}\S{1,200}\s{0,4}=\s{0,4}"), r"password\s+for\s+\S+\s*=", ""),
    Statement(re.compile(r"(?ai)\bpgp_sym_\w+\([^,\n]{1,400},\s{0,4}(?=[\"'])"), r"pgp_sym_", ""),
    # Sentences, and files of words
    Statement(
        re.compile(rf"(?ai)(?:passcode|pwd|secret|api[ _-]?key|access[ _-]?key|requirepass|masterauth)(?:\s{{1,8}}(?:is|was|to|of|as|set to|changed to))?\s{{1,8}}(?=[A-Za-z]?(?:{QUOTE})[^\s\"'\\`]{{4,}}[\"'\\`])"),
        r"(?:passcode|pwd|secret|key|requirepass|masterauth)(?:\s(?:is|was|to|of|as|set to|changed to))?(?:\s|\\[nrt])+[a-z]?[\\\"'`]", ""),
    Statement(re.compile(rf"(?ai)\b{_PASSWORD}\s(?:is|was|set to|changed to)\s(?=\S*[^A-Za-z\s.,;:!?)\"']\S)"), r"(?:password|passwd|passphrase|pass phrase)\s(?:is|was|set to|changed to)\s[a-z.,]*[^a-z\s.,]", ""),
    Statement(re.compile(rf"(?a)(?<![\w-])(?:(?i:{_PASSWORD}))[ \t]{{1,8}}(?=\S*[a-z])(?=\S*\d)(?=\S*[A-Z!@#$%^&*+~])[^\s\"'\\/=:,;]{{6,}}(?=[\s\"',;]|$)(?P<b>)"), r"(?:password|passwd|passphrase)[ \t]+[^\s\"]*[0-9]", "back"),
    Statement(re.compile(r"(?ai)\bPASSWORD[ \t]{1,4}(?=[^\s\"']*\d)(?=[^\s\"']*[a-z])[^\s\"'\\/=:,;.-]{6,}(?=[\s\"',;]|$)(?P<b>)"), r"password[ \t]+[^\s\"]*[0-9]", "back"),
    Statement(re.compile(r"(?ai)\b(?:login|user|username|account)\s\S{1,64}\s(?:(?:password|passwd)\s(?:\d\s)?|secret\s\d\s)(?!(?:for|is|was|or|and|not|has|in|with|must|should|can|cannot|does|did|too|set|age|hint|change)\b|changed|reset|updated|expired|authentication|failed|check|hash|policy|mismatch|invalid|incorrect|wrong|required|missing|accepted|rejected|entered|verif|history|prompt|manager|\W*$)(?=\S)"), r"(?:login|user|username|account)\s[^\s]+\s(?:password|passwd|secret\s[0-9])\s[^\s]", ""),
    Statement(re.compile(r"(?ai)\benable password (?:level \d+ )?(?:\d )?(?=\S)"), r"enable password ", ""),
    Statement(re.compile(rf"(?ai){_PASSWORD}(?:\s(?:is|was|to|of|as|set to|changed to))?\s{{1,8}}(?=[A-Za-z]?(?:{QUOTE})[^\s\"'\\`]{{4,}}[\"'\\`])"), r"(?:password|passwd|passphrase|pass phrase)(?:\s(?:is|was|to|of|as|set to|changed to))?\s+[a-z]?[\\\"'`]", ""),
    Statement(re.compile(r"(?ai)\benable (?:secret) (?:level \d+ )?(?:\d )?(?=\S)"), r"enable secret ", ""),
    Statement(re.compile(r"(?ai)\b(?:requirepass|masterauth)\s{1,8}(?=\S)"), r"(?:requirepass|masterauth)\s", ""),
    Statement(re.compile(r"(?ai)(?:token|secret|api[ _-]?key|access[ _-]?key|auth[ _-]?key)(?:\s(?:is|was|to|of|value))?\s(?=(?-i:(?=[^\s]*[a-z])(?=[^\s]*[A-Z])(?=[^\s]*\d)[A-Za-z0-9+/.~]{16}[\w+/=.~-]*(?:[\s,;.\"')]|$)))"), r"(?:token|secret|key)(?:\s(?:is|was|to|of|value))?\s[A-Za-z0-9+/.~\\]{16}", ""),
    Statement(re.compile(rf"(?ai)\b(?:config|configure|secret|secrets|env|variable|variables){_P}(?:set|put|add|create){_P}(?:-\S{{1,40}}{_P})?[\w./:@-]{{0,80}}?(?:authToken|_password|secret_access_key|secret_key|api_key|apikey|client_secret|token|password|requirepass|masterauth){_P}(?![-=])(?=[^\s\"']{{4,}}\s*(?:[\"']|$))"), r"(?:config|configure|secrets?|env|variables?)[\s\x00\"',]+(?:set|put|add|create)[\s\x00\"',]", ""),
)  # fmt: skip
_INSERT: Final = re.compile(
    r"(?ai)\b(?:insert|replace)\s{1,8}(?:ignore\s{1,8})?into\s{1,8}[\w.\"`\[\]\\]{1,200}\s{0,8}\((?P<columns>[^()]{1,2000})\)\s{0,8}values\s{0,8}"
)
_SQL_VALUE: Final = re.compile(
    r"\s{0,8}(?P<value>[A-Za-z]?'(?:[^']|'')*'|\\?\"(?:[^\"\\]|\\.)*?\\?\"|[^,()']{1,400})\s{0,8}(?P<end>[,)])"
)
_ARGUMENT: Final = re.compile(r"(?a)(?<![\w])a(?P<number>\d{1,3})=(?:\\?\"(?P<s>[^\"\\]{0,4096})\\?\"|(?P<hex>(?:[0-9A-F]{2}){2,4096})(?![0-9A-Za-z]))")  # fmt: skip

#: How many of the statements, from the first, are of a program and its option.
_PROGRAMS_COUNT: Final = 11
#: Patterns of the names of these programs.
PROGRAMS: Final = tuple(statement.gate for statement in STATEMENTS[:_PROGRAMS_COUNT])


_INSERTS: Final = r"(?:insert|replace)(?:\s|\\[nrt])+(?:ignore\s+)?into[^\n]*values"
_OF_PASSWORDS: Final = ("(?:password|passwd|passphrase", "password[", "(?:login|user", "enable password")


def _program_gate() -> str:
    names = "|".join(gate.replace(_BOUNDED, _ANY) for gate in PROGRAMS)
    options = "p|hp|P|u|U|-user|-proxy-user|a|A|-auth|w|X"
    return rf"(?-i:(?:^|[\s/\"'=\x00])(?:{names})(?:[\s\"',\\\x00][^\n]*)?(?:[\s\"',=\x00]|u0000|x00)-(?:{options}))"


#: Gates that say whether a text may hold any of these.  Those of :data:`COARSE` are quick, and say yes to more: what they
#: mean is asked of the line by :data:`PRECISE`.
COARSE: Final = (
    r"(?:[\s\"'=,\x00]|u0000|x00)-(?:h?p|P|u|U|-user|-proxy-user|a|A|-auth|w|X)",
    r"pass(?:word|wd|phrase| phrase)\s(?:[^f\s]|f[^o])",
)
_STANDING: Final = [each.gate for each in STATEMENTS[_PROGRAMS_COUNT:] if not each.gate.startswith(_OF_PASSWORDS)]
GATES: Final = (*dict.fromkeys(_STANDING), _INSERTS)
PRECISE: Final = (
    _program_gate(),
    *dict.fromkeys(statement.gate for statement in STATEMENTS if statement.gate.startswith(_OF_PASSWORDS)),
)


def find_statements(text: str, names: KeyNames) -> Iterator[Span]:
    """Yield the places of secrets in commands and statements."""
    for statement in STATEMENTS:
        for found in statement.before.finditer(text):
            yield from _after(text, found, statement)
    if "nsert" in text.lower() or "eplace" in text.lower():
        yield from _inserted(text, names)


def closer_looks(names: KeyNames) -> dict[str, Callable[[str], bool]]:
    """Return, by gate, what tells whether a text without escapes has such a statement."""
    looks: dict[str, Callable[[str], bool]] = {
        _INSERTS: lambda text: any(True for _ in _inserted(text, names)),
    }
    for gate in GATES:
        given = [statement for statement in STATEMENTS if statement.gate == gate]
        if given:
            looks[gate] = lambda text, given=given: any(each.before.search(text) for each in given)  # type: ignore[misc]
    return looks


def _after(text: str, found: re.Match[str], statement: Statement) -> Iterator[Span]:
    if statement.after == "back":  # the pattern took the secret in, to look at all of it
        whole = found[0]
        start = found.start() + len(whole) - len(whole.split()[-1])
        end = found.end()
    else:
        start, end = value_span(text, found.end())
    value = text[start:end]
    if statement.after == "@":
        end = start + len(value.partition("@")[0])
    elif statement.after in (":", "%"):
        user, mark, _ = value.partition(statement.after)
        if not mark:
            return
        start += len(user) + 1
    end = min([end, *(at for at in (text.find("\0", start, end), text.find("\\0", start, end)) if at >= 0)])
    if end > start and not is_no_secret(text[start:end]):
        yield start, end


def _inserted(text: str, names: KeyNames) -> Iterator[Span]:
    """Yield the values that an INSERT gives to columns of secrets."""
    for found in _INSERT.finditer(text):
        columns = [column.strip(" \t\"'`[]\\") for column in found["columns"].split(",")]
        secret = {number for number, column in enumerate(columns) if names.is_secret(column)}
        at = found.end()
        while secret and text[at : at + 1] == "(":
            at, number = at + 1, 0
            while (value := _SQL_VALUE.match(text, at)) is not None:
                at = value.end()
                if number in secret and not is_no_secret(value["value"].strip("'\"\\ ")):
                    yield value.span("value")
                number += 1
                if value["end"] == ")":
                    break
            else:
                break
            while text[at : at + 1] in (",", " ", "\n"):
                at += 1


def find_arguments(text: str) -> Sequence[tuple[Span, str]]:
    """Return the arguments of an EXECVE record of auditd in a text, with their places."""
    found = list(_ARGUMENT.finditer(text)) if "a0=" in text else []
    return [(each.span("s"), each["s"]) for each in found if each["s"] is not None]
