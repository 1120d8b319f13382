"""Which attributes there are: what the stored table of keys says of the names in a query."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from pipeline import search
from pipeline.plan import AttributeField, AttributeKeys, Attributes, Level
from pipeline.value import EMPTY, TYPE_NAMES

_COMPARED_MAX: Final = 100
"""Characters of a name for which a similar one is looked for."""

Types = frozenset[int]


@dataclass(frozen=True, slots=True)
class Seen:
    """
    The types of each key at each level, of all keys that a query names, and names to suggest.

    `pipeline.value.EMPTY` is no type: an attribute without a value says nothing of the others.
    """

    types: Mapping[str, Mapping[Level, Types]]
    names: Sequence[str] = ()

    @staticmethod
    def of(rows: Iterable[tuple[str, str, int]], names: Sequence[str] = ()) -> "Seen":
        """Return what rows of (key, level, type) say."""
        types: dict[str, dict[Level, Types]] = {}
        for key, level, kind in rows:
            levels = types.setdefault(key, {})
            levels[Level(level)] = levels.get(Level(level), Types()) | {kind}
        return Seen(types, names)

    def types_of(self, field: Attributes) -> Types:
        """Return the types of the values that a field names; empty when there are none."""
        kinds = (
            kind
            for key in self._keys(field)
            for level, of_level in self.types[key].items()
            if field.level in (Level.ANY, level)
            for kind in of_level
        )
        return Types(kinds) - {EMPTY}

    def there(self, field: Attributes) -> bool:
        """Tell whether there is an attribute that a field names."""
        return any(
            field.level is Level.ANY or field.level in self.types[key] for key in self._keys(field)
        )

    def elsewhere(self, field: Attributes) -> list[Level]:
        """Return the levels at which there are attributes of the field's keys."""
        return sorted({level for key in self._keys(field) for level in self.types[key]})

    def like(self, name: str, others: Iterable[str] = ()) -> str | None:
        """Return a name that resembles one that is not there."""
        if len(name) > _COMPARED_MAX:
            return None
        lowered = {one.lower(): one for one in (*self.names, *others)}
        found = get_close_matches(name.lower(), lowered, n=1, cutoff=0.75)
        return lowered[found[0]] if found else None

    def _keys(self, field: Attributes) -> list[str]:
        if isinstance(field, AttributeField):
            return [field.key] if field.key in self.types else []
        pattern = re.compile(search.key(field.pattern))
        return [key for key in self.types if pattern.fullmatch(key)]


def listed(types: Types) -> str:
    """Return the names of types."""
    return ", ".join(TYPE_NAMES[kind] for kind in sorted(types))


def name_of(field: Attributes) -> str:
    """Return the name by which a field was asked for, without its level."""
    return field.pattern if isinstance(field, AttributeKeys) else field.key
