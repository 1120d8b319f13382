"""The rows of a table that a plan asks for."""

from pipeline.plan import Records, Table, Traces
from pipeline.signal import Signal
from storage.compile.condition import Conditions, Listed
from storage.compile.parameters import Parameters


def where(
    plan: Records | Traces | Table, signal: Signal, parameters: Parameters, listed: Listed = ()
) -> str:
    """Return what picks the rows of a tenant in a time range that meet a condition."""
    who = parameters.add(plan.tenant, "String")
    parts = [f"tenant = {who}", *within(plan.start_ns, plan.end_ns, parameters)]
    if plan.where is not None:
        parts.append(Conditions(signal, who, parameters, listed).sql(plan.where))
    return " AND ".join(parts)


def within(start_ns: int, end_ns: int, parameters: Parameters) -> list[str]:
    """Return what picks a time range, the end not in it."""
    start, end = (parameters.add(min(max(0, ns), 2**64 - 1), "UInt64") for ns in (start_ns, end_ns))
    return [f"time >= {start}", f"time < {end}"]
