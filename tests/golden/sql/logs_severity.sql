-- p0: 'acme'
-- p1: 86400000000000
-- p2: 172800000000000
-- p3: 17
-- p4: 100
SELECT service_name, sequence, time, resource, scope, time_unix_nano, observed_time_unix_nano, severity_number, severity_text, body_type, body, attributes, dropped_attributes_count, flags, trace_id, span_id, event_name, epoch, partition, ordinal FROM logs WHERE tenant = {p0:String} AND time >= {p1:UInt64} AND time < {p2:UInt64} AND (severity_number >= {p3:Int64}) ORDER BY time DESC, epoch DESC, partition DESC, sequence DESC, ordinal DESC LIMIT {p4:UInt64}
