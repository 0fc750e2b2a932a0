"""Two thousand planted secrets: 20 kinds in 20 formats, five of each, as logs would hold them.

Also escaped, split over key and value, in URLs, in JSON within JSON, over many lines, and as hexadecimal digits.
"""
# ruff: noqa: E501 - a table of patterns or lines, one a line

import json
import random
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tests.agent.redact.kinds import KINDS, Secret, some

_TIME: Final = "2026-11-21T14:05:09.000Z"


class Plant(NamedTuple):
    """Lines that hold a secret; the profile whose log they would be of; what must be found nowhere."""

    kind: str
    format: str
    profile: str
    lines: tuple[bytes, ...]
    needles: tuple[str, ...]


class _Given(NamedTuple):
    """What a format writes: the secret, a name for it, and chance."""

    secret: Secret
    name: str
    rng: random.Random

    @property
    def one_line(self) -> str:
        """The secret with its line ends as programs write them into one line."""
        return self.secret.text.replace("\n", self.rng.choice(["\\n", " "]) if "\n" in self.secret.text else "")

    @property
    def quoted(self) -> str:
        """The secret as a URL has it."""
        return urllib.parse.quote(self.secret.text, safe="")

    @property
    def argument(self) -> str:
        """The secret under its name as one word of a command."""
        return f"--{self.name.lower().replace('_', '-')}"


def _json(given: _Given) -> str:
    return json.dumps(
        {"ts": _TIME, "level": "info", "user": "alice", given.name: given.secret.text, "msg": "settings saved"},
        separators=given.rng.choice([(",", ":"), (", ", ": ")]),
    )


def _nested_json(given: _Given) -> str:
    inner = json.dumps({"id": 7, given.name: given.secret.text, "on": True})
    for _ in range(given.rng.choice([0, 1, 2])):
        inner = json.dumps({"status": 200, "body": inner})
    return json.dumps({"ts": _TIME, "action": "request", "user": "bob", "payload": inner})


def _escaped_json(given: _Given) -> str:
    def escape(text: str, every: int) -> str:
        return "".join(
            f"\\u{ord(letter):04x}"
            if number % every == 0 and letter not in '\\"' and letter.isalnum()
            else json.dumps(letter)[1:-1]
            for number, letter in enumerate(text)
        )

    every = given.rng.choice([1, 2, 3, 5])
    return f'{{"ts":"{_TIME}","user":"eve","{escape(given.name, every)}":"{escape(given.secret.text, every)}"}}'


def _logfmt(given: _Given) -> str:
    value = given.one_line
    shown = json.dumps(value.replace("\\n", "\n")) if " " in value or given.rng.random() < 0.5 else value
    return f'time={_TIME} level=info msg="config loaded" user=alice {given.name}={shown} took=12ms'


def _pairs(given: _Given) -> str:
    mark = given.rng.choice(["=", ": ", " = "])
    quote = '"' if " " in given.one_line else given.rng.choice(["", "'", '"'])
    return f"Nov 21 14:05:09 db1 app[812]: reload: retries{mark}3, {given.name}{mark}{quote}{given.one_line}{quote}, region{mark}eu"


def _csv(given: _Given) -> str:
    cell = json.dumps({given.name: given.secret.text, "n": 1}).replace('"', '""')
    return f'2026-11-21 14:05:09.120 UTC,"alice","main",812,"[local]",INSERT,"LOG","00000","payload {{""n"":1}}","{cell}",,,"psql"'


def _syslog(given: _Given) -> str:
    named = f"{given.name} {given.rng.choice(['=', ':'])} {given.one_line!r}"
    return f"<134>1 {_TIME} app-1 orders 1005 AUDIT - job finished with {named} for bob"


def _access_log(given: _Given) -> str:
    query = f"page=2&{given.name}={given.quoted}&lang=en"
    return f'203.0.113.5 - alice [21/Nov/2026:14:05:09 +0000] "GET /api/v1/items?{query} HTTP/1.1" 200 512 "-" "curl/8.5.0"'


def _referrer(given: _Given) -> str:
    inner = urllib.parse.quote(f"https://app.example.com/cb?{given.name}={given.quoted}&x=1", safe="")
    return f'203.0.113.6 - - [21/Nov/2026:14:05:10 +0000] "GET /login?next={inner} HTTP/2.0" 302 0 "https://app.example.com/?{given.name}={given.quoted}" "Mozilla/5.0"'


def _query_in_json(given: _Given) -> str:
    return json.dumps(
        {
            "ts": _TIME,
            "method": "POST",
            "url": f"/hook?{given.name}={given.quoted}#top",
            "form": f"a=1&{given.name}={given.quoted}",
        }
    )


def _header(given: _Given) -> str:
    value, rng = given.one_line, given.rng
    line = rng.choice(
        [
            f"Authorization: Bearer {value}",
            f"X-Api-Key: {value}",
            f"PRIVATE-TOKEN: {value}",
            f"Cookie: theme=dark; sid={value}; n=1",
        ]
    )
    return rng.choice([
        f"<13>Nov 21 14:05:09 edge proxy: > {line}",
        json.dumps({"ts": _TIME, "headers": dict([line.split(": ", 1)]), "host": "example.com"}),
        json.dumps({"ts": _TIME, "request": f"GET / HTTP/1.1\r\nHost: example.com\r\n{line}\r\nAccept: */*\r\n"}),
        json.dumps({"ts": _TIME, "headers": [["Accept", "*/*"], line.split(": ", 1)]}),
    ])  # fmt: skip


def _yaml(given: _Given) -> str:
    value = given.secret.text
    said = (
        "|\n" + "\n".join(f"    {line}" for line in value.split("\n"))
        if "\n" in value
        else given.rng.choice([value, f'"{value}"'])
    )
    text = f"kind: Config\nspec:\n  replicas: 3\n  {given.name}: {said}\n  region: eu\n"
    return json.dumps({"ts": _TIME, "user": "alice", "applied": text})


def _xml(given: _Given) -> str:
    value = given.secret.text.replace("\n", "&#10;")
    text = given.rng.choice([
        f"<login><user>bob</user><{given.name}>{value}</{given.name}></login>",
        f'<add key="{given.name}" value="{value}"/><add key="retries" value="3"/>',
        f'<conn user="bob" {given.name}="{value}" pool="5"/>',
        f"<soap:Body><ns:{given.name} type='xsd:string'>{value}</ns:{given.name}></soap:Body>",
    ])  # fmt: skip
    return given.rng.choice([f"<134>1 {_TIME} app-1 soap 77 REQ - {text}", json.dumps({"ts": _TIME, "xml": text})])


def _shell(given: _Given) -> str:
    value = given.one_line
    quote = '"' if " " in value else given.rng.choice(["", "'"])
    command = given.rng.choice([
        f"export {given.name}={quote}{value}{quote} && ./run.sh",
        f"/usr/bin/deploy {given.argument} {quote}{value}{quote} --port 1",
        f"/usr/bin/deploy {given.argument}={quote}{value}{quote} --port 1",
    ])  # fmt: skip
    if given.secret.kind == "password" and given.rng.random() < 0.4:
        command = given.rng.choice(
            [
                f"mysql -u root -p{value} -h db1",
                f"curl -s -u admin:{value} https://api.example.com/",
                f"sshpass -p {value} ssh web1",
                f"PGPASSWORD={value} psql -h db1",
            ]
        )
    return f"<85>Nov 21 14:05:09 web1 sudo:    alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND={command}"


def _split(given: _Given) -> str:
    name, value = given.name, given.secret.text
    return given.rng.choice([
        json.dumps({"ts": _TIME, "env": [{"name": "MODE", "value": "x"}, {"name": name, "value": value}]}),
        json.dumps({"ts": _TIME, "change": {"field": name, "old": "", "new": value}}),
        json.dumps({"ts": _TIME, "value": value, "key": name}),
        json.dumps({"ts": _TIME, "body": json.dumps({"parameter": name, "to": value})}),
        json.dumps({"ts": _TIME, "argv": ["deploy", given.argument, value, "--fast"]}),
    ])  # fmt: skip


def _sql(given: _Given) -> str:
    value = given.one_line
    statement = given.rng.choice([
        f"UPDATE users SET {given.name} = '{value}' WHERE id = 5",
        f"INSERT INTO accounts (id, {given.name}, mail) VALUES (5, '{value}', 'bob@example.com')",
        f"SELECT * FROM keys WHERE {given.name}='{value}' LIMIT 1",
    ])  # fmt: skip
    if given.secret.kind == "password":
        statement = given.rng.choice([
            statement,
            f"CREATE USER 'bob'@'%' IDENTIFIED BY '{value}'",
            f"ALTER ROLE bob WITH ENCRYPTED PASSWORD '{value}' VALID UNTIL 'infinity'",
            f"SET PASSWORD FOR 'bob'@'localhost' = PASSWORD('{value}')",
        ])  # fmt: skip
    return given.rng.choice(
        [f"<134>1 {_TIME} db1 postgres 812 SQL - statement: {statement}", json.dumps({"ts": _TIME, "sql": statement})]
    )


def _connection(given: _Given) -> str:
    value = given.one_line
    text = f"Server=tcp:db.example.com,1433;Database=main;User ID=app;{given.name}={value};Encrypt=true"
    return given.rng.choice(
        [f"<134>1 {_TIME} app-1 orders 1005 DB - opening {text}", json.dumps({"ts": _TIME, "conn": text})]
    )


def _docker(given: _Given) -> str:
    said = given.rng.choice([f"{given.name}={given.secret.text}\n", json.dumps({given.name: given.secret.text}) + "\n"])
    return json.dumps({"log": said, "stream": "stdout", "time": _TIME})


def _cri(given: _Given) -> str:
    return f"{_TIME[:-1]}123456Z stdout F " + json.dumps({"level": "warn", given.name: given.secret.text})


def _auditd(given: _Given) -> str:
    words = ["/usr/bin/deploy", given.argument, given.secret.text, "--port", "1"]
    if given.rng.random() < 0.5 and given.secret.text.isascii():
        return f"type=PROCTITLE msg=audit(1795270000.123:456): proctitle={chr(0).join(words).encode().hex().upper()}"
    shown = " ".join(
        f'a{number}="{word}"'
        if " " not in word and "\n" not in word and '"' not in word
        else f"a{number}={word.encode().hex().upper()}"
        for number, word in enumerate(words)
    )
    return f"type=EXECVE msg=audit(1795270000.123:456): argc={len(words)} {shown}"


def _printed(given: _Given) -> list[str]:
    """Many lines, each of them a record: a stack trace, a key that was printed."""
    head = "<131>Nov 21 14:05:09 app-1 api[33]: "
    lines = given.secret.text.split("\n")
    if len(lines) == 1:
        lines = [f"ValueError: cannot use {given.name}={given.secret.text}", "  at Client.connect(client.py:33)"]
    return [head + line for line in lines]


_FORMATS: Final[dict[str, tuple[str, Callable[[_Given], str | list[str]]]]] = {
    "json": ("jsonl", _json),
    "json in json": ("jsonl", _nested_json),
    "escaped json": ("jsonl", _escaped_json),
    "split": ("jsonl", _split),
    "logfmt": ("syslog", _logfmt),
    "key=value": ("syslog", _pairs),
    "csv": ("syslog", _csv),
    "syslog": ("syslog", _syslog),
    "access log": ("nginx", _access_log),
    "referrer": ("nginx", _referrer),
    "query": ("jsonl", _query_in_json),
    "header": ("", _header),
    "yaml": ("jsonl", _yaml),
    "xml": ("", _xml),
    "shell": ("syslog", _shell),
    "sql": ("", _sql),
    "connection": ("", _connection),
    "container": ("", lambda given: given.rng.choice([_docker, _cri])(given)),
    "auditd": ("syslog", _auditd),
    "many lines": ("syslog", _printed),
}  # fmt: skip
FORMATS: Final = tuple(_FORMATS)


def plants(seed: int = 5, each: int = 5) -> Iterator[Plant]:
    """Yield so many plants of each kind in each format: 2,000 of five."""
    rng = random.Random(seed)
    for kind, make in KINDS.items():
        for name, (profile, write) in _FORMATS.items():
            for _ in range(each):
                secret = make(rng)
                key = rng.choice(secret.names)
                written = write(_Given(secret, key, rng))
                lines = [written] if isinstance(written, str) else written
                own = profile or ("jsonl" if lines[0].startswith("{") else "syslog")
                yield Plant(kind, name, own, tuple(line.encode() for line in lines), _needles(secret))


def _needles(secret: Secret) -> tuple[str, ...]:
    """Return every way to write the parts of a secret that a search of bytes must look for."""
    forms: set[str] = set()
    for part in secret.needles:
        forms |= {part, urllib.parse.quote(part, safe=""), part.encode().hex().upper(), part.encode().hex()}
    return tuple(forms)


__all__ = ["FORMATS", "Plant", "plants", "some"]
