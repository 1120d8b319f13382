-- An insert that was still under way when its client gave up may arrive after it was repeated. The
-- repeated one names the same token, and the server takes only one of them.
ALTER TABLE spans MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE logs MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE number_points MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE histogram_points MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE exponential_histogram_points
    MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE summary_points MODIFY SETTING non_replicated_deduplication_window = 1000;
ALTER TABLE commits MODIFY SETTING non_replicated_deduplication_window = 1000;
