"""The newest of many days are the same whether they are looked for at once or window by window."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from otlp.codec.request import REQUESTS
from pipeline.plan import (
    AttributeField,
    Compare,
    Level,
    Operator,
    Place,
    Records,
    TracePlace,
    Traces,
)
from pipeline.ports import Cost
from pipeline.signal import Signal
from storage.newest import HOUR_NS
from tests.support.stores import NOW, around, ask, attribute, everything, group, rig, write

EVER = (0, 2**63)
PLACE = ("time", "epoch", "partition", "sequence", "ordinal")


def spans(sequence, random):
    """A message of traces whose spans lie up to days apart; most are of the newest hours."""
    request = REQUESTS[Signal.TRACES]()
    for number in range(6):
        for at in range(random.randrange(1, 5)):
            scope = around(request.resource_spans, random.choice(("api", "web"))).scope_spans.add()
            ago = int(random.choice((1, 8, 60)) * random.random() * HOUR_NS)
            span = scope.spans.add(
                name="q",
                # Some IDs come in several messages.
                trace_id=(sequence % 5 * 10 + number + 1).to_bytes(16, "big"),
                span_id=(sequence * 100 + number * 10 + at + 1).to_bytes(8, "big"),
                start_time_unix_nano=NOW - ago,
                end_time_unix_nano=NOW - ago + 5,
            )
            attribute(span.attributes, "user", random.choice(("ann", "bob", "cid")))
    return request


@pytest.fixture(scope="module")
def stores():
    with asyncio.Runner() as runner:
        rigs = [rig(kind) for kind in ("memory", "chdb")]
        found = [runner.run(one.__aenter__()).store for one in rigs]
        random = Random(5)
        posts = [(n, "a", spans(n, random)) for n in range(1, 13)]
        for store in found:
            groups = [group(Signal.TRACES, some) for some in (posts[:7], posts[7:])]
            runner.run(write(store, *groups))
        yield runner, *found
        for one in rigs:
            runner.run(one.__aexit__(None, None, None))


def same(stores, plan):
    runner, memory, engine = stores
    expected, found = (runner.run(ask(store, plan)).to_pylist() for store in (memory, engine))
    assert found == expected
    return found


USER = Compare(AttributeField("user", Level.ANY), Operator.EQUAL, "bob")


@pytest.mark.parametrize("limit", [1, 3, 20, 1000])
@pytest.mark.parametrize("where", [None, USER], ids=["all", "some"])
@pytest.mark.parametrize("end", [2**63, NOW + 1, NOW - 3 * HOUR_NS])
def test_the_newest_traces_and_records_are_the_same(stores, limit, where, end):
    same(stores, Traces("a", 0, end, where, limit))
    same(stores, Records(Signal.TRACES, "a", 0, end, where, limit))


@pytest.mark.parametrize("where", [None, USER], ids=["all", "some"])
def test_pages_go_on_through_all_windows(stores, where):
    whole = same(stores, Traces("a", *EVER, where, 1000))
    plan: Traces | None = Traces("a", *EVER, where, 4)
    found = []
    while plan:
        page = [TracePlace(row["matched_ns"], row["trace_id"]) for row in same(stores, plan)]
        found += page
        plan = replace(plan, after=min(page)) if page else None
    assert len(found) == len({one.trace_id for one in found}) == len(whole)

    records: Records | None = everything(Signal.TRACES, "a", where=where, limit=7)
    places = []
    while records:
        rows = same(stores, records)
        places += [Place(*(row[name] for name in PLACE)) for row in rows]
        records = replace(records, after=places[-1]) if rows else None
    assert places == sorted(set(places), reverse=True)
    assert len(places) == len(same(stores, everything(Signal.TRACES, "a", where=where)))


def test_the_newest_are_found_without_reading_what_is_older(stores):
    runner, _, engine = stores
    few, many = Cost(), Cost()

    async def asked(limit, cost):
        plan = Records(Signal.TRACES, "a", 0, NOW + 1, None, limit)
        return [batch async for batch in engine.run(plan, cost)]

    runner.run(asked(2, few))
    runner.run(asked(1000, many))

    assert 0 < few.rows < many.rows
