"""Traces that somebody wants to keep, copied to where their retention is another.

A span is the same by its place in the log, so copying a trace again adds what is new and no more.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from pipeline.errors import Rejected
from pipeline.plan import Archive
from storage.answers import ARCHIVED

PLACES: Final = ("sequence", "epoch", "partition", "ordinal")
"""The columns that a span is told apart by."""


def absent(spans: pa.Table, others: pa.Table) -> pa.Table:
    """Return the spans that are not among others."""
    numbers: Any = pa.array(np.arange(len(spans)))
    places = spans.select(PLACES).append_column("at", numbers)
    found = places.join(others.select(PLACES), list(PLACES), join_type="left anti")
    return spans.take(found["at"].sort())


def copied(plan: Archive, spans: pa.Table, held: int) -> pa.Table:
    """
    Return a trace's spans as rows of the archive, which holds as many of the tenant.

    Raises Rejected when there is no room, or the trace is too large.
    """
    if len(spans) > plan.limit:
        raise Rejected(f"the trace has more than {plan.limit} spans (query.jaeger.trace_spans_max)")
    if held + len(spans) > plan.spans_max:
        raise Rejected(
            f"the archive has no room for {len(spans)} spans: it has {held} of at most "
            f"{plan.spans_max} (query.jaeger.archive_spans_max)"
        )
    tenants = pa.repeat(pa.scalar(plan.tenant, pa.utf8()), len(spans))
    kept = pa.array(np.full(len(spans), plan.keep_for_s, np.uint32))
    return spans.append_column("tenant", tenants).append_column("keep_for_s", kept)


def answer(spans: int) -> pa.Table:
    """Return what `Archive` answers."""
    return pa.table({"spans": pa.array([spans], pa.uint64())}, schema=ARCHIVED)
