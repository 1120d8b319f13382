-- Spans, by hour so that a time range prunes, then by service and name so that rows compress.
-- An attribute is found through the bloom filters over values of every level; every arm of an OR
-- needs one, or none prunes.
CREATE TABLE IF NOT EXISTS spans (
    tenant LowCardinality(String),
    service_name LowCardinality(String),
    time UInt64 CODEC(Delta, ZSTD(1)),
    resource LowCardinality(String),
    scope LowCardinality(String),
    epoch UInt32,
    partition UInt16,
    sequence UInt64 CODEC(Delta, ZSTD(1)),
    keep_for_s UInt32,
    trace_id FixedString(16) CODEC(NONE),
    span_id FixedString(8) CODEC(NONE),
    parent_span_id FixedString(8) CODEC(NONE),
    trace_state LowCardinality(String),
    flags UInt32,
    name LowCardinality(String),
    kind Int32,
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    end_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    attributes Array(Tuple(key LowCardinality(String), type UInt8, value String)) CODEC(ZSTD(1)),
    dropped_attributes_count UInt32,
    events Array(Tuple(
        time_unix_nano UInt64,
        name LowCardinality(String),
        attributes Array(Tuple(key LowCardinality(String), type UInt8, value String)),
        dropped_attributes_count UInt32
    )) CODEC(ZSTD(1)),
    dropped_events_count UInt32,
    links Array(Tuple(
        trace_id FixedString(16),
        span_id FixedString(8),
        trace_state String,
        attributes Array(Tuple(key LowCardinality(String), type UInt8, value String)),
        dropped_attributes_count UInt32,
        flags UInt32
    )) CODEC(ZSTD(1)),
    dropped_links_count UInt32,
    status_code Int32,
    status_message String CODEC(ZSTD(1)),
    INDEX attribute_values attributes.value TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX event_values arrayFlatten(events.attributes.value) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX resource_text resource TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX scope_text scope TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX sequence_range sequence TYPE minmax GRANULARITY 1,
    INDEX time_range time TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toUInt16(intDiv(time, 86400000000000))
ORDER BY (tenant, intDiv(time, 3600000000000), service_name, name, time)
TTL toDateTime(least(intDiv(time, 1000000000) + keep_for_s, 4294967295))
SETTINGS min_bytes_for_wide_part = 1073741824, min_rows_for_wide_part = 0;
