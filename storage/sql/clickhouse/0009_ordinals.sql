-- A record's number among those of its message: with time, epoch, partition and sequence each record
-- has a place of its own in the order of answers, from which the next page goes on.
ALTER TABLE spans ADD COLUMN IF NOT EXISTS ordinal UInt32 CODEC(Delta, ZSTD(1)) AFTER sequence;

ALTER TABLE logs ADD COLUMN IF NOT EXISTS ordinal UInt32 CODEC(Delta, ZSTD(1)) AFTER sequence;

ALTER TABLE number_points ADD COLUMN IF NOT EXISTS ordinal UInt32 CODEC(Delta, ZSTD(1)) AFTER sequence;

ALTER TABLE histogram_points ADD COLUMN IF NOT EXISTS ordinal UInt32 CODEC(Delta, ZSTD(1)) AFTER sequence;

ALTER TABLE exponential_histogram_points ADD COLUMN IF NOT EXISTS ordinal UInt32 CODEC(Delta, ZSTD(1)) AFTER sequence;

ALTER TABLE summary_points ADD COLUMN IF NOT EXISTS ordinal UInt32 CODEC(Delta, ZSTD(1)) AFTER sequence;
