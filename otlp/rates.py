"""How much one tenant may send in a second: token buckets at the door, of bytes and of records."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from otlp.config import LimitsConfig
from pipeline.errors import Overloaded, Rejected

TENANTS_MAX: Final = 10_000
"""Tenants that are remembered. Whoever was idle for the time of a burst has full buckets again, so
to forget the one that sent least recently gives nothing away unless more send at once."""


class Why(StrEnum):
    """Why a request is turned away: names for the metrics, of no tenant."""

    BYTES = "bytes_per_s"
    RECORDS = "records_per_s"
    BYTES_AT_ONCE = "bytes_at_once"
    RECORDS_AT_ONCE = "records_at_once"


_NEVER: Final = {Why.BYTES: Why.BYTES_AT_ONCE, Why.RECORDS: Why.RECORDS_AT_ONCE}


_ROUNDING: Final = 1e-6
"""Of a token: so that whoever comes back when it was told to finds what it was told of."""


class Bucket:
    """Tokens of one kind: so many come in a second, until there are as many as come in a burst."""

    def __init__(self, kind: Why, rate: float, burst_s: float, now_s: float) -> None:
        self._kind = kind
        self._rate = rate
        self._size = self._level = rate * burst_s
        self._at_s = now_s

    def check(self, number: int, now_s: float) -> Why | None:
        """Return why as many cannot be taken now, or None."""
        self._level = min(self._size, self._level + max(0.0, now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if number > self._size:
            return _NEVER[self._kind]
        return self._kind if number > self._level + _ROUNDING else None

    def take(self, number: int) -> None:
        """Take what `check` found there, or with a negative number put it back."""
        self._level -= number

    def refusal(self, why: Why, number: int) -> Rejected | Overloaded:
        """Return the verdict on a request of as many: useless for ever, or until when."""
        noun, _, _ = self._kind.partition("_")
        limit = f"ingestor.limits.{self._kind} is {self._rate:g}"
        if why is not self._kind:
            return Rejected(
                f"{number} {noun} in one request; {limit} and {self._size:.0f} pass at once: "
                "send smaller requests"
            )
        wait_s = (number - self._level) / self._rate
        return Overloaded(
            f"{limit}, and more are sent; in {wait_s:.1f} s there is room for {number} {noun}",
            max(1, math.ceil(wait_s)),
        )


class Purse:
    """What one tenant may send now; nobody waits for it, it is there or it is not."""

    def __init__(
        self,
        bytes_: Bucket | None,
        records: Bucket | None,
        clock: Callable[[], float],
        turned_away: Callable[[str], None],
    ) -> None:
        self._bytes = bytes_
        self._records = records
        self._clock = clock
        self._turned_away = turned_away

    def expect(self, size: int) -> None:
        """Raise what `weigh` would, and take nothing."""
        self._check(self._bytes, size)

    def weigh(self, size: int) -> None:
        """Take the bytes of a body; Rejected when it never fits, else Overloaded says when."""
        self._check(self._bytes, size)
        if self._bytes:
            self._bytes.take(size)

    def count(self, records: int, size: int) -> None:
        """Take the records of a body, or raise as `weigh` and put its `size` back."""
        try:
            self._check(self._records, records)
        except (Rejected, Overloaded):
            if self._bytes:
                self._bytes.take(-size)
            raise
        if self._records:
            self._records.take(records)

    def _check(self, bucket: Bucket | None, number: int) -> None:
        why = bucket.check(number, self._clock()) if bucket else None
        if bucket and why:
            self._turned_away(why)
            raise bucket.refusal(why, number)


class Rates:
    """
    The limits of all tenants, of one process.

    A request costs what it weighs and holds when it passes here, whatever the bus says then.
    `turned_away` is told of each that does not.
    """

    def __init__(
        self,
        config: LimitsConfig,
        turned_away: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._turned_away = turned_away
        self._clock = clock
        self._purses: OrderedDict[str, Purse | None] = OrderedDict()

    def purse(self, tenant: str) -> Purse | None:
        """Return the purse of a tenant, None for one without limits."""
        if tenant in self._purses:
            self._purses.move_to_end(tenant)
            return self._purses[tenant]
        purse = self._purses[tenant] = self._new(tenant)
        if len(self._purses) > TENANTS_MAX:
            self._purses.popitem(last=False)
        return purse

    def _new(self, tenant: str) -> Purse | None:
        limits = self._config.of(tenant)
        in_bytes = self._bucket(Why.BYTES, limits.bytes_per_s)
        in_records = self._bucket(Why.RECORDS, limits.records_per_s)
        if in_bytes is None and in_records is None:
            return None
        return Purse(in_bytes, in_records, self._clock, self._turned_away)

    def _bucket(self, kind: Why, rate: float | None) -> Bucket | None:
        return Bucket(kind, rate, self._config.burst, self._clock()) if rate else None
