-- p0: 'acme'
-- p1: 86400000000000
-- p2: 172800000000000
-- p3: 'true'
-- p4: 'canary'
-- p5: 'traces'
-- p6: 100
SELECT service_name, sequence, time, resource, scope, trace_id, span_id, parent_span_id, trace_state, flags, name, kind, start_time_unix_nano, end_time_unix_nano, attributes, dropped_attributes_count, events, dropped_events_count, links, dropped_links_count, status_code, status_message, epoch, partition, ordinal FROM spans WHERE tenant = {p0:String} AND time >= {p1:UInt64} AND time < {p2:UInt64} AND ((resource IN (SELECT text FROM resources WHERE tenant = {p0:String} AND signal = {p5:String} AND position(text, concat('"', {p4:String}, '"')) > 0 AND arrayExists(a -> a.1 = {p4:String} AND a.2 = 2 AND a.3 = {p3:String}, JSONExtract(text, 'attributes', 'Array(Tuple(String, UInt8, String))'))))) ORDER BY time DESC, epoch DESC, partition DESC, sequence DESC, ordinal DESC LIMIT {p6:UInt64}
