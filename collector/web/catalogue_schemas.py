"""The JSON schemas of catalogues."""

from typing import Any, Final

from watchbook.catalogue import KINDS
from watchbook.event import CATEGORIES, OUTCOMES

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_KIND: Final[Schema] = {"type": "string", "enum": list(KINDS)}
_NAME: Final[Schema] = {"type": "string", "description": "As sources write it; a trailing * stands for what follows."}


def catalogue_schemas(time_range: Schema, incomplete: Schema) -> dict[str, Schema]:
    """Return the schemas by name."""
    seen = _object(
        ["unlisted", "aliases", "other", "range"],
        unlisted=_list(_object(["field", "value", "count"], **_COUNTED)),
        aliases=_list(
            _object(
                ["field", "value", "count", "catalogue", "meant"],
                **_COUNTED,
                catalogue=_TEXT,
                meant={**_TEXT, "description": "The proper name of the entry or group."},
            )
        ),
        other={**_COUNT, "description": "Events with names beyond the thousand that were compared."},
        range=time_range,
        incomplete=incomplete,
    )
    return {
        "CatalogueAnswer": _object(
            ["catalogues", "groups", "entries"],
            catalogues=_list(_CATALOGUE),
            groups=_list(_GROUP),
            entries=_list(_ENTRY),
            seen={**seen, "description": "With `seen`: names in stored events that no entry has as its proper name."},
        )
    }


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


_COUNTED: Final[dict[str, Schema]] = {
    "field": {**_TEXT, "description": "The event's field."},
    "value": _TEXT,
    "count": {**_COUNT, "description": "How many events have it."},
}
_CATALOGUE: Final = _object(
    ["name", "title", "description", "profiles", "lists"],
    name=_TEXT,
    title=_TEXT,
    description=_TEXT,
    profiles={**_TEXTS, "description": "The agent's profiles whose events it describes."},
    lists=_list(
        _object(
            ["kind", "field", "groups", "entries", "names"],
            kind=_KIND,
            field={**_TEXT, "description": "The event's field that holds such names."},
            groups=_COUNT,
            entries=_COUNT,
            names={**_COUNT, "description": "Different names among the entries."},
        )
    ),
)
_GROUP: Final = _object(
    ["catalogue", "kind", "name", "aliases", "entries"],
    catalogue=_TEXT,
    kind=_KIND,
    name=_TEXT,
    description=_TEXT,
    aliases={**_TEXTS, "description": "Other spellings that are met."},
    entries=_COUNT,
)
_ENTRY: Final = _object(
    ["catalogue", "kind", "group", "name", "hidden", "aliases", "applies_to"],
    catalogue=_TEXT,
    kind=_KIND,
    group=_TEXT,
    name=_NAME,
    description=_TEXT,
    canonical={**_TEXT, "description": "What events have in its place, where the shipped profile makes it another."},
    action={**_TEXT, "description": "The canonical verb of such events."},
    category={"type": "string", "enum": sorted(CATEGORIES)},
    outcome={"type": "string", "enum": sorted(OUTCOMES)},
    reason=_TEXT,
    hidden={"type": "boolean", "description": "Not for a page's first view: the parameter `exclude=hidden`."},
    aliases=_TEXTS,
    applies_to={**_TEXTS, "description": "Resource types that an action is for; none: any."},
)
