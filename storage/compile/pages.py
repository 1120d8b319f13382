"""Where an answer goes on: the order of records and traces, and what comes after a place in it."""

from collections.abc import Sequence
from typing import Final

from pipeline.plan import Head, Place, TracePlace
from storage.compile.parameters import Parameters
from storage.fields import check_trace_ids

ORDER: Final = "time DESC, epoch DESC, partition DESC, sequence DESC, ordinal DESC"
"""The order of records, newest first; no two are equal in it."""


_FEW: Final = 4
"""Logs up to which comparing a row with each (8 ns) is cheaper than looking its own up (22 ns)."""


def after(place: Place | None, parameters: Parameters) -> list[str]:
    """Return the conditions of records that come after a place."""
    if place is None:
        return []
    time = parameters.add(place.time_ns, "UInt64")
    own = (
        parameters.add(place.epoch, "UInt32"),
        parameters.add(place.partition, "UInt16"),
        parameters.add(place.sequence, "UInt64"),
        parameters.add(place.ordinal, "UInt32"),
    )
    lower = f"(epoch, partition, sequence, ordinal) < ({', '.join(own)})"
    # The first condition alone is what indexes read.
    return [f"time <= {time}", f"(time < {time} OR {lower})"]


def after_trace(place: TracePlace | None, parameters: Parameters) -> list[str]:
    """Return the condition of groups, traces, that come after a place."""
    if place is None:
        return []
    check_trace_ids([place.trace_id])
    time = parameters.add(place.matched_ns, "UInt64")
    return [f"(matched_ns, trace_id) < ({time}, {parameters.fixed(place.trace_id)})"]


def committed(heads: Sequence[Head], parameters: Parameters) -> list[str]:
    """Return the condition of rows that were committed up to these heads; without any, of all."""
    if len(heads) > _FEW:
        return [_looked_up(heads, parameters)]
    logs = [_of_log(one, parameters) for one in heads]
    return [f"({' OR '.join(logs)})"] if logs else []


def _of_log(head: Head, parameters: Parameters) -> str:
    partition = parameters.add(head.partition, "UInt16")
    epoch = parameters.add(head.epoch, "UInt32")
    sequence = parameters.add(head.sequence, "UInt64")
    within = f"epoch < {epoch} OR (epoch = {epoch} AND sequence <= {sequence})"
    return f"(partition = {partition} AND ({within}))"


def _looked_up(heads: Sequence[Head], parameters: Parameters) -> str:
    partitions = parameters.add([one.partition for one in heads], "Array(UInt16)")
    epochs = parameters.add([one.epoch for one in heads], "Array(UInt32)")
    sequences = parameters.add([one.sequence for one in heads], "Array(UInt64)")
    at = f"indexOf({partitions}, partition)"
    # What is beyond an array's end is 0: a log that had no commit yet had nothing to be found.
    return f"(epoch, sequence) <= ({epochs}[{at}], {sequences}[{at}])"
