"""The service graph: which service's spans are children of which other's."""
# ruff: noqa: S608 - what is put together here is our own text; values are bound

from pipeline.plan import Dependencies
from storage.compile.parameters import Parameters, Statement
from storage.compile.rows import within


def dependencies(plan: Dependencies) -> Statement:
    """Return the calls between services, each a span joined with its parent."""
    parameters = Parameters()
    who = f"tenant = {parameters.add(plan.tenant, 'String')}"
    spans = " AND ".join([who, *within(plan.start_ns, plan.end_ns, parameters)])
    limit = parameters.add(plan.limit, "UInt64")
    # SEMI: a parent that was sent twice is still one caller.
    sql = f"""SELECT parent, child, count() AS call_count, countIf(failed) AS error_count FROM (
    SELECT trace_id, parent_span_id AS span_id, service_name AS child, status_code = 2 AS failed
    FROM spans WHERE {spans} AND parent_span_id != toFixedString('', 8)
) AS calls SEMI LEFT JOIN (
    SELECT trace_id, span_id, service_name AS parent FROM spans WHERE {spans}
) AS callers USING (trace_id, span_id)
GROUP BY parent, child ORDER BY call_count DESC, parent, child LIMIT {limit}"""
    return Statement(sql, parameters.bound)
