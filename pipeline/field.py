"""What a plan asks about: columns and attributes, and the values that they are compared with."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Level(StrEnum):
    """
    Where an attribute stands; `ANY` is record, resource and scope.

    At one of a span's events and at one of its links only a condition asks for attributes.
    """

    ANY = "any"
    RESOURCE = "resource"
    SCOPE = "scope"
    RECORD = "record"
    EVENT = "event"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of `schema.SCHEMAS[signal]`, or one that is derived.

    Derived: `service_name` (text of the resource's `service.name`, else empty), `scope_name`,
    `scope_version`; of spans `duration_ns` (0 where the end is before the start); of points `value`
    (whichever is set; where none is, no comparison holds).
    """

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class AttributeField:
    """An attribute by key, at one level or at any."""

    key: str
    level: Level = Level.ANY


@dataclass(frozen=True, slots=True)
class AttributeKeys:
    """
    All attributes whose keys a pattern fits, as if they were one attribute with all their values.

    `*` in the pattern stands for any characters, also none; all else for itself. The whole key has
    to fit, in its own case.
    """

    pattern: str
    level: Level = Level.ANY


Attributes: TypeAlias = AttributeField | AttributeKeys
Field: TypeAlias = Column | Attributes
Scalar: TypeAlias = str | int | float | bool | bytes
