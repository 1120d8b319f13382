-- Parts above 128 MiB (uncompressed) are wide, so that they merge column by column: merging spans
-- took half the CPU. What is inserted stays compact: a file a column made inserts 1.5 times dearer.
ALTER TABLE spans MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE logs MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE number_points MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE histogram_points MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE exponential_histogram_points MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE summary_points MODIFY SETTING min_bytes_for_wide_part = 134217728;
