-- Points, narrow: all that does not change from point to point stands in their series. Numbers of
-- 64 bits without a sign (counts, times as they were sent) are the signed number of the same bits.
CREATE TYPE exemplar AS (
    time_unix_nano int8,
    value_double float8,
    value_int int8,
    span_id bytea,
    trace_id bytea,
    filtered_attributes attribute[]
);
CREATE TYPE quantile AS (quantile float8, value float8);

-- Gauges and sums: at most one of the two values is set.
CREATE TABLE number_points (
    series int8 NOT NULL,
    time int8 NOT NULL,
    time_unix_nano int8 NOT NULL,
    start_time_unix_nano int8 NOT NULL,
    sequence int8 NOT NULL,
    flags int8 NOT NULL,
    epoch int4 NOT NULL,
    partition int4 NOT NULL,
    ordinal int4 NOT NULL,
    value_double float8,
    value_int int8,
    exemplars exemplar[]
);
CREATE INDEX number_points_series ON number_points (series, time);
CREATE INDEX number_points_time ON number_points USING brin (time);

-- Sum, min and max are null where the sender left them out.
CREATE TABLE histogram_points (
    series int8 NOT NULL,
    time int8 NOT NULL,
    time_unix_nano int8 NOT NULL,
    start_time_unix_nano int8 NOT NULL,
    sequence int8 NOT NULL,
    flags int8 NOT NULL,
    epoch int4 NOT NULL,
    partition int4 NOT NULL,
    ordinal int4 NOT NULL,
    count int8 NOT NULL,
    sum float8,
    min float8,
    max float8,
    bucket_counts int8[] NOT NULL,
    explicit_bounds float8[] NOT NULL,
    exemplars exemplar[]
);
CREATE INDEX histogram_points_series ON histogram_points (series, time);
CREATE INDEX histogram_points_time ON histogram_points USING brin (time);

CREATE TABLE exponential_histogram_points (
    series int8 NOT NULL,
    time int8 NOT NULL,
    time_unix_nano int8 NOT NULL,
    start_time_unix_nano int8 NOT NULL,
    sequence int8 NOT NULL,
    flags int8 NOT NULL,
    epoch int4 NOT NULL,
    partition int4 NOT NULL,
    ordinal int4 NOT NULL,
    count int8 NOT NULL,
    sum float8,
    min float8,
    max float8,
    scale int4 NOT NULL,
    zero_count int8 NOT NULL,
    zero_threshold float8 NOT NULL,
    positive_offset int4 NOT NULL,
    positive_bucket_counts int8[] NOT NULL,
    negative_offset int4 NOT NULL,
    negative_bucket_counts int8[] NOT NULL,
    exemplars exemplar[]
);
CREATE INDEX exponential_histogram_points_series ON exponential_histogram_points (series, time);
CREATE INDEX exponential_histogram_points_time ON exponential_histogram_points USING brin (time);

CREATE TABLE summary_points (
    series int8 NOT NULL,
    time int8 NOT NULL,
    time_unix_nano int8 NOT NULL,
    start_time_unix_nano int8 NOT NULL,
    sequence int8 NOT NULL,
    flags int8 NOT NULL,
    epoch int4 NOT NULL,
    partition int4 NOT NULL,
    ordinal int4 NOT NULL,
    count int8 NOT NULL,
    sum float8 NOT NULL,
    quantile_values quantile[] NOT NULL,
    exemplars exemplar[]
);
CREATE INDEX summary_points_series ON summary_points (series, time);
CREATE INDEX summary_points_time ON summary_points USING brin (time);
