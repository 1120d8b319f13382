"""The configuration: a YAML file, then the environment, checked as a whole.

Every setting can be overridden: `AURA_INGESTOR_API=:8088` sets `ingestor.api`. The name is the path
in upper case, joined by `_`; the value is read as YAML. Inside the file a value may hold
`${env:NAME}` or `${env:NAME:-default}`, as in the OpenTelemetry Collector. Unknown keys, wrong
types and impossible combinations are refused with their path.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.errors import Setup

Model = TypeVar("Model", bound=BaseModel)

PREFIX: Final = "AURA_"
_REFERENCE: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_DEPTH_MAX: Final = 32


def load(model: type[Model], file: Path | None, environment: Mapping[str, str]) -> Model:
    """Read the file (none: defaults) and the environment; raises Setup, one line a fault."""
    raw = _read(file) if file else {}
    name = str(file) if file else "settings"
    _override(raw, model, environment)
    try:
        return model.model_validate(_resolved(raw, environment, 0))
    except ValidationError as error:
        raise Setup("\n".join(f"{name}: {line}" for line in faults(error))) from None


def faults(error: ValidationError) -> Iterator[str]:
    """Yield what is wrong, one line a fault, each with its path."""
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        path = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]
        ).lstrip(".")
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "no such setting"
        yield f"{path}: {message}" if path else message


def paths(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every setting."""
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        if inner is None:
            yield (*prefix, name)
        else:
            yield from paths(inner, (*prefix, name))


def _model(annotation: Any) -> type[BaseModel] | None:
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            # A list of models (rules) is one setting.
            return one if one is annotation else None
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise Setup(f"{file}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise Setup(f"{file}: {problem}{where}") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise Setup(f"{file}: the top level is settings by name, not a {type(raw).__name__}")
    return raw


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice: YAML's own readers keep the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[object] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)  # type: ignore[no-untyped-call]
            if isinstance(name, (str, int)) and name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'"{name}" is set twice', key.start_mark
                )
            if isinstance(name, (str, int)):
                seen.add(name)
        return super().construct_mapping(node, deep)


def _override(raw: dict[str, Any], model: type[BaseModel], environment: Mapping[str, str]) -> None:
    known = {PREFIX + "_".join(path).upper(): path for path in paths(model)}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name == f"{PREFIX}CONFIG":
            continue
        path = known.get(name)
        if path is None:
            close = difflib.get_close_matches(name, known, 1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise Setup(f"environment: {name} names no setting{hint}")
        try:
            read = yaml.safe_load(value) if value else ""
        except yaml.YAMLError as error:
            raise Setup(f"environment: {name}: not YAML") from error
        place = raw
        for part in path[:-1]:
            inner = place.setdefault(part, {})
            if inner is None:
                inner = place[part] = {}
            if not isinstance(inner, dict):
                raise Setup(f"{'.'.join(path)}: {part} is no group of settings")
            place = inner
        # `:8088` and `00:30` are text to a person, whatever YAML 1.1 makes of them.
        place[path[-1]] = value if isinstance(read, (int, float)) and ":" in value else read


def _resolved(value: Any, environment: Mapping[str, str], depth: int) -> Any:
    if depth > _DEPTH_MAX:
        raise Setup(f"settings are nested more than {_DEPTH_MAX} deep")
    if isinstance(value, dict):
        return {key: _resolved(item, environment, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, environment, depth + 1) for item in value]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _looked_up(found, environment), value)
    return value


def _looked_up(found: re.Match[str], environment: Mapping[str, str]) -> str:
    value = environment.get(found[1])
    if value:
        return value
    if found[2] is not None:
        return found[2]
    raise Setup(f"environment: {found[1]} is not set, and ${{env:{found[1]}}} has no default")
