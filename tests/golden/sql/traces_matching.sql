-- p0: 'acme'
-- p1: 86400000000000
-- p2: 172800000000000
-- p3: 5000000
-- p4: 20
SELECT hex(trace_id) AS id, max(time) AS matched_ns FROM spans WHERE tenant = {p0:String} AND time >= {p1:UInt64} AND time < {p2:UInt64} AND (greatest(start_time_unix_nano, end_time_unix_nano) - start_time_unix_nano > {p3:Int64}) GROUP BY trace_id ORDER BY matched_ns DESC, trace_id DESC LIMIT {p4:UInt64}
