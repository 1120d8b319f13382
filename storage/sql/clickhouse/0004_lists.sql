-- Where a trace lies in time, so that it is read by its time range: smallest and largest effective
-- time of its spans. Aggregating, so that writing a row again changes nothing.
CREATE TABLE IF NOT EXISTS trace_bounds (
    tenant LowCardinality(String),
    trace_id FixedString(16) CODEC(NONE),
    day UInt16,
    first SimpleAggregateFunction(min, UInt64) CODEC(Delta, ZSTD(1)),
    last SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1)),
    expires_s SimpleAggregateFunction(max, UInt32)
) ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (tenant, trace_id)
TTL toDateTime(expires_s)
SETTINGS index_granularity = 1024;

-- The lists below are written by the committer, new rows only, once a day for each that is alive;
-- replacing, so that writing a row again changes nothing. A row expires after every record that
-- refers to it: conditions on resources and scopes look here first.
CREATE TABLE IF NOT EXISTS resources (
    tenant LowCardinality(String),
    signal LowCardinality(String),
    text String CODEC(ZSTD(1)),
    expires_day UInt16
) ENGINE = ReplacingMergeTree(expires_day)
ORDER BY (tenant, signal, text)
TTL toDateTime(toUInt32(expires_day) * 86400);

CREATE TABLE IF NOT EXISTS scopes (
    tenant LowCardinality(String),
    signal LowCardinality(String),
    text String CODEC(ZSTD(1)),
    expires_day UInt16
) ENGINE = ReplacingMergeTree(expires_day)
ORDER BY (tenant, signal, text)
TTL toDateTime(toUInt32(expires_day) * 86400);

CREATE TABLE IF NOT EXISTS services (
    tenant LowCardinality(String),
    signal LowCardinality(String),
    service_name LowCardinality(String),
    expires_day UInt16
) ENGINE = ReplacingMergeTree(expires_day)
ORDER BY (tenant, signal, service_name)
TTL toDateTime(toUInt32(expires_day) * 86400);

CREATE TABLE IF NOT EXISTS operations (
    tenant LowCardinality(String),
    service_name LowCardinality(String),
    name String,
    kind Int32,
    expires_day UInt16
) ENGINE = ReplacingMergeTree(expires_day)
ORDER BY (tenant, service_name, name, kind)
TTL toDateTime(toUInt32(expires_day) * 86400);

CREATE TABLE IF NOT EXISTS attribute_keys (
    tenant LowCardinality(String),
    signal LowCardinality(String),
    level LowCardinality(String),
    key String,
    type UInt8,
    expires_day UInt16
) ENGINE = ReplacingMergeTree(expires_day)
ORDER BY (tenant, signal, level, key, type)
TTL toDateTime(toUInt32(expires_day) * 86400);
