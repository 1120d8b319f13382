-- Applied where TimescaleDB is: chunks of a day, which compress by series and are dropped whole.
CREATE FUNCTION now_ns() RETURNS int8 LANGUAGE sql STABLE
AS 'SELECT (extract(epoch FROM now()) * 1000000)::int8 * 1000';

SELECT create_hypertable('number_points', 'time', chunk_time_interval => 86400000000000, create_default_indexes => false, migrate_data => true);
SELECT create_hypertable('histogram_points', 'time', chunk_time_interval => 86400000000000, create_default_indexes => false, migrate_data => true);
SELECT create_hypertable('exponential_histogram_points', 'time', chunk_time_interval => 86400000000000, create_default_indexes => false, migrate_data => true);
SELECT create_hypertable('summary_points', 'time', chunk_time_interval => 86400000000000, create_default_indexes => false, migrate_data => true);

SELECT set_integer_now_func('number_points', 'now_ns');
SELECT set_integer_now_func('histogram_points', 'now_ns');
SELECT set_integer_now_func('exponential_histogram_points', 'now_ns');
SELECT set_integer_now_func('summary_points', 'now_ns');
