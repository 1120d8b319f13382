"""Conditions on records on their way: what joins `query` and `pipeline`, strangers else."""

from collections.abc import Sequence

import pyarrow as pa

from pipeline.errors import Rejected
from pipeline.plan import Condition
from pipeline.processors.arrays import Mask
from pipeline.processors.condition import Rows
from pipeline.signal import Signal
from query.language.check import check, record_by_record
from query.language.parse import parse


def condition(text: str, signal: Signal) -> Condition:
    """Return the condition that a text is; raises Rejected for a wrong or an empty one."""
    query = parse(text)
    record_by_record(query, signal)
    found = check(query, signal).where
    if found is None:
        raise Rejected("must not be empty: every record would meet it")
    return found


def meet(rows: pa.RecordBatch, conditions: Sequence[Condition]) -> Sequence[Mask]:
    """Return for each condition which rows meet it; raises Rejected for what cannot be told."""
    opened = Rows(rows)
    return [opened.meet(one) for one in conditions]
