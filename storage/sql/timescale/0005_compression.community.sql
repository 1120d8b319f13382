-- What TimescaleDB's Apache edition has not: compression, by series, and continuous aggregates.
ALTER TABLE number_points SET (timescaledb.compress, timescaledb.compress_segmentby = 'series', timescaledb.compress_orderby = 'time');
ALTER TABLE histogram_points SET (timescaledb.compress, timescaledb.compress_segmentby = 'series', timescaledb.compress_orderby = 'time');
ALTER TABLE exponential_histogram_points SET (timescaledb.compress, timescaledb.compress_segmentby = 'series', timescaledb.compress_orderby = 'time');
ALTER TABLE summary_points SET (timescaledb.compress, timescaledb.compress_segmentby = 'series', timescaledb.compress_orderby = 'time');

-- What gauges, and sums of deltas, amount to in whole hours: long ranges in steps of hours read it.
CREATE MATERIALIZED VIEW number_hours
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    series,
    time_bucket(3600000000000, time) AS hour,
    count(*) AS count,
    sum(coalesce(value_double, value_int::float8)) AS sum,
    min(coalesce(value_double, value_int::float8)) AS min,
    max(coalesce(value_double, value_int::float8)) AS max
FROM number_points
WHERE flags & 1 = 0 AND coalesce(value_double, value_int::float8) <> 'NaN'
GROUP BY 1, 2
WITH NO DATA;
