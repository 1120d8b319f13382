-- What the ledger tells beside the counts: refused records by reason, and stored ones by the first
-- full hour since 1970 at which their retention is over. Both are empty where an older version
-- wrote the record: then no reason is known, and nothing counts as expired.
ALTER TABLE commits ADD COLUMN IF NOT EXISTS refusals Array(Tuple(
    tenant String,
    reason LowCardinality(String),
    records UInt64
));
ALTER TABLE commits ADD COLUMN IF NOT EXISTS expiries Array(Tuple(
    tenant String,
    hour UInt32,
    records UInt64
));
-- A range of time is looked up in few granules, as a log's times rise with its sequences.
ALTER TABLE commits ADD INDEX IF NOT EXISTS last_stored last_stored_ns TYPE minmax GRANULARITY 1;
