"""Values for made-up rules and events: ordinary ones, and such as rules look for.  The same draw, the same values."""

import random
from functools import lru_cache
from typing import Final

_SYLLABLES: Final = (
    "ba", "co", "di", "fu", "ga", "he", "ji", "ko", "lu", "ma", "ne", "pi", "qu", "ra", "se", "ti", "vo", "wi", "xe",
    "yu", "za", "bre", "cli", "dro", "fle", "gri", "kno", "pla", "sta", "tre",
)  # fmt: skip
_TOOLS: Final = ("bash", "python3", "svchost", "nginx", "java", "node", "cron", "explorer", "systemd", "git", "cmd")
_FOLDERS: Final = ("usr", "bin", "opt", "var", "home", "Windows", "System32", "Program Files", "srv", "lib", "tmp")
_FLAGS: Final = ("--config", "-v", "/c", "-u", "--port", "-Xmx2g", "run", "start", "--no-pager", "/Service", "-f")
_RARE_WORDS: Final = 4000


@lru_cache(maxsize=1)
def rare_words() -> tuple[str, ...]:
    """Return the words that rules look for and ordinary events do not have."""
    draw = random.Random(7)
    between = ("-", ".", "/", " ")
    return tuple(f"{_made_up(draw, 3)}{draw.choice(between)}{_made_up(draw, 2)}" for _ in range(_RARE_WORDS))


def ordinary(kind: str, draw: random.Random, names: int) -> str:
    """Return an ordinary value of a kind of field."""
    if kind == "name":
        return f"Name{int(names * draw.random() ** 3)}Changed"
    if kind == "user":
        return f"user{int(2000 * draw.random() ** 3)}@example.com"
    if kind == "ip":
        return f"10.{int(40 * draw.random() ** 2)}.{draw.randrange(8)}.{draw.randrange(250)}"
    if kind == "agent":
        return f"Mozilla/5.0 (X11; Linux x86_64) Version/{int(60 * draw.random() ** 2)}.0"
    if kind == "outcome":
        return "failure" if draw.random() < 0.03 else "success"
    if kind == "flag":
        return draw.choice(("true", "false"))
    if kind == "host":
        return f"{_made_up(draw, 2)}.example.net"
    if kind == "file":
        return f"{draw.choice(_TOOLS)}.exe"
    if kind == "path":
        return "/" + "/".join([*draw.choices(_FOLDERS, k=2), f"{draw.choice(_TOOLS)}{draw.randrange(30)}"])
    if kind == "text":
        return " ".join(_made_up(draw, 2) for _ in range(6))
    return _command(draw)


def sought(kind: str, draw: random.Random, names: int) -> str:
    """Return a value that a rule looks for in a kind of field."""
    if kind == "name":
        return f"Name{names + draw.randrange(5 * names)}Changed"
    if kind == "ip":
        return f"203.0.{draw.randrange(250)}.{draw.randrange(250)}"
    if kind == "outcome":
        return "failure"
    if kind == "flag":
        return "false"
    return draw.choice(rare_words())


def _command(draw: random.Random) -> str:
    words = [f"/{draw.choice(_FOLDERS)}/{draw.choice(_TOOLS)}"]
    for _ in range(draw.randint(4, 12)):
        words.append(draw.choice(_FLAGS) if draw.random() < 0.5 else f"{_made_up(draw, 2)}={draw.randrange(10_000)}")
    return " ".join(words)


def _made_up(draw: random.Random, syllables: int) -> str:
    return "".join(draw.choices(_SYLLABLES, k=syllables))
