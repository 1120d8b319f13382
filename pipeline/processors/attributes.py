"""The `attributes` processor: change the attributes of spans, log records and data points.

====================  =============================================================================
option                meaning
====================  =============================================================================
`actions`             a list, applied in order to every record; required, not empty
`include`, `exclude`  refused: not available yet (conditions come with the `filter` processor)
====================  =============================================================================

An action has an `action` (in lower or upper case) and a `key`, and by action:

============================  =====================================================================
`insert` `update` `upsert`    `value` (string, bool, int, float, list or map, of that type) or
                              `from_attribute` (the value of another key, if there); with
                              `default_value`, what to take when there is none. `insert` where the
                              key is not there, `update` where it is, `upsert` in both cases
`delete`                      `key` and/or `pattern` (RE2, found anywhere in the key)
`hash`                        `key` and/or `pattern`: the SHA-256 of the value, in hexadecimal
`extract`                     `pattern` with named groups only: of a string value, each group
                              becomes an attribute of that name, replacing one that is there
`convert`                     `converted_type`: `int`, `double` or `string`; a value that cannot be
                              converted stays as it is
============================  =====================================================================

`from_context` is refused: what a request carried besides its records does not reach the chain.

Where a record repeats a key, reads take the last one and changes meet all of them (the Collector
takes the first). Attributes keep their order; a new one comes last.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.batch import Batch
from pipeline.ports import Processor
from pipeline.processors.arrays import Arrow, Numbers, from_arrow
from pipeline.processors.conversion import CONVERSIONS, digest
from pipeline.processors.elements import Elements, Handles
from pipeline.processors.options import Options, Strict, Unavailable
from pipeline.signal import Signal
from pipeline.value import STRING, Map, Value, encode

Step: TypeAlias = Callable[[Elements], None]
"""An action, ready to be applied to the attributes of a batch."""

_INT_MIN: Final = -(1 << 63)
_INT_MAX: Final = (1 << 63) - 1


@dataclass(slots=True)  # not frozen: the port's `drops` is a plain attribute
class ChangeAttributes:
    """Apply actions to the attributes of every record; takes no record out."""

    steps: tuple[Step, ...]
    drops: Literal["filtered", "sampled"] = "filtered"

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch with the column `attributes` changed, and no other."""
        column = batch.rows["attributes"]
        elements = Elements(column)
        for step in self.steps:
            step(elements)
        changed = elements.close()
        return batch if changed is column else batch.with_column("attributes", changed)


def _value(raw: object) -> Value:
    """Return a value from YAML as one of ours."""
    if isinstance(raw, Mapping):
        names = [name for name in raw if not isinstance(name, str)]
        if names:
            raise ValueError(f"the keys of a map must be strings, not {names[0]!r}")
        return Map((name, _value(item)) for name, item in raw.items())
    if isinstance(raw, list | tuple):
        return [_value(item) for item in raw]
    if isinstance(raw, int) and not _INT_MIN <= raw <= _INT_MAX:
        raise ValueError(f"must fit 64 bits, not {raw}")
    if raw is None or isinstance(raw, str | bool | int | float | bytes):
        return raw
    raise ValueError(
        f"must be a string, bool, int, float, list or map, not a {type(raw).__name__}; quote it?"
    )


def regular(pattern: str) -> str:
    """Refuse what is no regular expression."""
    # Arrow's engine is the one that will run it (RE2, as in Go).
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return pattern


def _groups(pattern: str) -> str:
    try:
        groups = pc.extract_regex(pa.array([""]), pattern).type
    except pa.ArrowInvalid as error:
        raise ValueError(f"must be one whose groups are all named: {error}") from error
    if not groups.num_fields:
        raise ValueError("must have groups, each of them named")
    return pattern


def some(actions: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list without actions."""
    if not actions:
        raise ValueError("must hold an action")
    return actions


def _lower(raw: Any) -> Any:
    if isinstance(raw, Mapping) and isinstance(raw.get("action"), str):
        return {**raw, "action": raw["action"].lower()}
    return raw


Key: TypeAlias = Annotated[str, Field(min_length=1)]
Pattern: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(regular)]
Literally: TypeAlias = Annotated[Any, BeforeValidator(_value)]


class Assign(Strict):
    """`insert`, `update` or `upsert`."""

    action: Literal["insert", "update", "upsert"]
    key: Key
    value: Literally = None
    from_attribute: Key | None = None
    from_context: Unavailable = None
    default_value: Literally = None

    @model_validator(mode="after")
    def _one_source(self) -> "Assign":
        if self.value is not None and self.from_attribute is not None:
            raise ValueError("takes either value or from_attribute, not both")
        if self.value is None and self.from_attribute is None and self.default_value is None:
            raise ValueError("needs a value, from_attribute or default_value")
        return self

    def step(self) -> Step:
        """Return the action."""
        return partial(_assign, self)


class Chosen(Strict):
    """What `delete` and `hash` share: a key, a pattern over keys, or both."""

    key: Key | None = None
    pattern: Pattern | None = None

    @model_validator(mode="after")
    def _some(self) -> "Chosen":
        if self.key is None and self.pattern is None:
            raise ValueError("needs a key or a pattern")
        return self

    def elements(self, elements: Elements) -> Numbers:
        """Return the chosen elements, each once (the Collector hashes twice what both choose)."""
        if self.pattern is None:
            return elements.find(self.key or "")
        matched = elements.match(self.pattern)
        return matched if self.key is None else np.union1d(matched, elements.find(self.key))


class Delete(Chosen):
    """`delete`."""

    action: Literal["delete"]

    def step(self) -> Step:
        """Return the action."""
        return lambda elements: elements.drop(self.elements(elements))


class Hash(Chosen):
    """`hash`."""

    action: Literal["hash"]

    def step(self) -> Step:
        """Return the action."""

        def run(elements: Elements) -> None:
            chosen = self.elements(elements)
            elements.assign(chosen, elements.change(chosen, digest))

        return run


class Extract(Strict):
    """`extract`."""

    action: Literal["extract"]
    key: Key
    pattern: Annotated[str, Field(min_length=1), AfterValidator(_groups)]

    def step(self) -> Step:
        """Return the action."""
        return partial(_extract, self.key, self.pattern)


class Convert(Strict):
    """`convert`."""

    action: Literal["convert"]
    key: Key
    converted_type: Literal["int", "double", "string"]

    def step(self) -> Step:
        """Return the action."""
        change = CONVERSIONS[self.converted_type]

        def run(elements: Elements) -> None:
            found = elements.find(self.key)
            elements.assign(found, elements.change(found, change))

        return run


Action: TypeAlias = Annotated[
    Assign | Delete | Hash | Extract | Convert,
    Field(discriminator="action"),
    BeforeValidator(_lower),
]


class Attributes(Options):
    """The options of `attributes`; the module's table says what they mean."""

    signals: ClassVar[frozenset[Signal]] = frozenset(Signal)

    actions: Annotated[tuple[Action, ...], AfterValidator(some)]
    include: Unavailable = None
    exclude: Unavailable = None

    def build(self) -> Processor:
        """Return the processor."""
        return ChangeAttributes(tuple(action.step() for action in self.actions))


def _assign(action: Assign, elements: Elements) -> None:
    given = _given(action, elements)
    if action.action == "upsert":
        elements.put(action.key, given)
        return
    found = elements.find(action.key)
    rows = elements.rows(found)
    if action.action == "update":
        has = given[rows] >= 0
        elements.assign(found[has], given[rows[has]])
        return
    absent = given >= 0
    absent[rows] = False
    elements.append(np.flatnonzero(absent), action.key, given[absent])


def _given(action: Assign, elements: Elements) -> Handles:
    """Return the value that the action has for each row, or -1."""
    constant = action.value if action.value is not None else action.default_value
    if action.from_attribute is None:
        return elements.constant(*encode(constant))
    given = elements.handles(elements.last(action.from_attribute))
    if constant is None:
        return given
    return np.where(given < 0, elements.constant(*encode(constant)), given)


def _extract(key: str, pattern: str, elements: Elements) -> None:
    last = elements.last(key)
    rows = np.flatnonzero(last >= 0)
    rows = rows[elements.kinds(last[rows]) == STRING]
    # Each distinct text is matched once: a match costs more than finding that it was seen before.
    words = elements.texts(last[rows]).dictionary_encode()
    groups: Arrow = pc.extract_regex(words.dictionary, pattern)
    which = from_arrow(words.indices)
    matched = from_arrow(groups.is_valid())[which]
    rows, which = rows[matched], which[matched]
    kinds = np.full(len(groups), STRING, dtype=np.uint8)
    for group in groups.type:
        given = np.full(len(elements), -1, dtype=np.int32)
        given[rows] = elements.add(kinds, groups.field(group.name))[which]
        elements.put(group.name, given)
