"""How far a record's own time is believed."""

from dataclasses import dataclass
from typing import Final

DAY_NS: Final = 24 * 60 * 60 * 10**9


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """
    The span of time around a message's arrival in which a record's own times are believed.

    Bounded, because stores partition by day: with the defaults one message touches at most 33 days,
    whatever its senders' clocks say (ClickHouse refuses an insert over 100 partitions for ever).
    """

    past_ns: int = 30 * DAY_NS
    future_ns: int = DAY_NS

    def effective(self, sent_ns: int, observed_ns: int | None, arrived_ns: int) -> int:
        """
        Return the first believable of the sent and the observed time, else the arrival.

        0 means unknown, as everywhere in OTLP; both bounds of the window are believed.
        """
        earliest = arrived_ns - self.past_ns
        latest = arrived_ns + self.future_ns
        if sent_ns and earliest <= sent_ns <= latest:
            return sent_ns
        if observed_ns and earliest <= observed_ns <= latest:
            return observed_ns
        return arrived_ns
