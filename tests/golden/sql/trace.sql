-- p0: 'acme'
-- p1: '000102030405060708090a0b0c0d0e0f'
-- p2: 1000
SELECT service_name, sequence, time, resource, scope, trace_id, span_id, parent_span_id, trace_state, flags, name, kind, start_time_unix_nano, end_time_unix_nano, attributes, dropped_attributes_count, events, dropped_events_count, links, dropped_links_count, status_code, status_message, epoch, partition, ordinal FROM spans WHERE tenant = {p0:String} AND trace_id = toFixedString(unhex({p1:String}), 16) AND time >= (SELECT min(first) FROM trace_bounds WHERE tenant = {p0:String} AND trace_id = toFixedString(unhex({p1:String}), 16)) AND time <= (SELECT max(last) FROM trace_bounds WHERE tenant = {p0:String} AND trace_id = toFixedString(unhex({p1:String}), 16)) ORDER BY time, span_id LIMIT {p2:UInt64}
