"""The sentences of a text log: what all lines begin with, and the sentences behind it with what varies in them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from agent.drafting.roles import is_known_verb
from agent.drafting.shapes import TIME_LOOKS, is_address, is_duration, is_email, is_number, outcome_of

_ENOUGH: Final = 0.8
#: Sentences that are drafted as cases; the others are events of the profile itself.
SENTENCES_MAX: Final = 8
#: How many of the words of two sentences must be the same, at least.
_ALIKE: Final = 0.5

_TOKEN: Final = re.compile(r'"[^"]*"|\'[^\']*\'|\S+')
_EDGES: Final = re.compile(r"^([(\[<{]*)(.*?)([)\]>},.;:!?]*)$", re.DOTALL)
_VARIES: Final = re.compile(r"\d|[/\\@*]|^[\"']|^[0-9a-f]{8,}$")
#: Words that somebody's or something's name follows.
_BEFORE_NAMES: Final = frozenset(
    {"user", "account", "login", "by", "for", "from", "to", "client", "host", "file", "order", "id", "role", "group"}
)
_SIGN_INS: Final = frozenset(
    {
        "login", "logout", "logon", "logoff", "logged_in", "logged_out", "signed_in", "signed_out", "log_in", "log_out",
        "sign_in", "sign_out", "signin", "signout",
    }
)  # fmt: skip
_ARTICLES: Final = frozenset({"the", "a", "an", "of", "in", "on", "at", "with", "and", "is", "was", "has"})
_LEVELS: Final = "TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|CRIT|ALERT|EMERG|AUDIT"

#: What may stand between the time and the sentence: regular expression, and name of its value (None: no value).
_HEADERS: Final = (
    (rf"[\[(<]?(?P<level>(?i:{_LEVELS}))[\])>]?:?", "level"),
    (r"\[(?P<inner>[^\]]*)\]:?", "bracket"),
    (r"\((?P<inner>[^)]*)\):?", "bracket"),
    (r"(?:--|-|\||:|;|,|>)", None),
    (r"(?P<inner>[\w.$-]+)\[(?P<pid>\d+)\]:", "program"),
    (r"(?P<inner>[A-Za-z_][\w.$/-]*):", "logger"),
    (r"(?P<inner>[A-Za-z_][\w.$/-]*)(?=\s+[-|:]\s)", "logger"),
)
_HEADERS_MAX: Final = 8


class Variable(NamedTuple):
    """A part of a sentence that varies: its name, what it looks like (a regular expression), and values seen."""

    name: str
    look: str
    values: tuple[str, ...]


class Sentence(NamedTuple):
    """A sentence: its regular expression with a named group for each variable, and how many lines say it.

    ``words`` are those that stay the same.
    """

    regex: str
    words: tuple[str, ...]
    variables: tuple[Variable, ...]
    n: int


class Beginning(NamedTuple):
    """What lines begin with: a regular expression up to the sentence, the names of its groups, where the time is.

    ``rests`` are the sentences of the lines it fits.
    """

    regex: str
    names: tuple[str, ...]
    times: tuple[str, ...]
    rests: tuple[str, ...]


def beginning_of(lines: Sequence[str]) -> Beginning:
    """Return what nearly all lines begin with: a time, a level, a thread and the like."""
    regex = ""
    names: list[str] = []
    times: tuple[str, ...] = ()
    for look in TIME_LOOKS:
        attempt = rf"[\[(]?(?P<time>{look})[\])]?"
        found = [match for line in lines if (match := re.match(attempt + r"(?=\s|[,;|:-]|$)", line))]
        if len(found) >= _ENOUGH * len(lines):
            before = r"\[" if all(match[0][:1] == "[" for match in found) else ""
            regex = rf"{before}(?P<time>{_tight([match['time'] for match in found]) or look})" + (
                r"\]" if before else ""
            )
            times, names = tuple(match["time"] for match in found), ["time"]
            break
    rests = [line[match.end() :] for line in lines if (match := re.match(regex, line))]
    for _ in range(_HEADERS_MAX):
        step = _header(rests, names)
        if step is None:
            break
        piece, name = step
        rests = [rest[match.end() :] for rest in rests if (match := re.match(piece, rest))]
        regex += piece
        names += [name] if name is not None else []
    stripped = [rest.lstrip() for rest in rests]
    return Beginning(regex + r"\s*" if regex else "", tuple(names), times, tuple(stripped))


def _header(rests: Sequence[str], names: Sequence[str]) -> tuple[str, str | None] | None:
    """Return what nearly all rests go on with, and the name of its value; None when it is the sentence itself."""
    for look, kind in _HEADERS:
        found = [match for rest in rests if (match := re.match(rf"\s*{look}(?=\s|\[|$)", rest))]
        if not rests or len(found) < _ENOUGH * len(rests) or (kind == "level" and "level" in names):
            continue
        if kind == "level":
            begin, end = _around(found)
            return rf"\s*{begin}(?P<level>[A-Za-z]+){end}", kind
        if kind is None:
            signs = {match[0].strip() for match in found}
            return rf"\s*{re.escape(signs.pop()) if len(signs) == 1 else look}", kind
        values = Counter(match["inner"] for match in found)
        if kind == "logger" and len(values) > max(3, len(found) // 3):
            return None
        name = _free(_header_name(kind, list(values)), names)
        if kind == "program":
            return rf"\s*(?P<{name}>[\w.$-]+)\[(?P<pid>\d+)\]:", name
        piece = look.replace("?P<inner>", f"?P<{name}>")
        if not any(match[0][-1:] == ":" for match in found):
            piece = piece.removesuffix(":?")
        return rf"\s*{piece}", name
    return None


def _tight(texts: Sequence[str]) -> str | None:
    """Return what just these texts look like, with any digits and names of months; None when they differ."""
    looks = {
        re.sub(r"\d+|[A-Z][a-z]+", lambda run: rf"\d{{{len(run[0])}}}" if run[0].isdigit() else "[A-Z][a-z]+", text)
        for text in (re.sub(r"[.+*?|()]", r"\\\g<0>", text) for text in texts)
    }
    return looks.pop() if len(looks) == 1 else None


def _around(found: Sequence[re.Match[str]]) -> tuple[str, str]:
    """Return what stands right before and behind the level, as regular expressions."""
    begins = {
        match[0].lstrip()[: match.start("level") - match.start() - len(match[0]) + len(match[0].lstrip())]
        for match in found
    }
    ends = {match[0][match.end("level") - match.start() :] for match in found}
    begin = re.escape(begins.pop()) if len(begins) == 1 else r"[\[(<]?"
    return begin, re.escape(ends.pop()) if len(ends) == 1 else r"[\])>]?:?"


def _header_name(kind: str, values: Sequence[str]) -> str:
    if kind == "bracket" and all(map(is_address, values)):
        return "ip"
    if kind == "bracket" and all(value.isdecimal() for value in values):
        return "pid"
    is_thread = any(re.search(r"(?i)main|thread|worker|pool|exec", value) for value in values)
    return {"bracket": "thread" if is_thread else "context", "logger": "logger", "program": "program"}[kind]


def sentences_of(texts: Sequence[str]) -> list[Sentence]:
    """Return the sentences that texts say, the most frequent first."""
    space = r"\s+" if any("  " in text or "\t" in text for text in texts) else " "
    clusters: dict[tuple[int, str], list[list[list[str]]]] = {}
    for text in texts:
        tokens = _tokens(text)
        if not tokens:
            continue
        first = tokens[0] if not _VARIES.search(tokens[0]) else ""
        groups = clusters.setdefault((len(tokens), first), [])
        best = max(groups, key=lambda group: _likeness(group[0], tokens), default=None)
        if best is not None and _likeness(best[0], tokens) >= _ALIKE:
            best.append(tokens)
        else:
            groups.append([tokens])
    made = [_sentence(group, space) for groups in clusters.values() for group in groups]
    return sorted(made, key=lambda sentence: -sentence.n)


def _tokens(text: str) -> list[str]:
    """Return the words of a text; what follows a colon after some of them is one token, whatever it says."""
    head, colon, tail = text.strip().partition(": ")
    words = _TOKEN.findall(head)
    if not colon or len(words) < 2 or not tail.strip():
        return _TOKEN.findall(text)
    return [*words[:-1], f"{words[-1]}:", tail]


def _likeness(one: Sequence[str], other: Sequence[str]) -> float:
    """Return which share of the words of two sentences is the same; 0 when they tell of different deeds."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if not _varies(a) or not _varies(b)]
    if any(a != b and (_tells(a) or _tells(b)) for a, b in pairs):
        return 0.0
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else 1.0


def _varies(token: str) -> bool:
    return " " in token or _VARIES.search(token) is not None


def _tells(token: str) -> bool:
    """Return whether a word says what was done, or how it ended."""
    plain = re.sub(r"[^a-z]", "", token.lower())
    return bool(plain) and (outcome_of(plain) is not None or (plain.endswith("ed") and is_known_verb(plain)))


def _sentence(group: list[list[str]], space: str) -> Sentence:
    parts: list[str] = []
    words: list[str] = []
    variables: list[Variable] = []
    columns = list(zip(*group, strict=True))
    for place, tokens in enumerate(columns):
        before = words[-1] if words and place and _plain(group[0][place - 1]) == words[-1] else ""
        taken = [each.name for each in variables]
        variable: Variable | None
        if place and place == len(columns) - 1 and all(token[-1:] == ":" for token in columns[place - 1]):
            name = _free("reason", taken)
            piece, variable = f"(?P<{name}>.+)", Variable(name, ".+", tokens)
        else:
            after = _plain(group[0][place + 1]) if place + 1 < len(columns) else ""
            piece, variable = _piece(tokens, before, after, taken)
        parts.append(piece)
        if variable is None:
            words.append(_plain(tokens[0]))
        else:
            variables.append(variable)
    return Sentence(space.join(parts), tuple(words), tuple(variables), len(group))


def _plain(token: str) -> str:
    return token.strip("():,.'\"")


def _piece(tokens: Sequence[str], before: str, after: str, taken: Sequence[str]) -> tuple[str, Variable | None]:
    """Return the regular expression of one token of a sentence, and the variable in it if it varies."""
    edges = [match.groups() for token in tokens if (match := _EDGES.match(token))]
    same_edges = len({(begin, end) for begin, _, end in edges}) == 1
    begin, end = (edges[0][0], edges[0][2]) if same_edges else ("", "")
    cores = [core for _, core, _ in edges] if same_edges else list(tokens)
    key = _shared_key(cores)
    if key:
        cores = [core[len(key) :] for core in cores]
    varies = len(set(cores)) > 1 or _VARIES.search(cores[0]) or key or _follows_a_name(before, cores[0])
    if not varies or not cores[0]:
        return re.escape(tokens[0]).replace(r"\ ", " "), None
    quote = cores[0][0] if cores[0][:1] in "\"'" and all(core[:1] == core[-1:] == cores[0][0] for core in cores) else ""
    values = tuple(core.strip(quote) if quote else core for core in cores)
    name = _name(values, key.rstrip("=:") or before)
    if name == "value" and all(map(is_number, values)) and after.isalpha() and after.lower() not in _ARTICLES:
        name = after.lower()
    name = _free(name, taken)
    look = f"[^{quote}]*" if quote else r"\S+?" if end else r"\S+"
    piece = f"{re.escape(begin)}{re.escape(key)}{quote}(?P<{name}>{look}){quote}{re.escape(end)}"
    return piece, Variable(name, look, values)


def _follows_a_name(before: str, core: str) -> bool:
    return before.lower() in _BEFORE_NAMES and core.lower() not in _ARTICLES | _BEFORE_NAMES and core[:1].isalnum()


def _shared_key(cores: Sequence[str]) -> str:
    """Return ``key=`` (or ``key:``) when all tokens begin with the same."""
    found = {match[0] if (match := re.match(r"[A-Za-z_][\w.-]*[=:](?=.)(?!//)", core)) else "" for core in cores}
    return found.pop() if len(found) == 1 else ""


def _name(values: Sequence[str], before: str) -> str:
    """Return a name for a part that varies: by the word before it, or by what it looks like."""
    plain = re.sub(r"[^a-z0-9]+", "_", before.lower()).strip("_")
    if all(map(is_address, values)):
        return "ip"
    if plain == "by":
        return "actor"
    if plain in ("from", "to"):
        return plain
    if plain in ("account", "login") or all(map(is_email, values)):
        return "user"
    if all(map(is_duration, values)):
        return "duration"
    if plain and not plain[0].isdigit() and plain not in _ARTICLES | {"for"}:
        return plain
    return "path" if all(value.startswith("/") for value in values) else "value"


def _free(name: str, taken: Sequence[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def verb_in(words: Sequence[str]) -> str | None:
    """Return the word (or two) of a sentence that says what was done: ``granted``, or a verb that it begins with."""
    lowered = [re.sub(r"[^a-z]", "", word.lower()) for word in words]
    pairs = [f"{one}_{two}" for one, two in pairwise(lowered)]
    done = [word for word in lowered if word.endswith("ed")]
    signs = [word for word in (*pairs, *lowered) if word in _SIGN_INS]
    for word in (*signs, *done, *lowered[:1]):
        if word and is_known_verb(word) and outcome_of(word) != "failure":
            return word
    return None


def outcome_in(words: Sequence[str]) -> str | None:
    """Return how what a sentence tells of ended: as one of its words says."""
    found = [outcome for word in words if (outcome := outcome_of(word)) in ("success", "failure")]
    return "failure" if "failure" in found else found[0] if found else None


def slugs(sentences: Sequence[Sentence]) -> Iterator[str]:
    """Yield a name for each sentence, of its first words; each another."""
    taken: list[str] = []
    for sentence in sentences:
        words = [re.sub(r"[^a-z0-9]+", "", word.lower()) for word in sentence.words]
        name = "-".join([word for word in words if word and word not in _ARTICLES][:3]) or "other"
        taken.append(_free(name, taken).replace("_", "-"))
        yield taken[-1]
