-- p0: 'acme'
-- p1: 86400000000000
-- p2: 172800000000000
-- p3: 0.5
-- p4: 'ratio'
-- p5: 100
SELECT service_name, sequence, time, resource, scope, trace_id, span_id, parent_span_id, trace_state, flags, name, kind, start_time_unix_nano, end_time_unix_nano, attributes, dropped_attributes_count, events, dropped_events_count, links, dropped_links_count, status_code, status_message, epoch, partition, ordinal FROM spans WHERE tenant = {p0:String} AND time >= {p1:UInt64} AND time < {p2:UInt64} AND (arrayExists((k, t, v) -> k = {p4:String} AND ((t = 3 AND toInt64OrZero(v) >= {p3:Float64}) OR (t = 4 AND toFloat64OrZero(v) >= {p3:Float64})), attributes.key, attributes.type, attributes.value)) ORDER BY time DESC, epoch DESC, partition DESC, sequence DESC, ordinal DESC LIMIT {p5:UInt64}
