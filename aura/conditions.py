"""The query language as processors take it: what joins `query` and `pipeline`, strangers else."""

from pipeline.errors import Rejected
from pipeline.plan import Condition
from pipeline.signal import Signal
from query.language.check import check
from query.language.parse import parse


def condition(text: str, signal: Signal) -> Condition:
    """Return the condition that a text is; raises Rejected for a wrong or an empty one."""
    found = check(parse(text), signal).where
    if found is None:
        raise Rejected("must not be empty: every record would meet it")
    return found
