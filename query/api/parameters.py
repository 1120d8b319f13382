"""The parameters of a question about records in a time range."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from multidict import MultiMapping

from pipeline.signal import Signal
from query.api import times
from query.config import Limits
from query.language import tree
from query.language.moment import SECOND_NS
from query.language.parse import parse
from query.wrong import Wrong, shown

TEXT_MAX: Final = 1000
"""Characters of a name or a prefix."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


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

    Without `limit` it is `limits.rows`, of tables `limits.rows_max`. Raises Wrong, which names the
    parameter, and for `q` the place in it.
    """
    start_ns, end_ns = span(given, range_ns(limits), now_ns)
    query = parse(given.get("q", ""))
    # A table is small by what its stages say, not by being cut.
    rows = limits.rows_max if query.stages else limits.rows
    return Range(start_ns, end_ns, limit(given, limits, rows), query)


def range_ns(limits: Limits) -> int:
    """Return how long a time range is that has no start."""
    return int(limits.range * SECOND_NS)


def flag(given: MultiMapping[str], name: str) -> bool:
    """Return whether a parameter says `true`; raises Wrong unless it is `true` or `false`."""
    value = given.get(name) or "false"
    if value not in ("true", "false"):
        raise Wrong(f"{name} is true or false, not {shown(value)}", name)
    return value == "true"


def text(given: MultiMapping[str], name: str) -> str:
    """Return a parameter, "" when it is not given; raises Wrong for what is no text or too long."""
    value = given.get(name, "")
    if len(value) > TEXT_MAX:
        raise Wrong(f"{name} has at most {TEXT_MAX} characters, not {len(value)}", name)
    if _SURROGATE.search(value):
        raise Wrong(f"{name} is no UTF-8", name)
    return value


def choice(given: MultiMapping[str], name: str, known: Collection[str]) -> str | None:
    """Return one of the known words, or None when it is not given; raises Wrong for any other."""
    value = given.get(name)
    if not value:
        return None
    if value not in known:
        raise Wrong(f"{name} is one of {', '.join(known)}, not {shown(value)}", name)
    return value


def signal(given: MultiMapping[str]) -> Signal | None:
    """Return the signal that is named, None without; raises Wrong for a name of none."""
    value = choice(given, "signal", [one.value for one in Signal])
    return Signal(value) if value else None


def limit(given: MultiMapping[str], limits: Limits, default: int = 0) -> int:
    """Return how many rows are wanted; raises Wrong for what is beyond `limits.rows_max`."""
    value = given.get("limit")
    return _limit(value, limits) if value else default or limits.rows


def span(given: MultiMapping[str], length_ns: int, now_ns: int) -> tuple[int, int]:
    """
    Return the time range in Unix nanoseconds, its end not in it; raises Wrong.

    Without `end` it ends now, without `start` it is `length_ns` long, an empty one counts as not
    given.
    """
    end, start = given.get("end"), given.get("start")
    end_ns = times.parse(end, "end", now_ns) if end else now_ns
    default_ns = max(0, end_ns - length_ns)
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
