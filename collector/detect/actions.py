"""Sigma's collections: documents of one file that say what others of it have in common.

``action: global`` is put into every document after it, ``action: reset`` ends that, ``action: repeat`` is put onto the
document before.  What a document says itself goes first; mappings are joined, anything else is replaced.
"""

from collections.abc import Sequence
from typing import Final

import yaml

from watchbook.configfile import Node, Problem

KEY: Final = "action"
_ACTIONS: Final = ("global", "reset", "repeat")


def expanded(nodes: Sequence[Node], problems: list[Problem]) -> list[Node]:
    """Return the rules of a file's documents, with what their collection says; add what is wrong to ``problems``."""
    if not any(KEY in node.mapping() for node in nodes):
        return list(nodes)
    common: Node | None = None
    before: Node | None = None
    rules: list[Node] = []
    for node in nodes:
        action = node.mapping().get(KEY)
        said = None if action is None else action.plain()
        if action is not None and said not in _ACTIONS:
            problems.append(action.problem(f"expected one of {', '.join(_ACTIONS)}, found {action.described()}"))
            continue
        own = _without_action(node)
        if said == "global":
            common = own if common is None else _joined(common, own)
        elif said == "reset":
            common = None
        elif said == "repeat" and before is None:
            problems.append(node.problem("repeats the rule before it, and there is none; put the rule first"))
        else:
            beneath = before if said == "repeat" else common
            before = own if beneath is None else _joined(beneath, own)
            rules.append(before)
    return rules


def _without_action(node: Node) -> Node:
    root = node.yaml
    assert isinstance(root, yaml.MappingNode)
    kept = [(key, value) for key, value in root.value if key.value != KEY]
    return Node(node.path, node.option, yaml.MappingNode(root.tag, kept, root.start_mark, root.end_mark))


def _joined(beneath: Node, upon: Node) -> Node:
    """Return a document upon another; it stands where the upper one does."""
    assert isinstance(beneath.yaml, yaml.MappingNode)
    assert isinstance(upon.yaml, yaml.MappingNode)
    return Node(upon.path, upon.option, _joined_yaml(beneath.yaml, upon.yaml))


def _joined_yaml(beneath: yaml.MappingNode, upon: yaml.MappingNode) -> yaml.MappingNode:
    values = {str(key.value): (key, value) for key, value in beneath.value}
    for key, value in upon.value:
        name = str(key.value)
        lower = values.get(name)
        if lower is not None and isinstance(lower[1], yaml.MappingNode) and isinstance(value, yaml.MappingNode):
            values[name] = (key, _joined_yaml(lower[1], value))
        else:
            values[name] = (key, value)
    return yaml.MappingNode(upon.tag, list(values.values()), upon.start_mark, upon.end_mark)
