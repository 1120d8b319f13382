-- A hash index walks through all rows of the same hash for each that is added: of a metric's series
-- each was dearer than the one before. A tree holds no long text whole, so it has how it begins.
DROP INDEX series_metric_name;
CREATE INDEX series_metric_name ON series (left(metric_name, 400));
