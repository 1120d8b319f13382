"""What a checked query asks of the store."""

from dataclasses import dataclass
from typing import TypeAlias

from pipeline.plan import Records, Table, Traces
from pipeline.signal import Signal
from query.config import Limits
from query.language.check import Checked

Planned: TypeAlias = Records | Traces | Table


@dataclass(frozen=True, slots=True)
class Asked:
    """Of whom what is asked: the records of a tenant in a time range, at most `limit` rows."""

    signal: Signal
    tenant: str
    start_ns: int
    end_ns: int
    limit: int

    def plan(self, checked: Checked, limits: Limits) -> Planned:
        """Return the plan: a table where stages compute one, else records, or traces."""
        within = self.tenant, self.start_ns, self.end_ns, checked.where
        if checked.stages:
            return self.table(checked, limits)
        if self.signal is not Signal.TRACES:
            return Records(self.signal, *within, self.limit)
        if checked.whole is None:
            return Traces(*within, self.limit)
        return Traces(*within, self.limit, checked.whole, limits.trace_candidates_max)

    def table(self, checked: Checked, limits: Limits) -> Table:
        """Return the plan of what stages compute."""
        within = self.tenant, self.start_ns, self.end_ns, checked.where
        made = checked.columns, checked.stages
        return Table(self.signal, *within, *made, self.limit, limits.groups_max)
