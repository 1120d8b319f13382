-- p0: 'acme'
-- p1: 86400000000000
-- p2: 172800000000000
-- p3: '/x'
-- p4: 'http.route'
-- p5: ['/x']
-- p6: 'traces'
-- p7: 'traces'
-- p8: 100
SELECT service_name, sequence, time, resource, scope, trace_id, span_id, parent_span_id, trace_state, flags, name, kind, start_time_unix_nano, end_time_unix_nano, attributes, dropped_attributes_count, events, dropped_events_count, links, dropped_links_count, status_code, status_message, epoch, partition, ordinal FROM spans WHERE tenant = {p0:String} AND time >= {p1:UInt64} AND time < {p2:UInt64} AND ((hasAny(attributes.value, {p5:Array(String)}) AND arrayExists((k, v) -> k = {p4:String} AND v = {p3:String}, attributes.key, attributes.value)) OR (resource IN (SELECT text FROM resources WHERE tenant = {p0:String} AND signal = {p6:String} AND position(text, concat('"', {p4:String}, '"')) > 0 AND arrayExists(a -> a.1 = {p4:String} AND a.3 = {p3:String}, JSONExtract(text, 'attributes', 'Array(Tuple(String, UInt8, String))')))) OR (scope IN (SELECT text FROM scopes WHERE tenant = {p0:String} AND signal = {p7:String} AND position(text, concat('"', {p4:String}, '"')) > 0 AND arrayExists(a -> a.1 = {p4:String} AND a.3 = {p3:String}, JSONExtract(text, 'attributes', 'Array(Tuple(String, UInt8, String))'))))) ORDER BY time DESC, epoch DESC, partition DESC, sequence DESC, ordinal DESC LIMIT {p8:UInt64}
