"""Who may do what with a saved filter, and what it looks like.  Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from collector.problem import ApiProblem
from watchbook.clock import format_rfc3339


class SavedFilter(NamedTuple):
    """A row of the table: see ``migrations``."""

    id: str
    name: str
    owner: str
    visibility: str
    content: str
    version: int
    created: int
    changed: int
    changed_by: str

    def document(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        row = self._asdict()
        content = msgspec.json.decode(row.pop("content"), type=dict[str, Any])
        return {
            **row,
            **content,
            "created": format_rfc3339(self.created),
            "changed": format_rfc3339(self.changed),
        }

    def is_visible_to(self, caller: str) -> bool:
        """Return whether a caller may see it, and so change it."""
        return self.visibility == "everyone" or self.owner == caller


def content_of(document: Mapping[str, Any]) -> str:
    """Return what the column ``content`` holds of a document that was checked."""
    return msgspec.json.encode({name: document[name] for name in ("q", "filters", "exclude", "range")}).decode()


def check_change(found: SavedFilter, document: Mapping[str, Any], caller: str, version: int | None) -> None:
    """Raise ApiProblem 412 when the version is another one, 403 when only the owner may do this."""
    check_version(found, version)
    if found.owner != caller and document["visibility"] != found.visibility:
        detail = f"only its owner, {found.owner!r}, may take the filter {found.name!r} from everyone"
        raise ApiProblem(403, "not-owner", f"{detail}; save it under another name instead")


def check_removal(found: SavedFilter, caller: str, version: int | None, *, any_owner: bool) -> None:
    """Raise ApiProblem 412 when the version is another one, 403 when only the owner may do this."""
    check_version(found, version)
    if found.owner != caller and not any_owner:
        detail = (
            f"only its owner, {found.owner!r}, or a token with the scope admin may remove the filter {found.name!r}"
        )
        raise ApiProblem(403, "not-owner", detail)


def check_version(found: SavedFilter, version: int | None) -> None:
    """Raise ApiProblem 412 unless the version is the one there is."""
    if version is not None and version != found.version:
        detail = f"{found.changed_by!r} changed the filter {found.name!r} meanwhile: it is version {found.version} now"
        raise ApiProblem(412, "precondition-failed", f"{detail}; get it again, and send its ETag as 'If-Match'")
