"""Each plan's statements, and the columns of what they answer."""

import pyarrow as pa

from pipeline.errors import Rejected
from pipeline.plan import (
    Dependencies,
    Heads,
    Keys,
    Metrics,
    Operations,
    Question,
    Records,
    Services,
    Trace,
    Traces,
    Values,
)
from pipeline.signal import Signal
from storage import answers
from storage.compile import clickhouse, graph, lists
from storage.compile.parameters import Statement


def statement(plan: Question) -> tuple[Statement, pa.Schema]:
    """Return the one statement that answers a plan; raises Rejected for what none answers."""
    match plan:
        case Records():
            return clickhouse.records(plan), answers.RECORDS[plan.signal]
        case Trace():
            return clickhouse.trace(plan), answers.RECORDS[Signal.TRACES]
        case Heads():
            return lists.heads(plan), answers.HEADS
        case Keys():
            return lists.keys(plan), answers.KEYS
        case Values():
            return lists.values(plan), answers.VALUES
        case Services():
            return lists.services(plan), answers.SERVICES
        case Operations():
            return lists.operations(plan), answers.OPERATIONS
        case Metrics():
            return lists.metrics(plan), answers.METRICS
        case Dependencies():
            return graph.dependencies(plan), answers.DEPENDENCIES
        case _:
            raise Rejected(f"no statement answers {type(plan).__name__}")


def statements(plan: Question) -> list[Statement]:
    """Return all statements of a plan; what one has from another's answer is empty."""
    if isinstance(plan, Traces):
        return [clickhouse.matching(plan), clickhouse.summaries(plan.tenant, [])]
    return [statement(plan)[0]]
