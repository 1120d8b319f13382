-- Commit records: which messages of a log are stored whole, and the ledger's counts of them. The
-- newest of a log is its position; nothing else is.
CREATE TABLE IF NOT EXISTS commits (
    signal LowCardinality(String),
    partition UInt16,
    epoch UInt32,
    first UInt64,
    last UInt64,
    first_stored_ns UInt64,
    last_stored_ns UInt64,
    committed_ns UInt64,
    log String,
    counts Array(Tuple(
        tenant String,
        received UInt64,
        refused UInt64,
        filtered UInt64,
        sampled UInt64,
        buried UInt64,
        stored UInt64
    )),
    committed_at DateTime DEFAULT now()
) ENGINE = MergeTree
ORDER BY (signal, partition, epoch, last)
TTL committed_at + toIntervalDay(400);
