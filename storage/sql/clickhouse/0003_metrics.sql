-- Series: what the points of a metric share. `series_id` is its identity, `variant` what came along.
-- Written by the committer before the points, once a day for each that is alive.
CREATE TABLE IF NOT EXISTS series (
    tenant LowCardinality(String),
    series_id UInt64,
    variant UInt64,
    service_name LowCardinality(String),
    metric_name LowCardinality(String),
    metric_description LowCardinality(String),
    metric_unit LowCardinality(String),
    metric_metadata LowCardinality(String),
    metric_type UInt8,
    aggregation_temporality Int32,
    is_monotonic Bool,
    resource LowCardinality(String),
    scope LowCardinality(String),
    attributes Array(Tuple(key LowCardinality(String), type UInt8, value String)) CODEC(ZSTD(1)),
    time UInt64,
    expires_day UInt16
) ENGINE = ReplacingMergeTree(expires_day)
ORDER BY (tenant, metric_name, series_id, variant)
TTL toDateTime(toUInt32(expires_day) * 86400);

-- Gauges and sums. Two plain columns and a type took 3.2 bytes a point, nullable ones 3.8.
CREATE TABLE IF NOT EXISTS number_points (
    tenant LowCardinality(String),
    series_id UInt64,
    variant UInt64,
    time UInt64 CODEC(DoubleDelta, ZSTD(1)),
    time_unix_nano UInt64 CODEC(DoubleDelta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32,
    exemplars Array(Tuple(
        time_unix_nano UInt64,
        value_double Nullable(Float64),
        value_int Nullable(Int64),
        span_id FixedString(8),
        trace_id FixedString(16),
        filtered_attributes Array(Tuple(key LowCardinality(String), type UInt8, value String))
    )) CODEC(ZSTD(1)),
    epoch UInt32,
    partition UInt16,
    sequence UInt64 CODEC(Delta, ZSTD(1)),
    keep_for_s UInt32,
    value_type UInt8, -- as in OTLP: 4 double, 6 int, 0 neither
    value_double Float64 CODEC(ZSTD(1)),
    value_int Int64 CODEC(Delta, ZSTD(1)),
    INDEX sequence_range sequence TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toUInt16(intDiv(time, 86400000000000))
ORDER BY (tenant, series_id, time)
TTL toDateTime(least(intDiv(time, 1000000000) + keep_for_s, 4294967295))
SETTINGS min_bytes_for_wide_part = 1073741824, min_rows_for_wide_part = 0;

-- Histograms with explicit bounds. Sum, min and max are null where the sender left them out.
CREATE TABLE IF NOT EXISTS histogram_points (
    tenant LowCardinality(String),
    series_id UInt64,
    variant UInt64,
    time UInt64 CODEC(DoubleDelta, ZSTD(1)),
    time_unix_nano UInt64 CODEC(DoubleDelta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32,
    exemplars Array(Tuple(
        time_unix_nano UInt64,
        value_double Nullable(Float64),
        value_int Nullable(Int64),
        span_id FixedString(8),
        trace_id FixedString(16),
        filtered_attributes Array(Tuple(key LowCardinality(String), type UInt8, value String))
    )) CODEC(ZSTD(1)),
    epoch UInt32,
    partition UInt16,
    sequence UInt64 CODEC(Delta, ZSTD(1)),
    keep_for_s UInt32,
    count UInt64 CODEC(Delta, ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    explicit_bounds Array(Float64) CODEC(ZSTD(1)),
    INDEX sequence_range sequence TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toUInt16(intDiv(time, 86400000000000))
ORDER BY (tenant, series_id, time)
TTL toDateTime(least(intDiv(time, 1000000000) + keep_for_s, 4294967295))
SETTINGS min_bytes_for_wide_part = 1073741824, min_rows_for_wide_part = 0;

-- Exponential histograms.
CREATE TABLE IF NOT EXISTS exponential_histogram_points (
    tenant LowCardinality(String),
    series_id UInt64,
    variant UInt64,
    time UInt64 CODEC(DoubleDelta, ZSTD(1)),
    time_unix_nano UInt64 CODEC(DoubleDelta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32,
    exemplars Array(Tuple(
        time_unix_nano UInt64,
        value_double Nullable(Float64),
        value_int Nullable(Int64),
        span_id FixedString(8),
        trace_id FixedString(16),
        filtered_attributes Array(Tuple(key LowCardinality(String), type UInt8, value String))
    )) CODEC(ZSTD(1)),
    epoch UInt32,
    partition UInt16,
    sequence UInt64 CODEC(Delta, ZSTD(1)),
    keep_for_s UInt32,
    count UInt64 CODEC(Delta, ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    scale Int32,
    zero_count UInt64,
    zero_threshold Float64,
    positive_offset Int32,
    positive_bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    negative_offset Int32,
    negative_bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    INDEX sequence_range sequence TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toUInt16(intDiv(time, 86400000000000))
ORDER BY (tenant, series_id, time)
TTL toDateTime(least(intDiv(time, 1000000000) + keep_for_s, 4294967295))
SETTINGS min_bytes_for_wide_part = 1073741824, min_rows_for_wide_part = 0;

-- Summaries.
CREATE TABLE IF NOT EXISTS summary_points (
    tenant LowCardinality(String),
    series_id UInt64,
    variant UInt64,
    time UInt64 CODEC(DoubleDelta, ZSTD(1)),
    time_unix_nano UInt64 CODEC(DoubleDelta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32,
    exemplars Array(Tuple(
        time_unix_nano UInt64,
        value_double Nullable(Float64),
        value_int Nullable(Int64),
        span_id FixedString(8),
        trace_id FixedString(16),
        filtered_attributes Array(Tuple(key LowCardinality(String), type UInt8, value String))
    )) CODEC(ZSTD(1)),
    epoch UInt32,
    partition UInt16,
    sequence UInt64 CODEC(Delta, ZSTD(1)),
    keep_for_s UInt32,
    count UInt64 CODEC(Delta, ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    quantile_values Array(Tuple(quantile Float64, value Float64)) CODEC(ZSTD(1)),
    INDEX sequence_range sequence TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toUInt16(intDiv(time, 86400000000000))
ORDER BY (tenant, series_id, time)
TTL toDateTime(least(intDiv(time, 1000000000) + keep_for_s, 4294967295))
SETTINGS min_bytes_for_wide_part = 1073741824, min_rows_for_wide_part = 0;
