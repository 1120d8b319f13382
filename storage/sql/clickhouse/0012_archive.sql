-- The archive: spans of traces that somebody wants to keep, copied by `storage/archive.py`, with a
-- retention of their own. Replacing by each span's place, so that copying again changes nothing;
-- by trace, as that is all that is asked of it.
CREATE TABLE IF NOT EXISTS archived_spans AS spans
ENGINE = ReplacingMergeTree
ORDER BY (tenant, trace_id, time, epoch, partition, sequence, ordinal)
TTL toDateTime(least(intDiv(time, 1000000000) + keep_for_s, 4294967295))
SETTINGS index_granularity = 1024;
