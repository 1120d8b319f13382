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

from typing import Final

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
