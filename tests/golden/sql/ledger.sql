-- p0: 'acme'
-- p1: 86400000000000
-- p2: 172800000000000
-- p3: 86400000000000
-- p4: 72
-- p5: 'logs'
-- p6: 0
-- p7: 2
-- p8: 9
SELECT toString(signal) AS signal,
    {p1:UInt64} + intDiv(last_stored_ns - {p1:UInt64}, {p3:UInt64}) * {p3:UInt64} AS start_ns,
    sum(counts.received[at]) AS received,
    sum(counts.refused[at]) AS refused,
    sum(counts.filtered[at]) AS filtered,
    sum(counts.sampled[at]) AS sampled,
    sum(counts.buried[at]) AS buried,
    sum(counts.stored[at]) AS stored,
    sum(arraySum(one -> if(one.tenant = {p0:String} AND one.hour <= {p4:UInt32}, one.records, 0),
        expiries)) AS expired,
    sumMap(mine.reason, mine.records) AS by_reason,
    arrayMap(one -> toString(one), by_reason.1) AS reasons,
    by_reason.2 AS reason_records
FROM (SELECT signal, last_stored_ns, counts, expiries, indexOf(counts.tenant, {p0:String}) AS at,
    arrayFilter(one -> one.tenant = {p0:String}, refusals) AS mine
FROM commits WHERE last_stored_ns >= {p1:UInt64} AND last_stored_ns < {p2:UInt64} AND has(counts.tenant, {p0:String}) AND NOT (signal = {p5:String} AND partition = {p6:UInt16} AND (epoch, last) > ({p7:UInt32}, {p8:UInt64})))
GROUP BY signal, start_ns
ORDER BY signal, start_ns
