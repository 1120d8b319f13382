-- Parts are merged when there are about ten of them, not five: a row is written again half as often,
-- and a day has a few more parts. 5M spans in blocks of 100,000: merges took 1.3 CPU-s a million
-- rows in place of 2.0, and left 13 parts in place of 8.
ALTER TABLE spans MODIFY SETTING merge_selector_base = 10;
ALTER TABLE logs MODIFY SETTING merge_selector_base = 10;
ALTER TABLE number_points MODIFY SETTING merge_selector_base = 10;
ALTER TABLE histogram_points MODIFY SETTING merge_selector_base = 10;
ALTER TABLE exponential_histogram_points MODIFY SETTING merge_selector_base = 10;
ALTER TABLE summary_points MODIFY SETTING merge_selector_base = 10;
