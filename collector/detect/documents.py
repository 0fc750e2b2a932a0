"""Rule files to YAML documents that know where each of their values stands.

A file may hold several documents (Sigma puts a correlation beside the rules it counts).  Anchors are followed, but a
document may not grow beyond a limit by them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml

from watchbook.configfile import ConfigError, Node, Problem

SUFFIXES: Final = (".yml", ".yaml")
#: The tests of the rules in a folder lie in a folder of this name; they are no rules.
TESTS_FOLDER: Final = "tests"
#: How many values a document may have, anchors followed: the largest rules of the community have a few hundred.
DOCUMENT_VALUES_MAX: Final = 50_000
#: libyaml's, where it is there: it takes an eighth of the time.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def rule_files(path: Path) -> list[Path]:
    """Return the rule files that a path means: itself, or all in a folder and below; raises ConfigError."""
    if path.is_file():
        return [path]
    if path.is_dir():
        found = (inner for inner in path.rglob("*") if inner.suffix in SUFFIXES and inner.is_file())
        return sorted(inner for inner in found if TESTS_FOLDER not in inner.relative_to(path).parts[:-1])
    raise ConfigError([Problem(str(path), 1, 1, "there is no such file or folder of rules; check the path in 'rules'")])


def read_documents(path: Path) -> list[Node]:
    """Return the documents of a file, without empty ones; raises ConfigError."""
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Problem(name, 1, 1, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(name, 1, 1, f"is not UTF-8: {error.reason} at byte {error.start}")]) from error
    return parse_documents(name, text)


def parse_documents(name: str, text: str) -> list[Node]:
    """Return the documents of a text, whose mistakes are said to be in the file ``name``; raises ConfigError."""
    try:
        roots = list(yaml.compose_all(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ConfigError([Problem(name, line, column, f"is no YAML: {error.problem}")]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError([Problem(name, 1, 1, f"is no YAML that can be read: {error}")]) from error
    return _checked([Node(name, "", root) for root in roots])


def _checked(nodes: Sequence[Node]) -> list[Node]:
    kept = [node for node in nodes if not node.is_null]
    problems = [problem for node in kept for problem in _shape_problems(node)]
    if problems:
        raise ConfigError(problems)
    return kept


def _shape_problems(document: Node) -> Iterator[Problem]:
    """Yield what would make a document unreadable: no mapping, a key given twice, too many values."""
    if not document.is_mapping:
        yield document.problem(f"expected a rule, which is a mapping, found {document.described()}")
        return
    stack, values = [document], 0
    while stack:
        node = stack.pop()
        values += 1
        if values > DOCUMENT_VALUES_MAX:
            yield document.problem(
                f"the rule has more than {DOCUMENT_VALUES_MAX} values; split it, or look at its anchors"
            )
            return
        if node.is_mapping:
            yield from _repeated_keys(node)
            stack.extend(value for _, _, value in node.items())
        elif node.is_sequence:
            stack.extend(node.sequence())


def _repeated_keys(node: Node) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for name, key, _ in node.items():
        if name in seen:
            yield key.problem(f"is given twice, first on line {seen[name]}; keep one of them")
        seen[name] = key.line
