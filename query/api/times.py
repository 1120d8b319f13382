"""Points in time as parameters, and as text in answers."""

from datetime import UTC, datetime, timedelta

from query.language.moment import EXAMPLES, SECOND_NS, TIME_NS_MAX, read
from query.wrong import Wrong, shown


def parse(text: str, parameter: str, now_ns: int) -> int:
    """
    Return the Unix nanoseconds of a time that `query.language.moment` reads.

    Raises Wrong, naming the parameter, for all else and for times before 1970 or after 2262.
    """
    time_ns = read(text, now_ns)
    if time_ns is None:
        raise Wrong(f"{parameter} is a time such as {EXAMPLES}, not {shown(text)}", parameter)
    if not 0 <= time_ns <= TIME_NS_MAX:
        raise Wrong(f"{parameter} is not between 1970 and 2262: {shown(text)}", parameter)
    return time_ns


def text(time_ns: int) -> str:
    """Return the time as RFC 3339 in UTC with all nine digits."""
    seconds, rest = divmod(time_ns, SECOND_NS)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
