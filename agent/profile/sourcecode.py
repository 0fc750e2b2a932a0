"""Writes the Python that takes the value of a field from one of its sources.

What values of a line a source can find, and how they are loaded, is for the two kinds of :class:`SourceCode` to say.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from agent.profile.casts import DIGITS_MAX, VERB
from agent.profile.conditions import Condition, Loaded, expression_of
from agent.profile.definition import DETAILS, Rule, Source
from agent.profile.meaning import Meaning, local_name
from agent.profile.values import Value

#: What says that no verb was met.
NO_VERB: Final = "word = verb_category = verb_outcome = verb_reason = None"
#: What is known of a value before the line is seen: never empty when text, never null.
Known = Literal["text", "integer", "number", "other"]


class Branch(NamedTuple):
    """One way to fill a field: on what condition (empty: always), by what statements, and what that takes out.

    ``source`` is None for what is not a source of a profile.  ``loads`` come before the condition.
    """

    condition: str
    statements: list[str]
    takes: Sequence[Value] = ()
    takes_if: Sequence[str] = ()
    source: Source | None = None
    value: Value | None = None
    loads: Sequence[str] = ()


def text_of_loaded(loaded: str) -> str:
    """Return the expression of the text of a loaded value; false when it has none."""
    return f"({loaded} if {loaded}.__class__ is str else {loaded} is not None and scalar_text({loaded}))"


class SourceCode(ABC):
    """The code for the sources of fields."""

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning
        #: Objects that the code uses besides those of its meaning.
        self.objects: dict[str, Any] = {}

    @abstractmethod
    def _places(self, path: str) -> list[Value]:
        """Return the values of a line that a path can find, in order."""

    @abstractmethod
    def _load_many(self, value: Value) -> str:
        """Return the local variable that holds all that is found for a value with EVERY: a list of Found."""

    @abstractmethod
    def _load(self, value: Value) -> str:
        """Return the local variable that holds a value: neither text nor number when the line has none."""

    def _load_text(self, value: Value) -> str:
        """Return the expression of a value's text, neither empty nor made of a container; false without one."""
        return text_of_loaded(self._load(value))

    @abstractmethod
    def _known(self, value: Value) -> Known | None:
        """Return what every line has at that place; None when only the line tells."""

    @abstractmethod
    def _presence(self, value: Value) -> str:
        """Return the condition that a line has a value, and that it is not null."""

    @abstractmethod
    def _guard(self, value: Value) -> str:
        """Return what spares a line that lacks a value all questions about it, ready to be followed by them."""

    def _values(self, source: Source) -> list[Value]:
        """Return the values of a line that a source can find, in order."""
        return list(dict.fromkeys(value for path in source.paths for value in self._places(path)))

    def _source_branches(self, rule: Rule, index: int, source: Source) -> Iterator[Branch]:
        """Yield the ways in which a source can fill a field, for the lines that the code is for."""
        when = "True" if source.when is None else self._condition(source.when)
        if when == "False":
            return
        needs = "" if when == "True" else f"{when} and "
        if source.value is not None or source.template:
            own = rule.field.removeprefix(DETAILS)
            needs += f"{own!r} not in d and " if rule.field.startswith(DETAILS) else ""
        if source.value is not None:
            name = local_name(rule.field)
            no_verb = [NO_VERB] if rule.field == "action" and self._meaning.has_verb else []
            yield Branch(needs.removesuffix(" and "), [f"{name} = {source.value!r}", *no_verb])
        elif source.template:
            yield from self._template_branches(rule, index, source, needs)
        else:
            for value in self._values(source):
                make = self._branches if source.join is None and not value.is_many else self._list_branches
                for branch in make(rule, index, source, value, needs + self._needs(rule, value)):
                    yield branch._replace(value=value)

    def _condition(self, condition: Condition) -> str:
        """Return the expression of a condition: ``True`` or ``False`` when no line of these can change it."""
        return expression_of(condition, self._loaded, self.objects)

    def _loaded(self, path: str) -> Loaded | None:
        """Return the value at a path for a condition; None when no line has it."""
        values = self._places(path)
        if not values:
            return None
        if len(values) == 1 and values[0].is_many:
            name = self._load_many(values[0])
            return Loaded(name, False, name)
        single = [value for value in values if not value.is_many]
        names = [self._load(value) for value in single]
        present = [self._presence(value) for value in single]
        if not all(present):
            sure = present.index("")
            single, names, present = single[: sure + 1], names[: sure + 1], present[: sure + 1]
        chosen = names[-1]
        for name, there in zip(reversed(names[:-1]), reversed(present[:-1]), strict=True):
            chosen = f"({name} if {there} else {chosen})"
        if len(names) == 1:
            return Loaded(chosen, self._known(single[0]) == "text", present[0])
        return Loaded(chosen, False, "" if not all(present) else f"({' or '.join(present)})")

    def _template_branches(self, rule: Rule, index: int, source: Source, needs: str) -> Iterator[Branch]:
        name = local_name(rule.field)
        conditions, pieces, takes = [needs], [], []
        for number, piece in enumerate(source.template):
            if isinstance(piece, str):
                pieces.append(repr(piece))
                continue
            values = self._places(piece.path)
            if not values:
                return
            texts = [
                f"first_text({self._load_many(value)})" if value.is_many else self._load_text(value) for value in values
            ]
            if len(texts) == 1 and texts[0].isidentifier():
                conditions.append(f"{texts[0]} and ")
                pieces.append(texts[0])
            else:
                conditions.append(f"(piece_{number} := {' or '.join(texts)}) and ")
                pieces.append(f"piece_{number}")
            takes += values if len(values) == 1 and not values[0].is_many and source.keep == "no" else []
        made, condition = " + ".join(pieces), "".join(conditions)
        if f"convert_{name}_{index}" not in self._meaning.namespace:
            yield Branch(condition.removesuffix(" and "), [f"{name} = {made}"], takes)
        elif source.cast == VERB:
            yield Branch(f"{condition}{self._verb_found(name, index, f'({made})')}", self._verb_set(name, made), takes)
        else:
            yield Branch(f"{condition}({name} := convert_{name}_{index}[{made}]) is not None", [], takes)

    def _list_branches(self, rule: Rule, index: int, source: Source, value: Value, needs: str) -> Iterator[Branch]:
        """Yield the ways to a value out of a list: the first usable one, or all of them joined."""
        name = local_name(rule.field)
        made, convert = f"found_{name}", f"convert_{name}_{index}"
        if source.join is not None and not value.is_many:
            condition = f"{needs}({made} := join_{name}_{index}({self._load(value)})) is not None"
            if convert in self._meaning.namespace:
                yield Branch(
                    f"{condition} and ({name} := {convert}[{made}]) is not None", [], *self._takes(rule, source, value)
                )
            else:
                yield Branch(condition, [f"{name} = {made}"], *self._takes(rule, source, value))
            return
        loaded = self._load_many(value)
        if source.join is not None:
            condition = f"{needs}({made} := join_all_{name}_{index}({loaded})) is not None"
            statements = [f"{name} = {made}[0]"]
            if convert in self._meaning.namespace:
                condition, statements = f"{condition} and ({name} := {convert}[{made}[0]]) is not None", []
            if source.keep != "yes":
                statements += [f"for chain in {made}[1]:", "    take(chain, holed)"]
        else:
            condition = f"{needs}({made} := first_{name}_{index}({loaded})) is not None"
            statements = [f"{name} = {made}[0]"]
            if source.keep == "changed":
                statements += [f"if {made}[2]:", f"    take({made}[1], holed)"]
            elif source.keep == "no":
                statements.append(f"take({made}[1], holed)")
        yield Branch(condition, statements)

    def _verb_found(self, name: str, index: int, text: str) -> str:
        return f"(verb := convert_{name}_{index}[{text}]) is not None"

    def _verb_set(self, name: str, text: str) -> list[str]:
        return [f"{name}, verb_category, verb_outcome, verb_reason = verb", f"word = {text}"]

    def _branches(self, rule: Rule, index: int, source: Source, value: Value, needs: str) -> Iterator[Branch]:
        name, known = local_name(rule.field), self._known(value)
        takes, takes_if = self._takes(rule, source, value)
        loaded = self._load(value)
        if f"pick_{name}_{index}" in self._meaning.namespace:
            is_text = "" if known == "text" else f"{loaded}.__class__ is str and "
            picked = f"({name} := pick_{name}_{index}[{loaded}]) is not None"
            yield Branch(f"{needs}{is_text}{picked}", [], takes, takes_if)
            return
        if source.extract is not None:
            is_text = "" if known == "text" else f"{loaded}.__class__ is str and "
            text, known = f"text_{name}", "text"
            needs += f"{is_text}({text} := extract_{name}_{index}[{loaded}]) is not None and "
            loaded = text
        is_text = "" if known == "text" else f"{loaded}.__class__ is str and "
        if source.cast == VERB:
            found = self._verb_found(name, index, loaded)
            yield Branch(f"{needs}{is_text}{found}", self._verb_set(name, loaded), takes, takes_if)
            return
        if rule.kind == "number" and source.cast in (None, "number") and source.extract is None:
            if known in ("integer", "number"):
                yield Branch(needs.removesuffix(" and "), [f"{name} = {loaded}"], takes, takes_if)
                return
            whole = f"{loaded}.__class__ is int and -NUMBER_MAX < {loaded} < NUMBER_MAX"
            number = f"({whole} or {loaded}.__class__ is float)"
            yield Branch(f"{needs}{number}", [f"{name} = {loaded}"], takes, takes_if)
        if f"convert_{name}_{index}" in self._meaning.namespace:
            plain = f"{loaded}.__class__ is str or {loaded}.__class__ is int"
            text = loaded if known in ("text", "integer") else f"{loaded} if {plain} else text_of({loaded})"
            converted = f"convert_{name}_{index}[{text}]"
            if known in (None, "text"):
                converted = self._quickly(f"{name}_{index}", loaded, is_text) + converted
            yield Branch(f"{needs}({name} := {converted}) is not None", [], takes, takes_if)
            if f"part_{name}_{index}" in self._meaning.namespace and known != "integer":
                yield Branch(f"{needs}{is_text}({name} := part_{name}_{index}[{loaded}]) is not None", [])
        elif rule.kind == "text":
            yield from self._text_branches(name, index, source, (loaded, known), Branch(needs, [], takes, takes_if))

    def _quickly(self, name: str, loaded: str, is_text: str) -> str:
        """Return what spares most texts their conversion, and a look at those that were converted before.

        A log has more addresses and ports than are remembered.
        """
        if f"quick_{name}" in self._meaning.namespace:
            return f"{loaded} if {is_text}quick_{name}({loaded}) else "
        if f"convert_{name}" in self._meaning.counted:
            digits = f"{loaded}.isdecimal() and {loaded}.isascii() and len({loaded}) <= {DIGITS_MAX}"
            return f"int({loaded}) if {is_text}{digits} else "
        return ""

    def _text_branches(
        self, name: str, index: int, source: Source, text: tuple[str, Known | None], like: Branch
    ) -> Iterator[Branch]:
        (loaded, known), needs = text, like.condition
        if known in (None, "text"):
            conditions = [] if known == "text" else [f"{loaded}.__class__ is str and {loaded}"]
            if source.absent:  # most texts are longer than those that mean nothing
                longest = max(map(len, source.absent))
                conditions.append(f"(len({loaded}) > {longest} or {loaded}.lower() not in absent_{name}_{index})")
            condition = (needs + " and ".join(conditions)).removesuffix(" and ")
            yield like._replace(condition=condition, statements=[f"{name} = {loaded}"])
        if known in (None, "integer"):
            condition = needs.removesuffix(" and ") if known else f"{needs}{loaded}.__class__ is int"
            yield like._replace(condition=condition, statements=[f"{name} = str({loaded})"])

    def _needs(self, rule: Rule, value: Value) -> str:
        """Return what must hold of the rest of the line, ready to be followed by more conditions."""
        own = rule.field.removeprefix(DETAILS)
        is_other = rule.field.startswith(DETAILS) and (value.key, value.below) != (own, ())
        return (f"{own!r} not in d and " if is_other else "") + self._guard(value)

    def _takes(self, rule: Rule, source: Source, value: Value) -> tuple[Sequence[Value], list[str]]:
        """Return what a field takes out of the line once it has its value, and on what conditions."""
        if source.keep == "yes":
            return (), []
        name, conditions = local_name(rule.field), []
        if source.keep == "changed":
            loaded = self._load(value)
            conditions.append(f"({name} == {loaded} or {loaded}.__class__ is str and {loaded}.lower() == {name})")
        if rule.field == "outcome" and self._meaning.has_verb:
            conditions.append("(verb_outcome is None or verb_outcome == outcome)")
        return (value,), conditions
