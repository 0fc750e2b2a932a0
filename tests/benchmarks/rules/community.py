"""Makes rules in the style of the community's: modifiers, conditions and log sources as often as they use them."""

import random
import uuid
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import yaml

from tests.benchmarks.rules.sources import SOURCES, Source
from tests.benchmarks.rules.words import ordinary, sought

#: How often each modifier stands in the community's rules; "" is plain equality.
_MODIFIERS: Final = {"": 535, "contains": 369, "endswith": 254, "contains|all": 115, "startswith": 45, "re": 24}
#: Of the tests that stand before another one: so many ask for something ordinary.
_COMMON: Final = 0.5
_CONDITIONS: Final = {"selection": 60, "selection and not filter": 25, "all": 10, "any": 5}


def write_rules(folder: Path, count: int, *, seed: int = 1, sources: Sequence[Source] = SOURCES) -> Path:
    """Write so many rules, a file each, spread over sources by the parts they have; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    asked = [source for source in sources if source.rules]
    for number in range(count):
        source = draw.choices(asked, [each.rules for each in asked])[0]
        rule = _rule(number, source, draw)
        (folder / f"rule{number:05}.yml").write_text(yaml.safe_dump(rule, sort_keys=False), encoding="utf-8")
    return folder


def _rule(number: int, source: Source, draw: random.Random) -> dict[str, Any]:
    condition = draw.choices(list(_CONDITIONS), list(_CONDITIONS.values()))[0]
    detection: dict[str, Any] = {}
    if condition in ("all", "any"):
        parts = [f"selection_{place}" for place in range(draw.randint(2, 3))]
        detection |= {part: _selection(source, draw, 1) for part in parts}
        detection["condition"] = f"{'all' if condition == 'all' else '1'} of selection_*"
    else:
        detection["selection"] = _selection(source, draw, draw.choices((1, 2, 3), (45, 40, 15))[0])
        if "filter" in condition:
            detection["filter"] = _selection(source, draw, 1)
        detection["condition"] = condition
    return {
        "title": f"Made up {number}",
        "id": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "status": "test",
        "logsource": {"product": "watchbook", "service": source.profile},
        "detection": detection,
        "level": draw.choice(("low", "medium", "high")),
    }


def _selection(source: Source, draw: random.Random, fields: int) -> dict[str, Any]:
    """Return the tests of some fields; of several, only the last asks surely for what is rare (``curl`` with odd
    arguments)."""
    chosen = list(islice(sorted(source.fields, key=lambda _: draw.random()), fields))
    return dict(_item(field, source, draw, common=field != chosen[-1] and draw.random() < _COMMON) for field in chosen)


def _item(field: str, source: Source, draw: random.Random, *, common: bool) -> tuple[str, Any]:
    kind = source.fields[field]
    if common:
        value = ordinary(kind, draw, source.names)
        return (f"{field}|endswith", value[-8:]) if kind in ("path", "command") else (field, value)
    modifier = draw.choices(list(_MODIFIERS), list(_MODIFIERS.values()))[0]
    if kind in ("name", "flag", "outcome", "user") and modifier != "contains":
        modifier = ""
    if kind in ("command", "text") and modifier == "":
        modifier = "contains"
    if kind == "ip":
        return f"{field}|cidr", f"{sought(kind, draw, source.names)}/32"
    if modifier == "re":
        return f"{field}|re", rf"{sought(kind, draw, source.names).replace('.', '[.]')}\s+[a-z]{{2,}}"
    values = [sought(kind, draw, source.names) for _ in range(draw.choices((1, 2, 5, 12), (45, 25, 20, 10))[0])]
    if modifier == "contains|all":
        values = values[:3] if len(values) > 1 else [*values, sought(kind, draw, source.names)]
    elif modifier == "endswith":
        values = [f"/{value}" for value in values]
    return (f"{field}|{modifier}" if modifier else field), values if len(values) > 1 else values[0]
