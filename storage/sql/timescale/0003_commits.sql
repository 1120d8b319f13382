-- Commit records, each in one transaction with the points that it counts. The newest of a log is
-- its position.
CREATE TYPE tenant_counts AS (
    tenant text,
    received int8,
    refused int8,
    filtered int8,
    sampled int8,
    buried int8,
    stored int8
);

-- What the ledger tells beside the counts: refused records by reason, and stored ones by the first
-- full hour since 1970 at which their retention is over.
CREATE TYPE tenant_refusals AS (tenant text, reason text, records int8);
CREATE TYPE tenant_expiries AS (tenant text, hour int8, records int8);

CREATE TABLE commits (
    signal text COLLATE "C" NOT NULL,
    partition int4 NOT NULL,
    epoch int8 NOT NULL,
    first int8 NOT NULL,
    last int8 NOT NULL,
    first_stored_ns int8 NOT NULL,
    last_stored_ns int8 NOT NULL,
    committed_ns int8 NOT NULL,
    log text COLLATE "C" NOT NULL,
    counts tenant_counts[] NOT NULL,
    refusals tenant_refusals[] NOT NULL,
    expiries tenant_expiries[] NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (signal, partition, epoch, last, first)
);

-- A range of time is looked up in few pages, as a log's times rise with its sequences.
CREATE INDEX commits_last_stored ON commits (last_stored_ns);

-- Whose turn it is: a commit whose token is no longer this one fails.
CREATE TABLE fences (
    signal text COLLATE "C" NOT NULL,
    partition int4 NOT NULL,
    token int8 NOT NULL,
    PRIMARY KEY (signal, partition)
);
