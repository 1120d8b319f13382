"""The one value that moves."""

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from pipeline.signal import Signal


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one signal and tenant; `rows` has the columns of `schema.SCHEMAS[signal]`."""

    signal: Signal
    tenant: str
    rows: pa.RecordBatch

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def with_rows(self, rows: pa.RecordBatch) -> "Batch":
        """Return the same batch with other rows of the same columns."""
        return replace(self, rows=rows)

    def with_column(self, name: str, column: Any) -> "Batch":
        """Return the same batch with another column of that name, of the same type."""
        at = self.rows.schema.get_field_index(name)
        return self.with_rows(self.rows.set_column(at, self.rows.schema.field(at), column))
