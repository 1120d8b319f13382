"""Columns that grow: Python values appended field by field, one Arrow batch finished."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, Protocol, TypeAlias

import pyarrow as pa
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from pipeline.schema import ATTRIBUTE, ATTRIBUTES, TEXT
from tests.support.plain.attributes import read_value

Readers: TypeAlias = Mapping[str, Callable[[Any], Any]]
"""For each column what it holds of a record."""


class Column(Protocol):
    """The values of one column so far."""

    def extend(self, values: Iterable[Any], /) -> None:
        """Append a value for each record."""
        ...

    def array(self) -> "pa.Array[Any]":
        """Return all values."""
        ...


class Plain(list[Any]):
    """Values that pyarrow reads as they are: numbers, bytes, text, tuples for structs."""

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__()
        self.kind = kind

    def array(self) -> "pa.Array[Any]":
        """Return all values."""
        return pa.array(self, self.kind)


class Texts:
    """Text that repeats, as a dictionary."""

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.distinct: dict[str, int] = {}

    def extend(self, values: Iterable[str]) -> None:
        """Append a text for each record."""
        distinct = self.distinct
        self.indices.extend(distinct.setdefault(value, len(distinct)) for value in values)

    def array(self) -> "pa.Array[Any]":
        """Return all values."""
        return pa.DictionaryArray.from_arrays(
            pa.array(self.indices, TEXT.index_type), pa.array(self.distinct, TEXT.value_type)
        )


class Attributes:
    """Attributes of records, straight from OTLP to flat columns without a tuple for each."""

    def __init__(self) -> None:
        self.offsets = [0]
        self.keys: list[str] = []
        self.kinds: list[int] = []
        self.texts: list[str] = []

    def extend(self, values: Iterable[Sequence[KeyValue]]) -> None:
        """Append the attributes of each record."""
        for attributes in values:
            for attribute in attributes:
                kind, text = read_value(attribute.value)
                self.keys.append(attribute.key)
                self.kinds.append(kind)
                self.texts.append(text)
            self.offsets.append(len(self.keys))

    def array(self) -> "pa.Array[Any]":
        """Return all values."""
        flat: list[pa.Array[Any]] = [
            pa.array(self.keys, pa.utf8()),
            pa.array(self.kinds, pa.uint8()),
            pa.array(self.texts, pa.utf8()),
        ]
        return pa.ListArray.from_arrays(
            pa.array(self.offsets, pa.int32()),
            pa.StructArray.from_arrays(flat, fields=list(ATTRIBUTE)),
            type=ATTRIBUTES,
        )


SHARED: Final = ("sequence", "resource", "scope")
"""Columns with the same value for all records of a scope."""


class Columns:
    """All columns of a schema."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.columns: dict[str, Column] = {field.name: _column(field.type) for field in schema}

    def extend(
        self, records: Sequence[Any], shared: tuple[int, str, str], readers: Readers
    ) -> None:
        """
        Append records of one scope.

        `shared` holds the sequence, the resource's and the scope's text; `readers` name all other
        columns.
        """
        for name, value in zip(SHARED, shared, strict=True):
            self.columns[name].extend(repeat(value, len(records)))
        for name, read in readers.items():
            self.columns[name].extend(map(read, records))

    def finish(self) -> pa.RecordBatch:
        """Return everything that was appended."""
        return pa.RecordBatch.from_arrays(
            [self.columns[name].array() for name in self.schema.names], schema=self.schema
        )


def _column(kind: pa.DataType) -> Column:
    if kind == TEXT:
        return Texts()
    return Attributes() if kind == ATTRIBUTES else Plain(kind)
