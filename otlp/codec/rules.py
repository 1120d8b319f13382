"""What makes a record invalid: one sentence per rule, naming the field.

The rules are those of opentelemetry-proto v1 and of the data model, with these choices:

- **Traces.** IDs have their exact length and are not all zero; a parent is empty or 8 bytes (8 zero
  bytes mean none). Names, times and their order are free.
- **Logs.** Nothing refuses a log record: IDs that are not valid are read as absent.
- **Metrics.** A point needs its time. A sum or histogram needs temporality delta or cumulative,
  else all of its points are refused: nothing can be computed from them, and a guess would be wrong
  half of the time. Values of a point that is flagged NO_RECORDED_VALUE are not looked at. An
  exponential histogram may have any scale ("not restricted by the protocol"). A summary's values
  may be negative or NaN, against the protocol's text: Prometheus sends NaN where nothing was
  observed.

A link with invalid IDs is dropped and a bad exemplar ID is read as absent when the request is
decoded; neither refuses the record. The rules are applied in `native/`.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from pipeline.reason import Reason

TRACE_ID: Final = "trace_id must be 16 bytes and not all zero"
SPAN_ID: Final = "span_id must be 8 bytes and not all zero"
PARENT_SPAN_ID: Final = "parent_span_id must be empty or 8 bytes"
TIME: Final = "time_unix_nano must not be 0"
TEMPORALITY: Final = "aggregation_temporality must be delta (1) or cumulative (2)"
VALUE: Final = "as_int or as_double must be set"
BOUNDS: Final = "explicit_bounds must be strictly increasing"
BUCKETS: Final = "bucket_counts must be one more than explicit_bounds, or both empty"
COUNT: Final = "count must be the sum of bucket_counts"
EXPONENTIAL_COUNT: Final = "count must be zero_count and the sum of all bucket_counts"
QUANTILES: Final = "quantile_values must be strictly increasing within [0, 1]"
ENVELOPE_BYTES: Final = "resource, scope and metric must take at most {} bytes"
RECORD_BYTES: Final = "a record with its resource and scope must take at most {} bytes"
UNREADABLE: Final = "plain JSON that is not understood"
"""What is counted instead of the texts about plain JSON, which are texts of clients."""

RULES: Final = (
    "",
    TRACE_ID,
    SPAN_ID,
    PARENT_SPAN_ID,
    TIME,
    TEMPORALITY,
    VALUE,
    BOUNDS,
    BUCKETS,
    COUNT,
    EXPONENTIAL_COUNT,
    QUANTILES,
)
"""The rules by their number in `native/rules.hpp`; 0 is none."""


def field_of(rule: str) -> str:
    """Return the field of a record that a rule is about: its text begins with it."""
    return rule.partition(" must ")[0]


_REASONS: Final[Mapping[str, Reason]] = {
    field_of(rule): reason
    for rule, reason in {
        TRACE_ID: Reason.TRACE_ID,
        SPAN_ID: Reason.SPAN_ID,
        PARENT_SPAN_ID: Reason.PARENT_SPAN_ID,
        TIME: Reason.TIME,
        TEMPORALITY: Reason.TEMPORALITY,
        VALUE: Reason.VALUE,
        BOUNDS: Reason.BOUNDS,
        BUCKETS: Reason.BUCKETS,
        COUNT: Reason.COUNT,
        EXPONENTIAL_COUNT: Reason.COUNT,
        QUANTILES: Reason.QUANTILES,
        ENVELOPE_BYTES: Reason.SIZE,
        RECORD_BYTES: Reason.SIZE,
        UNREADABLE: Reason.UNREADABLE,
    }.items()
}


def reasons(refused: Mapping[str, int]) -> Counter[Reason]:
    """Return counts by rule as the ledger keeps them, by its names."""
    named: Counter[Reason] = Counter()
    for rule, count in refused.items():
        named[_REASONS.get(field_of(rule), Reason.OTHER)] += count
    return named
