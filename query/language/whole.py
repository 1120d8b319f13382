"""Conditions on traces: spans in braces, and what the trace is as a whole.

`spans>100` and its like are known on traces, outside of braces. As soon as a query has one of them
or braces it asks for traces: what else stands in it is about one span, all that stand beside each
other in AND about the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline import plan
from pipeline.signal import Signal
from query.language import tree
from query.language.columns import Duration, Kind, Number, Text
from query.language.conditions import Conditions, of_column
from query.wrong import Place, WrongQuery

FIELDS: Final[Mapping[str, Kind]] = {
    "spans": Number("span_count", whole=True),
    "errors": Number("error_count", whole=True),
    "services": Number("service_count", whole=True),
    "trace.duration": Duration("duration_ns"),
    "root.service": Text("root_service"),
    "root.name": Text("root_name"),
}
"""What a trace is as a whole."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Makes the conditions of traces; `spans` makes those of a span."""

    spans: Conditions

    def asked(self, node: tree.Expression) -> bool:
        """Tell whether traces are asked for, rather than each span."""
        match node:
            case tree.And(parts) | tree.Or(parts):
                return any(map(self.asked, parts))
            case tree.Not(part):
                return self.asked(part)
            case tree.Path():
                return self.spans.signal is Signal.TRACES
            case tree.Words():
                return False
        return self._kind(node.name) is not None

    def condition(self, node: tree.Expression) -> plan.Condition:
        """Return the condition that a trace meets; raises WrongQuery."""
        if not self.asked(node):
            return plan.Path((self.spans.condition(node),))
        match node:
            case tree.And(parts):
                return plan.And(self._joined(parts, tree.And))
            case tree.Or(parts):
                return plan.Or(self._joined(parts, tree.Or))
            case tree.Not(part):
                return plan.Not(self.condition(part))
            case tree.Path(steps, relations):
                return plan.Path(tuple(map(self._step, steps)), relations)
            case tree.Words():
                raise TypeError(node)  # words are about a span
        kind = self._kind(node.name)
        if kind is None:
            raise KeyError(node.name)
        return of_column(kind, node, "trace")

    def first(self, node: tree.Expression) -> Place:
        """Return where traces are first asked for, by an expression that does."""
        match node:
            case tree.And(parts) | tree.Or(parts):
                return self.first(next(filter(self.asked, parts)))
            case tree.Not(part):
                return self.first(part)
            case _:
                return node.place if isinstance(node, tree.Path) else tree.place(node)

    def _step(self, node: tree.Expression | None) -> plan.Condition | None:
        if node is None:
            return None
        for leaf in tree.leaves(node):
            if not isinstance(leaf, tree.Path | tree.Words) and self.asked(leaf):
                raise WrongQuery(
                    f"{leaf.name} is of the whole trace: write it outside of the braces "
                    f"(an attribute of that name: `{leaf.name}`)",
                    tree.place(leaf),
                )
        return self.spans.condition(node)

    def _joined(
        self, parts: tuple[tree.Expression, ...], join: type[tree.And] | type[tree.Or]
    ) -> tuple[plan.Condition, ...]:
        """Return the parts, those about a span as one."""
        of_span = tuple(one for one in parts if not self.asked(one))
        of_trace = tuple(one for one in parts if self.asked(one))
        spans = of_span if len(of_span) < 2 else (join(of_span),)
        return tuple(map(self.condition, (*spans, *of_trace)))

    def _kind(self, name: tree.Name) -> Kind | None:
        if name.quoted or self.spans.signal is not Signal.TRACES:
            return None
        return FIELDS.get(name.key)
