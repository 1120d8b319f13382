"""The configuration: a YAML file, then the environment, checked as a whole.

Every setting can be overridden: `AURA_INGESTOR_API=:8088` sets `ingestor.api`. The name is the path
in upper case, joined by `_`; the value is taken as it is where the setting is text, else read as
YAML. `pipeline/document.py` says what a value is and how it may refer to the environment. Unknown
keys, wrong types and impossible combinations are refused with their path.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from pipeline import document
from pipeline.errors import Setup

Model = TypeVar("Model", bound=BaseModel)
Place: TypeAlias = tuple[str, ...]

PREFIX: Final = "AURA_"
_OTHERS: Final = {f"{PREFIX}{name}" for name in ("CONFIG", "URL", "KEY")}
"""Variables that are no settings: the file of them, and what the shell asks with."""


def load(model: type[Model], file: Path | None, environment: Mapping[str, str]) -> Model:
    """Read the file (none: defaults) and the environment; raises Setup, one line a fault."""
    known = fields(model)
    raw = _read(file, environment) if file else {}
    _fill(raw, model)
    overridden = _override(raw, known, environment)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        lines = []
        for place, message in faults(error, known):
            names = [name for name, path in overridden.items() if place[: len(path)] == path]
            source = f"environment: {names[0]}" if names else str(file or "settings")
            lines.append(f"{source}: {message}")
        raise Setup("\n".join(lines)) from None


def fields(model: type[BaseModel], prefix: Place = ()) -> dict[Place, FieldInfo]:
    """Return every setting by its path."""
    found: dict[Place, FieldInfo] = {}
    for name, field in model.model_fields.items():
        group = _group(field)
        found |= fields(group, (*prefix, name)) if group else {(*prefix, name): field}
    return found


def faults(
    error: ValidationError, known: Iterable[Place]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield where something is wrong, and a line that says it with its path."""
    names = [".".join(place) for place in known]
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        path = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]
        ).lstrip(".")
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = f"no such setting{_hint(path, names)}"
        yield fault["loc"], f"{path}: {message}" if path else message


def variable(place: Place) -> str:
    """Return the name of the environment variable that overrides a setting."""
    return PREFIX + "_".join(place).upper()


def _group(field: FieldInfo) -> type[BaseModel] | None:
    # A list of models (rules) is one setting.
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _read(file: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    try:
        raw = document.read(file.read_text(encoding="utf-8"), environment)
    except (OSError, UnicodeDecodeError) as error:
        raise Setup(f"{file}: cannot be read: {error}") from error
    except Setup as error:
        raise Setup(f"{file}: {error}") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise Setup(f"{file}: the top level is settings by name, not a {type(raw).__name__}")
    return raw


def _fill(raw: Any, model: type[BaseModel]) -> None:
    """Make groups whose settings are all commented out empty ones."""
    if not isinstance(raw, dict):
        return  # the model says so, with its path
    for name, field in model.model_fields.items():
        group = _group(field)
        if group and name in raw:
            raw[name] = {} if raw[name] is None else raw[name]
            _fill(raw[name], group)


def _override(
    raw: dict[str, Any], known: Mapping[Place, FieldInfo], environment: Mapping[str, str]
) -> dict[str, Place]:
    """Put what the environment says in its place; return the settings by variable."""
    names = {variable(place): place for place in known}
    found: dict[str, Place] = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name in _OTHERS:
            continue
        if name not in names:
            raise Setup(f"environment: {name} names no setting{_hint(name, names)}")
        place = names[name]
        group = raw
        for part in place[:-1]:
            group = group.setdefault(part, {})
            if not isinstance(group, dict):
                raise Setup(f"{'.'.join(place)}: {part} is no group of settings")
        read = document.resolved if _is_text(known[place]) or not value else document.read
        try:
            group[place[-1]] = read(value, environment)
        except Setup as error:
            raise Setup(f"environment: {name}: {error}") from error
        found[name] = place
    return found


def _is_text(field: FieldInfo) -> bool:
    kind = field.annotation
    return kind in (str, Path, SecretStr) or (
        get_origin(kind) is Literal and all(isinstance(one, str) for one in get_args(kind))
    )


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {close[0]}?)" if close else ""
