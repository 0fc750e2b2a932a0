r"""The combined log format of nginx and Apache, and the common one (without referer and user agent).

``ADDRESS IDENT USER [TIME] "REQUEST" STATUS BYTES "REFERER" "USER AGENT"``, and whatever a site added behind it.
Apache's ``vhost_combined`` has ``HOST:PORT`` before it all, others ``HOST``.  For an address there may be the list that
came through proxies, the client first: ``remote_addr`` is that, ``remote_addrs`` the list.

The request line comes from the other side of the wire and may be anything; one that is no ``METHOD TARGET
HTTP/VERSION`` is kept as ``request``.  nginx writes a quote, a backslash and bytes outside printable ASCII as ``\xHH``;
Apache writes ``\"``.
"""

import re
from typing import Any, Final

from agent.parse.format import text_format

KEYS: Final = frozenset(
    {
        "vhost", "remote_addr", "remote_addrs", "remote_ident", "remote_user", "time_local", "request", "method",
        "path", "query", "protocol", "status", "body_bytes_sent", "http_referer", "http_user_agent", "extra",
    }
)  # fmt: skip

# A request in order and nothing escaped.
_ORDINARY: Final = re.compile(
    r"(?:([A-Za-z0-9._*-]++:[0-9]{1,5}) (?=[0-9A-Fa-f.:]+ ))?(\S++) (\S++) ([^ \[\\\"]++) \[([^]\"]++)\] "
    r'"([A-Z]++) ([^ ?"\\]++)(?:\?([^ "\\]*+))? (HTTP/[0-9.]++)" ([1-9][0-9]{2}) (-|[0-9]{1,18}) '
    r'"([^"\\]*+)" "([^"\\]*+)"'
)
_ESCAPED_BYTE: Final = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_STATUS_AND_BYTES: Final = re.compile(r"[1-9][0-9]{2} (?:-|[0-9]{1,18})")
_VHOST: Final = re.compile(
    r"([A-Za-z0-9._*-]++:[0-9]{1,5}) (?=[0-9A-Fa-f.:]+,? \S+ )"
    r"|([A-Za-z0-9._*-]++) (?=[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*,? \S+ )"
)
_ADDRESSES: Final = re.compile(r"(?=([0-9A-Fa-f.:]+),)((?:[0-9A-Fa-f.:]+, ?)+[0-9A-Fa-f.:]+) (?=\S+ )")
_BARE_QUOTE: Final = re.compile(r'(?<!\\)"')


def read(text: str) -> dict[str, Any]:
    """Return the values of a line; raises ValueError with the reason."""
    found = _ORDINARY.fullmatch(text)
    return _read_parts(text) if found is None else _read_ordinary(found)


def _read_ordinary(found: re.Match[str]) -> dict[str, Any]:
    vhost, address, ident, user, stamp, method, path, query, protocol, status, size, referer, agent = found.groups()
    values = {
        "remote_addr": address, "time_local": stamp, "method": method, "path": path, "protocol": protocol,
        "status": int(status),
    }  # fmt: skip
    if vhost is not None:
        values["vhost"] = vhost
    if size != "-":
        values["body_bytes_sent"] = int(size)
    if user != "-":
        values["remote_user"] = user
    if ident != "-":
        values["remote_ident"] = ident
    if query is not None:
        values["query"] = query
    if referer != "-" and referer:
        values["http_referer"] = referer
    if agent != "-" and agent:
        values["http_user_agent"] = agent
    return values


def _read_parts(text: str) -> dict[str, Any]:
    parts = _BARE_QUOTE.split(text) if '\\"' in text else text.split('"')
    if len(parts) >= 5 and " [" not in parts[0]:  # a quoted user name, or a quoted list of addresses
        parts[:3] = ["".join(parts[:3])]
    if len(parts) != 3 and len(parts) < 7:
        raise ValueError("is not in the combined log format: expected a quoted request, referer and user agent")
    values = _read_head(parts[0])
    _read_request(parts[1], values)
    extra = _read_numbers(parts[2], values)
    if len(parts) >= 7:
        if parts[3] not in ("-", ""):
            values["http_referer"] = unescape(parts[3])
        if parts[5] not in ("-", ""):
            values["http_user_agent"] = unescape(parts[5])
        extra = " ".join(filter(None, (extra, parts[4].strip(), '"'.join(parts[6:]).strip())))
    if extra:
        values["extra"] = extra
    return values


def unescape(text: str) -> str:
    r"""Return the text with ``\xHH`` taken back; as it was when that makes no printable UTF-8."""
    if "\\x" not in text:
        return text
    try:
        plain = _ESCAPED_BYTE.sub(lambda found: bytes([int(found[1], 16)]), text.encode()).decode()
    except UnicodeDecodeError:
        return text
    return plain if plain.isprintable() else text


def _read_head(head: str) -> dict[str, Any]:
    vhost = _VHOST.match(head)
    who, bracket, stamp = (head if vhost is None else head[vhost.end() :]).rpartition(" [")
    listed = _ADDRESSES.match(who) if "," in who else None
    names = who.split(" ", 2) if listed is None else [listed[1], *who[listed.end() :].split(" ", 1)]
    if not bracket or len(names) != 3 or not stamp.endswith("] "):
        raise ValueError("is not in the combined log format: expected 'ADDRESS - USER [TIME]' before the request")
    address, ident, user = names
    values: dict[str, Any] = {"remote_addr": address, "time_local": stamp[:-2]}
    if vhost is not None:
        values["vhost"] = vhost[1] or vhost[2]
    if listed is not None:
        values["remote_addrs"] = listed[2]
    if ident != "-":
        values["remote_ident"] = ident
    if user not in ("-", ""):
        values["remote_user"] = unescape(user)
    return values


def _read_request(request: str, values: dict[str, Any]) -> None:
    method, _, rest = request.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if not (target and protocol.startswith("HTTP/") and method.isalpha() and method.isupper()):
        if request not in ("-", ""):
            values["request"] = request
        return
    path, mark, query = target.partition("?")
    values["method"] = method
    values["path"] = unescape(path)
    if mark:
        values["query"] = unescape(query)
    values["protocol"] = protocol


def _read_numbers(numbers: str, values: dict[str, Any]) -> str:
    """Read status and bytes; return what stands behind them."""
    words = numbers.split(None, 2)
    if len(words) < 2 or not _STATUS_AND_BYTES.fullmatch(f"{words[0]} {words[1]}"):
        raise ValueError("is not in the combined log format: expected 'STATUS BYTES' after the request")
    values["status"] = int(words[0])
    if words[1] != "-":
        values["body_bytes_sent"] = int(words[1])
    return words[2].strip() if len(words) > 2 else ""


COMBINED: Final = text_format("combined", KEYS, read)
