"""What binding each rule by itself cannot tell."""

from collections.abc import Iterator, Mapping

from watchbook.configfile import Node, Problem


def name_nodes(options: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    """Yield the name of each rule of ``drop`` and ``sample``, and where it stands; what is no rule is passed over."""
    for kind in ("drop", "sample"):
        rules = options[kind].sequence() if kind in options and options[kind].is_sequence else []
        for rule in rules:
            name = rule.mapping().get("name") if rule.is_mapping else None
            if name is not None and not (name.is_mapping or name.is_sequence or name.is_null):
                yield name.text(), name


def repeated_names(options: Mapping[str, Node], outer: Mapping[str, Node] | None = None) -> Iterator[Problem]:
    """Yield the names that two rules of the same input have; ``outer``: what holds for all inputs."""
    seen = dict(name_nodes(outer or {}))
    for name, node in name_nodes(options):
        if name in seen:
            place = f"on line {seen[name].line}"
            yield node.problem(f"{name!r} is the name of another rule, {place}; give each its own to be counted under")
        seen.setdefault(name, node)
