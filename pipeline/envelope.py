"""The text form of a resource and of a scope: what a record shares with its neighbours.

Resource: ``{"attributes":[["service.name",1,"api"],…],"dropped_attributes_count":2,
"schema_url":"…","entity_refs":[{"schema_url":…,"type":…,"id_keys":[…],"description_keys":[…]}]}``

Scope: ``{"name":"…","version":"…","attributes":[…],"dropped_attributes_count":2,"schema_url":"…"}``

Keys stand in this order. `attributes` is always there, the others only when not empty or zero.
An attribute is a (key, type, value text) as in `pipeline/value.py`, so that one SQL expression
reads attributes of every level.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.value import Attribute, dumps


@dataclass(frozen=True, slots=True)
class EntityRef:
    """A reference to an entity that the resource describes (OTLP EntityRef, in development)."""

    schema_url: str = ""
    type: str = ""
    id_keys: tuple[str, ...] = ()
    description_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """What produced the telemetry, with the schema URL of its ResourceSpans, -Logs or -Metrics."""

    attributes: tuple[Attribute, ...] = ()
    dropped_attributes_count: int = 0
    schema_url: str = ""
    entity_refs: tuple[EntityRef, ...] = ()

    def text(self) -> str:
        """Return the text that `parse` reads back."""
        refs = [
            {
                "schema_url": ref.schema_url,
                "type": ref.type,
                "id_keys": ref.id_keys,
                "description_keys": ref.description_keys,
            }
            for ref in self.entity_refs
        ]
        return _text(
            {"attributes": self.attributes},
            dropped_attributes_count=self.dropped_attributes_count,
            schema_url=self.schema_url,
            entity_refs=refs,
        )

    @staticmethod
    def parse(text: str) -> "Resource":
        """Read the text of a resource."""
        raw = json.loads(text)
        return Resource(
            _attributes(raw["attributes"]),
            raw.get("dropped_attributes_count", 0),
            raw.get("schema_url", ""),
            tuple(
                EntityRef(
                    ref["schema_url"],
                    ref["type"],
                    tuple(ref["id_keys"]),
                    tuple(ref["description_keys"]),
                )
                for ref in raw.get("entity_refs", ())
            ),
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """The instrumentation scope, with the schema URL of its ScopeSpans, -Logs or -Metrics."""

    name: str = ""
    version: str = ""
    attributes: tuple[Attribute, ...] = field(default=())
    dropped_attributes_count: int = 0
    schema_url: str = ""

    def text(self) -> str:
        """Return the text that `parse` reads back."""
        head: dict[str, Any] = {}
        if self.name:
            head["name"] = self.name
        if self.version:
            head["version"] = self.version
        return _text(
            head | {"attributes": self.attributes},
            dropped_attributes_count=self.dropped_attributes_count,
            schema_url=self.schema_url,
        )

    @staticmethod
    def parse(text: str) -> "Scope":
        """Read the text of a scope."""
        raw = json.loads(text)
        return Scope(
            raw.get("name", ""),
            raw.get("version", ""),
            _attributes(raw["attributes"]),
            raw.get("dropped_attributes_count", 0),
            raw.get("schema_url", ""),
        )


def find(attributes: Sequence[Attribute], key: str) -> str | None:
    """Return the text of a key's value; the last one wins where a sender repeats a key."""
    for name, _, text in reversed(attributes):
        if name == key:
            return text
    return None


def _text(head: dict[str, Any], **optional: Any) -> str:
    return dumps(head | {key: value for key, value in optional.items() if value})


def _attributes(raw: list[list[Any]]) -> tuple[Attribute, ...]:
    return tuple((key, kind, text) for key, kind, text in raw)
