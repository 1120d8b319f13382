"""Each plan's statements, and the columns of what they answer."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa

from pipeline.errors import Rejected
from pipeline.plan import (
    Changes,
    Dependencies,
    Heads,
    Keys,
    Ledger,
    Metrics,
    Operations,
    Positions,
    Question,
    Range,
    Records,
    Series,
    Services,
    Spans,
    Table,
    Trace,
    Traces,
    Values,
)
from pipeline.signal import Signal
from storage import answers, newest
from storage.compile import changes, clickhouse, graph, ledger, lists, ranges, table, whole
from storage.compile.condition import Listed
from storage.compile.parameters import Statement
from storage.kinds import kinds
from storage.newest import Tally
from storage.ranges.groups import SERIES_MAX
from storage.ranges.source import check_range, check_series

_LISTS: Final[Mapping[type, tuple[Callable[[Any], Statement], pa.Schema]]] = {
    Heads: (lists.heads, answers.HEADS),
    Changes: (changes.changes, answers.HEADS),
    Keys: (lists.keys, answers.KEYS),
    Values: (lists.values, answers.VALUES),
    Services: (lists.services, answers.SERVICES),
    Operations: (lists.operations, answers.OPERATIONS),
    Metrics: (lists.metrics, answers.METRICS),
    Dependencies: (graph.dependencies, answers.DEPENDENCIES),
    Positions: (ledger.positions, answers.POSITIONS),
    Ledger: (ledger.ledger, answers.LEDGER),
}


def statement(plan: Question | Positions | Ledger) -> tuple[Statement, pa.Schema]:
    """Return the one statement that answers a plan; raises Rejected for what none answers."""
    match plan:
        case Trace():
            return clickhouse.trace(plan), answers.RECORDS[Signal.TRACES]
        case Spans():
            return clickhouse.spans(plan), answers.span_columns(plan)
        case Table():
            # Names are any text: in SQL a column is called by its place.
            columns = answers.table(kinds(plan))
            places = pa.schema([one.with_name(f"c{at}") for at, one in enumerate(columns)])
            return table.table(plan), places
        case Series():
            check_series(plan.where)
            return ranges.series(plan, plan.limit), answers.SERIES
        case _ if type(plan) in _LISTS:
            compiled, columns = _LISTS[type(plan)]
            return compiled(plan), columns
        case _:
            raise Rejected(f"no statement answers {type(plan).__name__}")


def statements(plan: Question, now_ns: int, listed: Listed = ()) -> list[Statement]:
    """
    Return all statements of a plan, but for its `lookups`, which found what is `listed`.

    What else one has from another's answer is empty: of those that look for the newest, each is run
    only when those before it found too little.
    """
    match plan:
        case Traces():
            if plan.whole is None:
                none = Tally(plan.limit)
                found = [
                    clickhouse.matching(one, listed) for one in newest.traces(plan, now_ns, none)
                ]
            else:
                found = [whole.candidates(plan, plan.whole)]
            return [*found, clickhouse.summaries(plan.tenant, [])]
        case Records():
            none = Tally(plan.limit)
            return [clickhouse.records(one, listed) for one in newest.records(plan, now_ns, none)]
        case Range():
            check_range(plan)
            return [ranges.series(plan, SERIES_MAX)]
        case _:
            return [statement(plan)[0]]
