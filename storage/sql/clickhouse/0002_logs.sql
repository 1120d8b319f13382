-- Log records. A token of the body is found through a bloom filter over its lower-case tokens.
CREATE TABLE IF NOT EXISTS logs (
    tenant LowCardinality(String),
    service_name LowCardinality(String),
    time UInt64 CODEC(Delta, ZSTD(1)),
    resource LowCardinality(String),
    scope LowCardinality(String),
    epoch UInt32,
    partition UInt16,
    sequence UInt64 CODEC(Delta, ZSTD(1)),
    keep_for_s UInt32,
    time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    observed_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    severity_number Int32,
    severity_text LowCardinality(String),
    body_type UInt8,
    body String CODEC(ZSTD(1)),
    attributes Array(Tuple(key LowCardinality(String), type UInt8, value String)) CODEC(ZSTD(1)),
    dropped_attributes_count UInt32,
    flags UInt32,
    trace_id FixedString(16) CODEC(NONE),
    span_id FixedString(8) CODEC(NONE),
    event_name LowCardinality(String),
    INDEX attribute_values attributes.value TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX resource_text resource TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX scope_text scope TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX body_tokens tokens(lower(body)) TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX sequence_range sequence TYPE minmax GRANULARITY 1,
    INDEX time_range time TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toUInt16(intDiv(time, 86400000000000))
ORDER BY (tenant, intDiv(time, 3600000000000), service_name, time)
TTL toDateTime(least(intDiv(time, 1000000000) + keep_for_s, 4294967295))
SETTINGS min_bytes_for_wide_part = 1073741824, min_rows_for_wide_part = 0;
