-- Fencing tokens: an insert names the one that it was given, and is refused where a higher one is.
CREATE TABLE IF NOT EXISTS fences (
    signal LowCardinality(String),
    partition UInt16,
    token UInt64
) ENGINE = ReplacingMergeTree(token)
ORDER BY (signal, partition);
