"""Where a record stands in the durable log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """
    A message's place in the log of one signal and partition.

    The epoch rises when the log is not the one that was committed before (a recreated or restored
    stream counts from the start again, and its numbers would look already stored).
    """

    epoch: int
    sequence: int
