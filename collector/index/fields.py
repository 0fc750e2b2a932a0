"""How each field of the event is indexed."""

from typing import Final

from watchbook.event import FIELDS

#: Texts that are nearly all distinct and asked for as a whole: only checksums are kept.
HASHED: Final = ("source.session_id", "source.request_id")
ADDRESS: Final = "source.ip"
CODED: Final = tuple(
    field.name for field in FIELDS if field.kind == "text" and field.name not in HASHED and field.name != ADDRESS
)
#: Lists of texts, coded as a whole.
LISTS: Final = tuple(field.name for field in FIELDS if field.kind == "texts")
NUMBERS: Final = tuple(field.name for field in FIELDS if field.kind == "number")
#: Fields of which only the presence is kept.
PRESENT: Final = tuple(field.name for field in FIELDS if field.kind in ("integer", "numbers", "object", "changes"))
#: The names of the changed fields, derived from ``changes``; coded like :data:`LISTS`.
CHANGED: Final = "changes.field"
#: What the names of the columns of single measures and details begin with.
MEASURES: Final = "measures."
DETAILS: Final = "details."
#: Fields that have a dictionary.
WITH_DICTIONARY: Final = frozenset({*CODED, *LISTS, CHANGED})
KNOWN: Final = frozenset({*HASHED, ADDRESS, *CODED, *LISTS, *NUMBERS, *PRESENT, CHANGED})
