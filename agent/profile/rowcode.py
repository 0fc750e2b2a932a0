"""Writes the Python that makes the row of a line.

Values of a profile come into the source only through ``repr()`` or as named objects of its namespace.  :class:`RowCode`
writes what is the same wherever the values of a line come from: the rules of each field in order, what fills in by
itself, and the columns.  Where values are loaded from and what taking one out of the line means is for its two kinds,
:class:`agent.profile.dictcode.DictCode` and :class:`agent.profile.structcode.StructCode`; they make the same rows.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Final

from agent.profile.casts import VERB
from agent.profile.definition import DETAILS, MEASURES, Rule
from agent.profile.meaning import Meaning, local_name
from agent.profile.origins import origin_of
from agent.profile.sourcecode import NO_VERB, Branch, SourceCode
from agent.profile.values import Value
from watchbook.event import FLAG_NO_RESOURCE, FLAG_TIME_ASSUMED

_RESOURCE: Final = ("resource.type", "resource.id", "resource.name")
#: What ``as: verb`` fills besides the action, as far as the word tells it: field -> name in the generated code.
VERB_FIELDS: Final = {
    "event_type": "word", "category": "verb_category", "outcome": "verb_outcome", "reason": "verb_reason",
}  # fmt: skip
#: Fields that get a value of their own when no rule gave one.
_DERIVED: Final = ("actor.type", "actor.email", *VERB_FIELDS)
#: Fields whose variable is looked at or set again after their rule: these need one of their own.
_OWN_VARIABLE: Final = ("action", "actor.id", "actor.name", *_DERIVED)
_MADE_LAST: Final = ("time", "flags", "changes", "details", "measures", "actor.type", "actor.email")


class RowCode(SourceCode):
    """The code for the lines that have certain keys."""

    def __init__(self, meaning: Meaning) -> None:
        super().__init__(meaning)
        #: Fields whose value no line changes: field -> expression.
        self._fixed: dict[str, str] = {}
        #: Fields that no line leaves without a value.
        self._sure: set[str] = set()
        #: Whether the code notes in ``origins`` where the value of each field comes from.
        self._traces = False

    @abstractmethod
    def _taking(self, value: Value, *, always: bool) -> list[str]:
        """Return the statements that take a value out of the line; ``always``: every line comes by here."""

    @abstractmethod
    def _rest(self) -> Iterator[str]:
        """Yield the statements that set ``details`` to what nothing took."""

    def _statements(self) -> Iterator[str]:
        rules = self._meaning.rules
        yield from self._time()
        for field in sorted(rules, key=lambda name: name != "action"):
            yield from self._field(rules[field])
        yield from self._fields_of_the_verb()
        yield from self._actor()
        yield from self._flags()
        yield from self._measures()
        yield from self._rest()

    def _row(self) -> str:
        return f"({', '.join(self._column(name) for name in self._meaning.columns)},)"

    def _time(self) -> Iterator[str]:
        branches = []
        for index, each in enumerate(self._meaning.time):
            for source in each.sources:
                for value in self._values(source):
                    condition = f"(time := read_time_{index}({self._load(value)}, read_us)) is not None"
                    nanos = () if each.nanos is None else self._values(each.nanos)
                    added = [statement for found in nanos[:1] for statement in self._nanos(found)]
                    branches.append(Branch(condition, added, (value,), source=source, value=value))
        assumed = ["time = read_us", f"flags = [*(flags or ()), {FLAG_TIME_ASSUMED!r}]"]
        yield from self._chain("time", branches, assumed)

    def _nanos(self, value: Value) -> Iterator[str]:
        """Yield the statements that add the nanoseconds of a time that has them apart."""
        loaded = self._load(value)
        yield f"if {loaded}.__class__ is int and 0 <= {loaded} < 1000000000:"
        yield f"    time += {loaded} // 1000"
        yield from (f"    {statement}" for statement in self._taking(value, always=False))

    def _field(self, rule: Rule) -> Iterator[str]:
        is_verb = rule.field == "action" and self._meaning.has_verb
        otherwise = self._otherwise(rule.field)
        # Two paths may find the same key; what failed once fails again.
        branches: dict[str, Branch] = {}
        late: list[str] = []
        for index, source in enumerate(rule.sources):
            for branch in self._source_branches(rule, index, source):
                late += self._late_loads()
                if branch.condition not in branches:
                    branches[branch.condition] = branch._replace(source=source, loads=late)
                    late = []
            if "" in branches:
                break
        if not branches and not is_verb and rule.field not in _DERIVED:
            self._fixed[rule.field] = otherwise
            return
        if self._is_mere_copy(rule, list(branches.values())):
            return
        assigned = [f"{local_name(rule.field)} = {otherwise}", *([NO_VERB] if is_verb else [])]
        if is_verb and any(branch.source is not None and branch.source.cast != VERB for branch in branches.values()):
            yield NO_VERB  # for the ways that tell of no verb
        yield from self._chain(rule.field, list(branches.values()), assigned)

    def _is_mere_copy(self, rule: Rule, branches: Sequence[Branch]) -> bool:
        """Return whether every line has a field's value at one place; then the row takes it from there."""
        is_sure = branches and not branches[0].condition and not branches[0].takes_if
        if not is_sure or len(branches[0].statements) != 1 or self._traces:
            return False
        name, _, expression = branches[0].statements[0].partition(" = ")
        in_row = rule.field not in _OWN_VARIABLE and not rule.field.startswith((MEASURES, DETAILS))
        if not in_row or name != local_name(rule.field) or self._take_statements(branches[0], always=True):
            return False
        self._fixed[rule.field] = expression
        self._sure.add(rule.field)
        return True

    def _otherwise(self, field: str) -> str:
        """Return the expression of a field's value when no source gave one."""
        rule = self._meaning.rules.get(field)
        default = rule.default if rule is not None else None
        default = self._meaning.constants.get(field) if default is None else default
        if default is None and field in VERB_FIELDS and self._meaning.has_verb:
            return VERB_FIELDS[field]
        return repr(default)

    def _late_loads(self) -> list[str]:
        """Return, and forget, loads of values that only the rule at hand asks for, made since this was last called."""
        return []

    def _chain(self, field: str, branches: list[Branch], otherwise: list[str]) -> Iterator[str]:
        for index, branch in enumerate(branches):
            if branch.loads and index:
                yield "else:"
                rest = [branch._replace(loads=()), *branches[index + 1 :]]
                yield from (f"    {statement}" for statement in (*branch.loads, *self._chain(field, rest, otherwise)))
                return
            yield from branch.loads
            always = not index and not branch.condition
            statements = [*branch.statements, *self._take_statements(branch, always=always)]
            if self._traces:
                statements.append(f"origins[{field!r}] = {origin_of(branch.source, branch.value)!r}")
            if always:
                yield from statements
                return
            yield f"{'elif' if index else 'if'} {branch.condition}:" if branch.condition else "else:"
            yield from (f"    {statement}" for statement in statements or ["pass"])
            if not branch.condition:
                return
        if branches:
            yield "else:"
            yield from (f"    {statement}" for statement in otherwise)
        else:
            yield from otherwise

    def _take_statements(self, branch: Branch, *, always: bool) -> list[str]:
        statements = []
        for value in branch.takes:
            if not branch.takes_if:
                statements += self._taking(value, always=always)
                continue
            taking = self._taking(value, always=False)
            statements += [f"if {' and '.join(branch.takes_if)}:", *(f"    {each}" for each in taking)]
        return statements

    def _fields_of_the_verb(self) -> Iterator[str]:
        if not self._meaning.has_verb:
            return
        for field in VERB_FIELDS:
            if field not in self._meaning.rules:
                yield f"{field} = {self._otherwise(field)}"
        yield "if verb_outcome is not None:"
        yield "    outcome = verb_outcome"
        kind = self._column("resource.type")
        yield f"if category is None and {kind} in PERMISSION_TYPES and changes_permissions(action, {kind}):"
        yield "    category = 'permission'"

    def _actor(self) -> Iterator[str]:
        for field in ("actor.type", "actor.email"):
            if field not in self._meaning.rules:
                yield f"{local_name(field)} = {self._otherwise(field)}"
        who = [column for column in map(self._column, ("actor.id", "actor.name", "actor.email")) if column != "None"]
        if self._meaning.constants.get("actor.type") is None:
            yield "if actor_type is None:"
            yield f"    actor_type = 'anonymous' if {' is None and '.join(who)} is None else 'user'"
        if "actor.id" not in self._fixed and "actor.id" in self._meaning.rules:
            yield "if actor_email is None and actor_id is not None and '@' in actor_id:"
            yield "    if '@' in actor_id[1:-1] and ' ' not in actor_id:"
            yield "        actor_email = actor_id"

    def _flags(self) -> Iterator[str]:
        given = self._meaning.constants.get("flags", "").split()
        if given:
            yield f"flags = [*(flags or ()), {', '.join(map(repr, given))}]"
        columns = [self._column(name) for name in _RESOURCE]
        if not self._sure.isdisjoint(_RESOURCE) or any(column.startswith(("'", '"')) for column in columns):
            return
        yield f"if {' and '.join(f'{column} is None' for column in columns)}:"
        yield f"    flags = [*(flags or ()), {FLAG_NO_RESOURCE!r}]"

    def _measures(self) -> Iterator[str]:
        names = [name for name in self._meaning.rules if name.startswith(MEASURES) and name not in self._fixed]
        if not names:
            self._fixed["measures"] = "None"
            return
        yield "measures = None"
        yield f"if {' or '.join(f'{local_name(name)} is not None' for name in names)}:"
        yield "    measures = {}"
        for name in names:
            yield f"    if {local_name(name)} is not None:"
            yield f"        measures[{name.removeprefix(MEASURES)!r}] = {local_name(name)}"

    def _column(self, field: str) -> str:
        """Return the expression of a field's value once the code of the fields has run."""
        if field in self._fixed:
            return self._fixed[field]
        made = field in _MADE_LAST or field in self._meaning.rules or (field in VERB_FIELDS and self._meaning.has_verb)
        return local_name(field) if made else repr(self._meaning.constants.get(field))
