"""What a condition finds in the lists of resources and scopes, however much that is."""

import pytest

from otlp.codec.request import REQUESTS
from pipeline.plan import AttributeField, Compare, Explain, Level, Operator, Or, Traces
from pipeline.signal import Signal
from tests.support.stores import NOW, around, ask, attribute, everything, group, rig, write

PODS = 80


def logs():
    """A record of each of many pods, of one kind, and of a scope."""
    request = REQUESTS[Signal.LOGS]()
    for pod in range(PODS):
        resource = around(request.resource_logs, "api")
        attribute(resource.resource.attributes, "pod", f"pod-{pod}")
        attribute(resource.resource.attributes, "kind", "web")
        scope = resource.scope_logs.add()
        scope.scope.name = "lib"
        attribute(scope.scope.attributes, "stable", "yes")
        record = scope.log_records.add(time_unix_nano=NOW - pod)
        attribute(record.attributes, "user", f"pod-{PODS - 1 - pod}")
    return request


def equal(key, value, level=Level.ANY):
    return Compare(AttributeField(key, level), Operator.EQUAL, value)


@pytest.mark.parametrize("kind", ["chdb", "server"])
async def test_records_are_found_by_few_and_by_many_resources_and_scopes(kind):
    async with rig(kind) as one:
        await write(one.store, group(Signal.LOGS, [(1, "a", logs())]))

        async def found(where, tenant="a"):
            rows = await ask(one.store, everything(Signal.LOGS, tenant, where=where))
            return [NOW - time for time in rows["time"].to_pylist()]

        assert await found(equal("pod", "pod-7")) == [7]
        assert await found(equal("pod", "pod-7"), "b") == []
        assert await found(equal("kind", "web")) == list(range(PODS))
        assert await found(equal("stable", "yes")) == list(range(PODS))
        assert await found(equal("kind", "web", Level.RECORD)) == []
        assert await found(equal("kind", "db")) == []
        assert await found(Or((equal("pod", "pod-7"), equal("user", "pod-7")))) == [7, PODS - 8]


async def test_an_explanation_begins_with_what_is_looked_up_once_for_all():
    async with rig("chdb") as one:
        plan = Traces("a", 0, NOW, equal("pod", "pod-7"), 10)
        sql = (await ask(one.store, Explain(plan)))["sql"].to_pylist()

    assert len(sql) == 5
    assert ["FROM resources" in one for one in sql] == [True, False, False, False, False]
