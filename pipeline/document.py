"""YAML to plain values, read as a person means it.

Only what YAML 1.2's core schema calls so is a number, a truth or null: `00:30`, `no` and
`2024-01-01` are text here, `010` is ten. A key is always text, and may be given once. Text may hold
`${env:NAME}` or `${env:NAME:-default}`. Depth and size are bounded, also through aliases.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from pipeline.errors import Setup

DEPTH_MAX: Final = 32
VALUES_MAX: Final = 100_000

_REFERENCE: Final = re.compile(r"\$\{env:(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    re.ASCII,
)
_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAGS: Final = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}


def read(text: str, environment: Mapping[str, str]) -> Any:
    """Return the one document in the text; raises Setup, which says where."""
    try:
        node = yaml.compose(text, _Loader)
        return None if node is None else _Document(environment).value(node, 1)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or getattr(error, "reason", "not YAML")
        raise Setup(f"{problem}{_where(error)}") from error


def resolved(text: str, environment: Mapping[str, str]) -> str:
    """Return the text with its references replaced; raises Setup."""
    return _REFERENCE.sub(lambda found: _looked_up(found, environment), text)


def _looked_up(found: re.Match[str], environment: Mapping[str, str]) -> str:
    name, default = found[1], found[2]
    if name is None:
        raise Setup("a reference is ${env:NAME} or ${env:NAME:-default}")
    value = environment.get(name)
    if value:
        return value
    if default is None:
        raise Setup(f"environment: {name} is not set, and ${{env:{name}}} has no default")
    return default


class _Loader(yaml.BaseLoader):
    """Composes nodes without a guess at their types; depth is bounded before Python's stack is."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth >= DEPTH_MAX:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise _error(f"nested more than {DEPTH_MAX} deep", event)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


class _Document:
    """Turns nodes into values, and counts them: an alias is its content again."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._values = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        self._values += 1
        if depth > DEPTH_MAX:
            raise _error(f"nested more than {DEPTH_MAX} deep", node)
        if self._values > VALUES_MAX:
            raise _error(f"more than {VALUES_MAX} values", node)
        if node.tag not in _TAGS:
            raise _error("tags are not supported", node)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, depth)
            case yaml.SequenceNode():
                return [self.value(item, depth + 1) for item in node.value]
        text = str(node.value)
        if "${env:" in text:
            try:
                return resolved(text, self._environment)
            except Setup as error:
                raise Setup(f"{error}{_where(node)}") from None
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return _scalar(text) if plain else text

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _error("a name is plain text", key)
            if key.value in found:
                raise _error(f'"{key.value}" is set twice', key)
            found[key.value] = self.value(value, depth + 1)
        return found


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    try:
        if _INT.fullmatch(text):
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if _FLOAT.fullmatch(text):
            return float(text.replace(".inf", "inf").replace(".nan", "nan").lower())
    except ValueError:  # more digits than Python takes
        return text
    return text


def _error(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


def _where(at: Any) -> str:
    mark = getattr(at, "problem_mark", None) or getattr(at, "start_mark", None)
    return f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
