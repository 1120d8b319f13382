-- p0: 'acme'
-- p1: ['00000000000000000000000000000000', 'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF']
SELECT trace_id,
    min(start_time_unix_nano) AS start_ns,
    max(end_time_unix_nano) AS end_ns,
    count() AS span_count,
    countIf(status_code = 2) AS error_count,
    arraySort(groupUniqArray(toString(service_name))) AS services,
    argMinIf(toString(service_name), (start_time_unix_nano, span_id), parent_span_id = toFixedString('', 8)) AS root_service,
    argMinIf(toString(name), (start_time_unix_nano, span_id), parent_span_id = toFixedString('', 8)) AS root_name
FROM spans
WHERE tenant = {p0:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(arrayConcat({p1:Array(String)}))), 16)) AND time >= tupleElement((SELECT (min(first), max(last), groupUniqArrayArray(range(intDiv(first, 3600000000000), intDiv(last, 3600000000000) + 1))) FROM trace_bounds WHERE tenant = {p0:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(arrayConcat({p1:Array(String)}))), 16))), 1) AND time <= tupleElement((SELECT (min(first), max(last), groupUniqArrayArray(range(intDiv(first, 3600000000000), intDiv(last, 3600000000000) + 1))) FROM trace_bounds WHERE tenant = {p0:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(arrayConcat({p1:Array(String)}))), 16))), 2) AND intDiv(time, 3600000000000) IN (SELECT arrayJoin(tupleElement((SELECT (min(first), max(last), groupUniqArrayArray(range(intDiv(first, 3600000000000), intDiv(last, 3600000000000) + 1))) FROM trace_bounds WHERE tenant = {p0:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(arrayConcat({p1:Array(String)}))), 16))), 3)))
GROUP BY trace_id
ORDER BY start_ns DESC, trace_id DESC
