"""The functions of `stats`: what each is called, what it needs, and the kind of its result."""

import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

from pipeline import plan
from pipeline.plan import Function
from query.wrong import Place, WrongQuery, shown

_QUANTILE: Final = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,3})?|100)")
_NAMES: Final = {one.value: one for one in Function if one is not Function.QUANTILE}
_ORDERED: Final = (Function.MIN, Function.MAX)


@dataclass(frozen=True, slots=True)
class Named:
    """A function by the name that was written; `quantile` is between 0 and 1."""

    name: str
    function: Function
    quantile: float = 0.0

    @property
    def counts_rows(self) -> bool:
        """Whether it takes no column."""
        return self.function in (Function.COUNT, Function.RATE)

    @property
    def takes_times(self) -> bool:
        """Whether a time is a number to it."""
        return self.function in _ORDERED

    def kind(self, of: plan.Kind) -> plan.Kind:
        """Return the kind of its result."""
        match self.function:
            case Function.COUNT | Function.COUNT_DISTINCT:
                return plan.Kind.INTEGER
            case Function.RATE:
                return plan.Kind.NUMBER
            case Function.AVG if of is plan.Kind.INTEGER:
                return plan.Kind.NUMBER
        return plan.Kind.NUMBER if of is plan.Kind.ANY else of


def function(name: str, place: Place) -> Named:
    """Return the function of that name; raises WrongQuery, which suggests one."""
    if (known := _NAMES.get(name.lower())) is not None:
        return Named(known.value, known)
    if match := _QUANTILE.fullmatch(name.lower()):
        return Named(match[0], Function.QUANTILE, float(Decimal(match[1]) / 100))
    like = get_close_matches(name.lower()[:100], _NAMES, n=1)
    hint = f"did you mean {like[0]}?" if like else f"there are {', '.join(_NAMES)}, p50, p99"
    raise WrongQuery(f"there is no function {shown(name)}; {hint}", place)
