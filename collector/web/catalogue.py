"""``GET /v1/catalogue``: what sources call their events and what it means, and which names came that nobody listed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from collector.block import Answerer
from collector.problem import ApiProblem
from collector.web.asking import ranged
from collector.web.parameters import Values, meant, one, read_parameters, read_truth
from collector.web.ports import Authorise
from collector.web.representation import json_response
from collector.web.vocabulary import CATALOGUE, LIMIT_MAX
from watchbook.catalogue import KINDS, Catalogue, Catalogues, Entry, Group, Match, name_key

#: The fields of events whose values a catalogue can list.
_COUNTED: Final = ("event_type", "resource.type")
_DETAILS: Final = "details."


class CatalogueHandlers:
    """Lists catalogues, their groups and entries, and compares them with what is stored."""

    def __init__(self, catalogues: Catalogues, answerer: Answerer, authorise: Authorise) -> None:
        self._catalogues = catalogues
        self._answerer = answerer
        self._authorise = authorise

    async def list(self, request: web.Request) -> web.Response:
        """Answer with what was asked for of the catalogues."""
        caller = self._authorise(request, "read").name
        values = read_parameters(request, CATALOGUE)
        chosen = self._chosen(values)
        kinds = values.get("kind") or list(KINDS)
        groups = [
            group
            for catalogue in chosen
            for listing in catalogue.lists
            if listing.kind in kinds
            for group in listing.groups
            if _is_named(values.get("group"), (group.name, *group.aliases))
        ]
        found = [
            (catalogue.name, entry)
            for catalogue in chosen
            for entry in catalogue.entries
            if _is_asked_for(entry, values, kinds, groups)
        ]
        document: dict[str, Any] = {
            "catalogues": [_outline(catalogue) for catalogue in chosen],
            "groups": [document for each in chosen for document in _groups(each, groups)],
            "entries": [{"catalogue": name, **_entry(entry)} for name, entry in found],
        }
        if read_truth(values, "seen"):
            document["seen"] = await self._seen(values, caller)
        return json_response(document)

    def _chosen(self, values: Values) -> Sequence[Catalogue]:
        names = values.get("catalogue")
        known = {catalogue.name: catalogue for catalogue in self._catalogues.all}
        for name in names or ():
            if name not in known:
                hint = meant(name, known) or f"; there are: {', '.join(known) or 'none'}"
                raise ApiProblem(404, "not-found", f"there is no catalogue {name[:80]!r}{hint}")
        return [each for each in self._catalogues.all if names is None or each.name in names]

    async def _seen(self, values: Values, caller: str) -> dict[str, Any]:
        """Return which names of a range no catalogue lists, and which it lists as another spelling."""
        fields = [field for field in self._catalogues.fields if field != "outcome" and not field.startswith(_DETAILS)]
        fields = list(dict.fromkeys([*_COUNTED, *fields]))
        asked = {**ranged(values, caller), "fields": fields, "size": LIMIT_MAX, "distinct": None}
        answer = msgspec.json.decode(await self._answerer.ask("facets", asked))
        unlisted: list[dict[str, Any]] = []
        aliases: list[dict[str, Any]] = []
        for field in fields:
            for value in answer["facets"][field]["values"]:
                counted = {"field": field, "value": value["value"], "count": value["count"]}
                matches = self._catalogues.find(field, str(value["value"]))
                if not matches and field in _COUNTED:
                    unlisted.append(counted)
                elif matches and matches[0].by_alias:
                    aliases.append({**counted, **_meant(matches[0])})
        aliases += [hit async for hit in self._in_details(values, caller)]
        seen = {
            "unlisted": sorted(unlisted, key=lambda each: -each["count"]),
            "aliases": aliases,
            "other": sum(answer["facets"][field]["other"] for field in _COUNTED),
            "range": answer["range"],
        }
        return {**seen, "incomplete": answer["incomplete"]} if "incomplete" in answer else seen

    async def _in_details(self, values: Values, caller: str) -> Any:
        """Yield the aliases that an agent replaced: the word of the line stays in the event's details."""
        for catalogue in self._catalogues.all:
            for listing in catalogue.lists:
                for field in listing.groups_in:
                    if not field.startswith(_DETAILS):
                        continue
                    for group in listing.groups:
                        for alias in group.aliases:
                            count = await self._count(values, caller, f'{field}:"{alias}"')
                            if count:
                                found = {"field": field, "value": alias, "count": count}
                                yield {**found, **_meant(Match(catalogue.name, group, True))}

    async def _count(self, values: Values, caller: str, query: str) -> int:
        asked = {**ranged(values, caller), "q": query, "limit": 1, "cursor": None, "total": True}
        return int(msgspec.json.decode(await self._answerer.ask("search", asked))["total"]["value"])


def _is_asked_for(entry: Entry, values: Values, kinds: Iterable[str], groups: Sequence[Group]) -> bool:
    hidden = one(values, "hidden")
    return (
        entry.kind in kinds
        and any(entry.kind == group.kind and entry.group == group.name for group in groups)
        and _is_named(values.get("type"), (entry.name, *entry.aliases))
        and (hidden is None or entry.hidden == (hidden == "true"))
    )


def _is_named(asked: Sequence[str] | None, names: Sequence[str]) -> bool:
    """Return whether one of the names is asked for; a trailing ``*`` stands for whatever follows, on both sides."""
    return asked is None or any(_fits(name_key(word), name_key(name)) for word in asked for name in names)


def _fits(asked: str, name: str) -> bool:
    if asked.endswith("*"):
        beginning = asked.rstrip("*")
        return name.startswith(beginning) or (name.endswith("*") and beginning.startswith(name.rstrip("*")))
    return name == asked or (name.endswith("*") and asked.startswith(name.rstrip("*")))


def _outline(catalogue: Catalogue) -> dict[str, Any]:
    lists = [
        {
            "kind": listing.kind,
            "field": KINDS[listing.kind],
            "groups": len(listing.groups),
            "entries": len(entries := list(listing.entries)),
            "names": len({entry.name for entry in entries}),
        }
        for listing in catalogue.lists
    ]
    return {
        "name": catalogue.name,
        "title": catalogue.title,
        "description": catalogue.description,
        "profiles": list(catalogue.profiles),
        "lists": lists,
    }


def _groups(catalogue: Catalogue, chosen: Sequence[Group]) -> Iterator[dict[str, Any]]:
    for listing in catalogue.lists:
        for group in listing.groups:
            if any(group is each for each in chosen):
                yield {
                    "catalogue": catalogue.name,
                    "kind": group.kind,
                    "name": group.name,
                    **_said({"description": group.description}),
                    "aliases": list(group.aliases),
                    "entries": len(group.entries),
                }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "group": entry.group,
        "name": entry.name,
        **_said(
            {
                "description": entry.description,
                "canonical": entry.canonical,
                "action": entry.action,
                "category": entry.category,
                "outcome": entry.outcome,
                "reason": entry.reason,
            }
        ),
        "hidden": entry.hidden,
        "aliases": list(entry.aliases),
        "applies_to": list(entry.applies_to),
    }


def _meant(match: Match) -> dict[str, Any]:
    return {"catalogue": match.catalogue, "meant": match.meant.name}


def _said(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
