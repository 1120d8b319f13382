-- A condition on attributes at any place has an arm for links: without an index of its own none of
-- the others would prune. Parts that are there already have it once they are merged.
ALTER TABLE spans ADD INDEX IF NOT EXISTS link_values arrayFlatten(links.attributes.value)
    TYPE bloom_filter(0.01) GRANULARITY 1;
