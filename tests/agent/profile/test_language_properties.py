"""What must hold of any line and every part of the language: nothing lost, nothing invented, one strange line alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from hypothesis import given, note, settings
from hypothesis import strategies as st

from agent.parse import FORMATS
from agent.profile import CompiledProfile, compile_profile, load_profile
from agent.redact import NoRedactor
from tests.agent.profile.shipped import READ_US, flat

TEXT: Final = """\
profile: x
format: json
constants: {action: log}
decode: {m: json, 'a[].j': json}
lift: [w]
fields:
  actor.id: ['a[t=u].b', {from: 'a[1].b'}, 'a[-1]']
  actor.name: {from: 'a[].n', join: ', '}
  resource.id: [{template: '{o.ns}/{o.name}'}, {from: x, extract: '^(b+)'}, o.name]
  resource.type: {from: m.t, when: {m.t: {not: c}}}
  resource.name: {from: r, join: '+'}
  org: [m.o, 'a[0].j.o', 'r[0]']
  outcome: [{value: failure, when: {e: {present: true}}}, {from: s, map: {a: success, '*': failure}}]
  source.ip: {from: [i, 'r[]'], as: ip}
  measures.rows: {from: ['r[]', n], as: number}
  details.d: {from: [x, 'a[].n'], as: lower}
  message: {from: x, keep: "yes"}
changes:
  - {before: p, after: q}
  - {each: l, field: n, old: b, new: j}
  - {name: w, old: o.ns, new: 'r[1]'}
cases:
  - {name: c, when: {x: [a, b]}, fields: {project: 'o.name'}}
  - {name: d, of: x, match: '(?P<g>b+)(?P<n>c*)', fields: {module: g}, constants: {category: data}}
  - {name: e, when: {'a[].b': {present: true}}, fields: {org: {from: 'a[].b', join: '/'}}}
"""
SELECTED: Final = {"u"}
CONSTANT: Final = {"log", "x", "failure", "success", "data", "user", "anonymous", "w", "value"}
GLUE: Final = "/+, "


def compiled(text: str) -> CompiledProfile:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(text, encoding="utf-8")
        return compile_profile(load_profile(path), FORMATS, NoRedactor())


ONE, SEVERAL = compiled(TEXT), compiled(f"each: [a, o]\n{TEXT}")

WORDS = st.sampled_from(
    ["a", "b", "bb", "bbcc", "c", "u", "", "192.0.2.1", "192.0.2.1:5", "12", "FAILED", "caf\u00e9", "1 a"]
)
SCALARS = st.one_of(WORDS, st.integers(-3, 2**60), st.booleans(), st.none())
KEYS = st.sampled_from([*"abcdeijlmnopqrstwxg", "ns", "name", "details"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.dictionaries(KEYS, SCALARS, max_size=3).map(json.dumps),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(list("tbnj")), SCALARS, max_size=4)
LINES = st.fixed_dictionaries(
    {},
    optional={
        "a": st.lists(OBJECTS, max_size=3),
        "l": st.lists(OBJECTS, max_size=3),
        "r": st.lists(SCALARS, max_size=3),
    },
).flatmap(lambda listed: st.dictionaries(KEYS, VALUES, max_size=8).map(lambda more: {**more, **listed}))
# A text that holds JSON is told by another's side where texts are joined: the comparison takes it apart.
LINES = LINES.filter(lambda line: not (isinstance(line.get("r"), list) and any(map(object_in, line["r"]))))


def leaves(value: Any) -> Iterator[Any]:
    """Yield the scalars and the empty containers in a value; of a text that is an object, what is in it."""
    inner = object_in(value)
    if inner is not None:
        yield from leaves(inner) if inner else [value]
    elif isinstance(value, dict | list) and value:
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


def object_in(value: Any) -> Any:
    """Return the object that a text is the JSON of; None for anything else."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def texts_of(event: dict[str, Any]) -> list[str]:
    return [written(leaf) for field, value in event.items() if field != "time" for leaf in leaves(value)]


def written(leaf: Any) -> str:
    return leaf if isinstance(leaf, str) else json.dumps(leaf)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([ONE, SEVERAL]), LINES)
def test_nothing_is_lost_and_nothing_invented(profile: CompiledProfile, line: dict[str, Any]) -> None:
    made = profile([json.dumps(line).encode()], READ_US)
    note(json.dumps(line))
    assert not made.unparsed
    events = [flat(profile, row) for row in made.rows]
    assert len(events) == len(made.row_lines or [0])
    said = [text for event in events for text in texts_of(event)]
    given_texts = [written(leaf) for leaf in leaves(line)] if line else []
    for text in given_texts:
        no_state = text in ("null", "", "{}", "[]") and any("changes" in event for event in events)
        no_state |= text == "{}" and profile is SEVERAL  # an event of which nothing is said
        assert no_state or text in SELECTED or any(text in other for other in said), (text, events)
    names = {*names_of(line)}
    for event in events:
        for text in texts_of({field: value for field, value in event.items() if field not in ("flags", "details")}):
            known = text in CONSTANT or text in names or any(text in (other, other.lower()) for other in given_texts)
            assert known or all(is_from(piece, given_texts) for piece in pieces(text)), (text, event)


def names_of(value: Any) -> Iterator[str]:
    """Yield the keys in a value: a change between two states names them."""
    value = object_in(value) or value
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from names_of(each)


def pieces(text: str) -> list[str]:
    for mark in GLUE:
        text = text.replace(mark, "\0")
    return [piece for piece in text.split("\0") if piece]


def is_from(piece: str, given_texts: list[str]) -> bool:
    return any(piece in other for other in given_texts)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([ONE, SEVERAL]), st.lists(LINES, min_size=1, max_size=4))
def test_lines_together_become_what_each_becomes_alone(profile: CompiledProfile, lines: list[dict[str, Any]]) -> None:
    many = [json.dumps(line).encode() for line in lines]
    together = profile([*many, b"{broken", *many], READ_US)
    alone = [row for line in many for row in profile([line], READ_US).rows]
    assert together.rows == alone * 2
    assert [each.line for each in together.unparsed] == [len(many)]


@settings(max_examples=100, deadline=None)
@given(LINES)
def test_an_explanation_is_of_the_event_that_the_line_becomes(line: dict[str, Any]) -> None:
    text = json.dumps(line).encode()
    (row,) = ONE([text], READ_US).rows
    (explained,) = ONE.explain(text, READ_US)
    fields = set(flat(ONE, row))
    assert fields == {field for field in explained.origins if not field.startswith(("measures.", "details."))}
