"""Attributes that lie in texts: a resource, a scope or a metric's metadata, once per distinct one.

The distinct texts of a column are opened to an attributes column, which whatever works on records'
attributes works on as well, and closed again. Texts that become equal share a value.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import pyarrow as pa

from pipeline.envelope import Resource, Scope
from pipeline.processors.arrays import Arrow
from pipeline.schema import ATTRIBUTE, ATTRIBUTES
from pipeline.value import Attribute, dumps


@dataclass(frozen=True, slots=True)
class Form:
    """How a text holds attributes."""

    read: Callable[[str], Sequence[Attribute]]
    write: Callable[[str, Sequence[Attribute]], str]
    """Return the text with other attributes."""


RESOURCE: Final = Form(
    lambda text: Resource.parse(text).attributes,
    lambda text, given: replace(Resource.parse(text), attributes=tuple(given)).text(),
)
SCOPE: Final = Form(
    lambda text: Scope.parse(text).attributes,
    lambda text, given: replace(Scope.parse(text), attributes=tuple(given)).text(),
)
METADATA: Final = Form(
    lambda text: [(key, kind, value) for key, kind, value in json.loads(text or "[]")],
    lambda _, given: dumps(list(given)),
)
FORMS: Final = {"resource": RESOURCE, "scope": SCOPE, "metric_metadata": METADATA}
"""The columns whose texts hold attributes."""


def opened(column: Arrow, form: Form) -> Arrow:
    """Return the attributes of each of a column's distinct texts, as an attributes column."""
    return _column([form.read(text) for text in column.dictionary.to_pylist()])


def change(column: Arrow, form: Form, change: Callable[[Arrow], Arrow]) -> Arrow:
    """Return a column with its attributes changed; the one that came if none were."""
    texts = column.dictionary.to_pylist()
    came = [tuple(form.read(text)) for text in texts]
    became = _lists(change(_column(came)))
    if became == came:
        return column
    written = [
        text if before == after else form.write(text, after)
        for text, before, after in zip(texts, came, became, strict=True)
    ]
    merged: Arrow = pa.array(written, pa.utf8()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(merged.indices.take(column.indices), merged.dictionary)


def _column(lists: Iterable[Sequence[Attribute]]) -> Arrow:
    offsets = [0]
    flat: list[Attribute] = []
    for attributes in lists:
        flat.extend(attributes)
        offsets.append(len(flat))
    parts = [
        pa.array([attribute[at] for attribute in flat], field.type)
        for at, field in enumerate(ATTRIBUTE)
    ]
    values = pa.StructArray.from_arrays(parts, fields=list(ATTRIBUTE))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=ATTRIBUTES)


def _lists(column: Arrow) -> list[tuple[Attribute, ...]]:
    flat = list(zip(*(part.to_pylist() for part in column.flatten().flatten()), strict=True))
    ends = column.offsets.to_pylist()
    first = ends[0]
    return [tuple(flat[start - first : end - first]) for start, end in pairwise(ends)]
