-- What the points of a metric share. Every row of these tables is known by a hash of what it is,
-- so that it is written again without harm; it goes when the last point that needs it has expired.
-- Texts sort by code points. PostgreSQL holds no NUL in them: U+0000 is written as U+0001 U+0001,
-- and U+0001 as U+0001 U+0002, which keeps the order.
CREATE TYPE attribute AS (key text COLLATE "C", type int2, value text COLLATE "C");

CREATE TABLE resources (
    id int8 PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    attributes attribute[] NOT NULL,
    expires_day int4 NOT NULL
);

CREATE TABLE scopes (
    id int8 PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    attributes attribute[] NOT NULL,
    expires_day int4 NOT NULL
);

CREATE TABLE attribute_keys (
    id int8 PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    level text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    type int2 NOT NULL,
    expires_day int4 NOT NULL
);

-- `series_id` is the identity of a series, `variant` what came along. `pairs` are the checksums of
-- its own attributes, by which equal ones are found. A day of life rewrites a row in its place.
CREATE TABLE series (
    id int8 PRIMARY KEY,
    series_id int8 NOT NULL,
    variant int8 NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    service_name text COLLATE "C" NOT NULL,
    metric_name text COLLATE "C" NOT NULL,
    metric_description text COLLATE "C" NOT NULL,
    metric_unit text COLLATE "C" NOT NULL,
    metric_metadata text COLLATE "C" NOT NULL,
    metric_type int2 NOT NULL,
    aggregation_temporality int4 NOT NULL,
    is_monotonic bool NOT NULL,
    resource int8 NOT NULL,
    scope int8 NOT NULL,
    attributes attribute[] NOT NULL,
    pairs int4[] NOT NULL,
    keep_for_s int8 NOT NULL,
    expires_day int4 NOT NULL
) WITH (fillfactor = 85);

-- Hash indexes: a name may be longer than a page of a tree.
CREATE INDEX series_metric_name ON series USING hash (metric_name);
CREATE INDEX series_pairs ON series USING gin (pairs);
CREATE INDEX series_resource ON series (resource);
