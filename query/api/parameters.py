"""The parameters of a question about records in a time range."""

from dataclasses import dataclass
from typing import Final

from multidict import MultiMapping

from query.api import times
from query.config import Limits
from query.language import tree
from query.language.moment import SECOND_NS
from query.language.parse import parse
from query.wrong import Wrong, shown

RANGE: Final = ("start", "end", "limit", "q")
"""What a list takes."""


@dataclass(frozen=True, slots=True)
class Range:
    """A time range in Unix nanoseconds (the end is not in it), a query and a limit."""

    start_ns: int
    end_ns: int
    limit: int
    query: tree.Query


def only(given: MultiMapping[str], known: tuple[str, ...]) -> None:
    """Raise Wrong, naming it, for a parameter that is not known or given twice."""
    for name in given:
        if name not in known:
            expected = f"known are {', '.join(known)}" if known else "there are none here"
            raise Wrong(f"unknown parameter {shown(name)}; {expected}", name)
        if len(given.getall(name)) > 1:
            raise Wrong(f"{name} is given twice", name)


def read(given: MultiMapping[str], limits: Limits, now_ns: int) -> Range:
    """
    Return the range that the parameters ask for.

    Without `end` it ends now, without `start` it is `limits.range` long, an empty one counts as not
    given. Without `limit` it is `limits.rows`, of tables `limits.rows_max`. Raises Wrong, which
    names the parameter, and for `q` the place in it.
    """
    only(given, RANGE)
    limit = given.get("limit")
    start_ns, end_ns = span(given, int(limits.range * SECOND_NS), now_ns)
    query = parse(given.get("q", ""))
    # A table is small by what its stages say, not by being cut.
    rows = limits.rows_max if query.stages else limits.rows
    return Range(start_ns, end_ns, _limit(limit, limits) if limit else rows, query)


def span(given: MultiMapping[str], range_ns: int, now_ns: int) -> tuple[int, int]:
    """Return `start` and `end` as `read` does; without `start` the range is `range_ns` long."""
    end, start = given.get("end"), given.get("start")
    end_ns = times.parse(end, "end", now_ns) if end else now_ns
    default_ns = max(0, end_ns - range_ns)
    start_ns = times.parse(start, "start", now_ns) if start else default_ns
    if start_ns >= end_ns:
        raise Wrong(f"start ({times.text(start_ns)}) is not before end", "start")
    return start_ns, end_ns


def _limit(value: str, limits: Limits) -> int:
    # ASCII digits only: int() also reads "1_000", " 5 " and the digits of other scripts.
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
    if not 1 <= number <= limits.rows_max:
        raise Wrong(f"limit is between 1 and {limits.rows_max}, not {shown(value)}", "limit")
    return number
