"""Tree to what is asked: a condition, and what stages make of the records that meet it."""

from dataclasses import dataclass
from typing import Final

from pipeline import plan
from pipeline.plan import Attributes
from pipeline.signal import Signal
from query.language import tree
from query.language.conditions import Conditions
from query.language.seen import Seen
from query.language.stages.scope import Scope
from query.language.whole import Traces
from query.wrong import WrongQuery

WARNINGS_MAX: Final = 10
"""Warnings of a query."""


@dataclass(frozen=True, slots=True)
class Checked:
    """
    What a query asks for, and the attributes that it names.

    `where` is what a record meets; None asks for everything. `whole` comes instead where traces are
    asked for as such (`plan.Traces`). `columns` and `stages` are those of a `plan.Table`; both are
    empty without stages. `warnings`, sentences for a person: what is no mistake, but will hardly
    find what was meant.
    """

    where: plan.Condition | None
    attributes: tuple[Attributes, ...] = ()
    warnings: tuple[str, ...] = ()
    whole: plan.Condition | None = None
    columns: tuple[plan.Made, ...] = ()
    stages: tuple[plan.Stage, ...] = ()


def check(
    query: tree.Query, signal: Signal, *, seen: Seen | None = None, now_ns: int | None = None
) -> Checked:
    """
    Return what a query asks of a signal; raises WrongQuery for what can never be right.

    Without `seen`, nothing is known of the types of attributes; without `now_ns`, there is no now.
    """
    conditions = Conditions(signal, seen, now_ns)
    traces = Traces(conditions)
    where, whole = None, None
    if query.where is not None and traces.asked(query.where):
        if query.stages:
            raise WrongQuery(
                "stages compute of spans, and this asks for traces: leave out the braces and what "
                "is of the whole trace",
                query.stages[0].place,
            )
        whole = traces.condition(query.where)
    elif query.where is not None:
        where = conditions.condition(query.where)
    scope = Scope(conditions)
    for stage in query.stages:
        stage.check(scope)
    columns, stages = scope.finish() if query.stages else ((), ())
    return Checked(
        where,
        tuple(dict.fromkeys(conditions.attributes)),
        tuple(dict.fromkeys(conditions.warnings))[:WARNINGS_MAX],
        whole,
        columns,
        stages,
    )


def record_by_record(query: tree.Query, signal: Signal) -> None:
    """Raise WrongQuery unless a query asks for nothing but what each record meets by itself."""
    if query.stages:
        raise WrongQuery(
            "each record is looked at by itself here: stages have no place", query.stages[0].place
        )
    traces = Traces(Conditions(signal, None, None))
    if query.where is not None and traces.asked(query.where):
        raise WrongQuery(
            "each span is looked at by itself here: {…} and what is of the whole trace have no "
            "place",
            traces.first(query.where),
        )
