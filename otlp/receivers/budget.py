"""The bytes of requests that may be in memory at once."""

from types import TracebackType
from typing import Final, Self

from otlp.rates import Purse
from pipeline.errors import Overloaded

REQUEST_BYTES: Final = 16 * 1024
"""What a request costs besides its body: its task, its headers, the socket's buffers."""


class Budget:
    """A number of bytes that rooms share; nobody waits for room, it is there or it is not."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.taken = 0

    def check(self, size: int) -> None:
        """Raise Overloaded unless there is room for as many bytes now."""
        if self.taken + size > self.bytes_max:
            raise Overloaded(
                f"{self.taken} bytes of requests are in memory and {size} do not fit; "
                f"ingestor.in_flight_bytes_max is {self.bytes_max}"
            )

    def take(self, size: int) -> None:
        """Take bytes that `give` must return; raises Overloaded and takes nothing."""
        self.check(size)
        self.taken += size

    def give(self, size: int) -> None:
        """Return bytes."""
        self.taken -= size
        if self.taken < 0:
            raise RuntimeError("more bytes were given back than taken")


class Room:
    """
    One request's share of the budget, from its first byte until its answer.

    A context manager that gives everything back on leaving, but what was handed over. `purse` is
    what its tenant may send: that is spent, and not given back.
    """

    __slots__ = ("_budget", "_held", "_purse", "_weight")

    def __init__(self, budget: Budget, purse: Purse | None = None) -> None:
        self._budget = budget
        self._purse = purse
        self._held = self._weight = 0

    def __enter__(self) -> Self:
        self.take(REQUEST_BYTES)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._budget.give(self._held)
        self._held = 0

    def expect(self, size: int) -> None:
        """Raise when an announced body does not fit now, or never; takes nothing."""
        if self._purse:
            self._purse.expect(size)
        self._budget.check(size)

    def weigh(self, size: int) -> None:
        """Spend the bytes of the whole body, before it is looked into; raises as `Purse.weigh`."""
        if self._purse:
            self._purse.weigh(size)
            self._weight = size

    def count(self, records: int) -> None:
        """Spend the records that are good; raises as `Purse.count`."""
        if self._purse:
            self._purse.count(records, self._weight)

    def take(self, size: int) -> None:
        """Take bytes as they come in; raises Overloaded, and what was held stays held."""
        self._budget.take(size)
        self._held += size

    def resize(self, size: int) -> None:
        """Hold as many bytes of body as this, more or fewer than before; raises Overloaded."""
        change = REQUEST_BYTES + size - self._held
        if change > 0:
            self._budget.take(change)
        else:
            self._budget.give(-change)
        self._held += change

    def hand_over(self, size: int) -> None:
        """Leave bytes to somebody else, who gives them back to the budget."""
        if size > self._held:
            raise RuntimeError("more bytes were handed over than held")
        self._held -= size
