"""The `filter` processor: take out the records that meet a condition.

====================  =============================================================================
option                meaning
====================  =============================================================================
`conditions`          a list of conditions in Aura's query language, as in the parameter `q`; a
                      record that meets any of them is taken out. Required, not empty
====================  =============================================================================

    - filter: {conditions: ['name="/healthz"', 'resource.k8s.namespace.name=test AND status=ok']}

Refused: `error_mode`, `spans`, `traces`, `metrics`, `logs`, `profiles` and `trace_conditions`,
`metric_conditions`, `log_conditions`, `profile_conditions`, which hold the Collector's own language
(OTTL). `NOT (…)` keeps only what meets a condition.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, BeforeValidator, PlainValidator, ValidationInfo

from pipeline.batch import Batch
from pipeline.errors import Rejected
from pipeline.plan import Condition
from pipeline.ports import Processor
from pipeline.processors.arrays import to_arrow
from pipeline.processors.condition import Rows
from pipeline.processors.options import Around, Options
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal


@dataclass(slots=True)  # not frozen: the port's `drops` is a plain attribute
class TakeOut:
    """Take out the records that meet any of the conditions."""

    conditions: tuple[Condition, ...]
    drops: Literal["filtered", "sampled"] = "filtered"

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch without these records."""
        rows = Rows(batch.rows)
        gone = np.zeros(len(batch), dtype=bool)
        for condition in self.conditions:
            gone |= rows.meet(condition)
        return batch.with_rows(batch.rows.filter(to_arrow(~gone))) if gone.any() else batch


def _compiled(raw: Any, info: ValidationInfo) -> Condition:
    if not isinstance(raw, str):
        raise ValueError(f"must be a condition in quotes, not a {type(raw).__name__}")
    around = info.context
    if not isinstance(around, Around):
        raise TypeError("a filter is checked with what is around it")
    try:
        condition = around.compile(raw, around.signal)
        # What cannot be told of a record on its way is refused now rather than at the first batch.
        Rows(pa.RecordBatch.from_pylist([], SCHEMAS[around.signal])).meet(condition)
    except Rejected as error:
        raise ValueError(str(error)) from error
    return condition


def _some(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    if not conditions:
        raise ValueError("must hold a condition")
    return conditions


def _ottl(value: Any) -> Any:
    del value
    raise ValueError("is of the Collector's own language (OTTL); Aura takes conditions instead")


Ottl = Annotated[Any, BeforeValidator(_ottl)]


class Filter(Options):
    """The options of `filter`; the module's table says what they mean."""

    signals: ClassVar[frozenset[Signal]] = frozenset(Signal)

    conditions: Annotated[
        tuple[Annotated[Condition, PlainValidator(_compiled)], ...], AfterValidator(_some)
    ]
    error_mode: Ottl = None
    spans: Ottl = None
    traces: Ottl = None
    metrics: Ottl = None
    logs: Ottl = None
    profiles: Ottl = None
    trace_conditions: Ottl = None
    metric_conditions: Ottl = None
    log_conditions: Ottl = None
    profile_conditions: Ottl = None

    def build(self) -> Processor:
        """Return the processor."""
        return TakeOut(self.conditions)
