"""Every query backend answers spans of many traces, and conditions on events and links, alike."""

from dataclasses import replace

import pytest

from pipeline.errors import Rejected
from pipeline.plan import (
    Archive,
    AttributeField,
    Column,
    Compare,
    Exists,
    Explain,
    Find,
    Holds,
    Kind,
    Level,
    Made,
    Operator,
    Path,
    Records,
    Search,
    Spans,
    Table,
    Trace,
    TracePlace,
    Traces,
)
from pipeline.signal import Signal
from query.jaeger.search import Query
from tests.support.jaegers import TENANT, Sent
from tests.support.stores import NOW, ask, group, rig, write

BACKENDS = pytest.mark.parametrize("kind", ["memory", "chdb"])
EVER = (0, 2**63)


def sent():
    """Return traces 1 to 3; spans have their number as ID, and are later the larger it is."""
    made = Sent()
    for number, trace in enumerate((2, 1, 3, 1, 2), 1):
        made.span(
            f"s{trace}",
            trace=trace,
            span=number,
            at=NOW + number,
            events=(("e", {"where": f"event {number}", "n": number}),),
            links=((9, 9, {"where": f"link {trace}"}),),
        )
    return made


async def stored(store):
    await write(store, group(Signal.TRACES, [(1, TENANT, sent().request)]))


def ids(rows, name="span_id"):
    return [int.from_bytes(one, "big") for one in rows[name].to_pylist()]


@BACKENDS
async def test_an_id_has_16_bytes(kind):
    after = TracePlace(1, b"")
    asked = (
        Trace(TENANT, b"", 1),
        Spans(TENANT, (bytes(16), bytes(15)), 1),
        Traces(TENANT, *EVER, None, 1, after=after),
    )
    async with rig(kind) as behind:
        for plan in asked:
            with pytest.raises(Rejected, match="trace_id has 16 bytes, not"):
                await ask(behind.store, plan)


@BACKENDS
async def test_spans_of_traces_stand_together_oldest_first(kind):
    async with rig(kind) as behind:
        await stored(behind.store)
        wanted = tuple(trace.to_bytes(16, "big") for trace in (3, 1, 8))
        rows = await ask(behind.store, Spans(TENANT, wanted, 10))
        assert list(zip(ids(rows, "trace_id"), ids(rows), strict=True)) == [(1, 2), (1, 4), (3, 3)]
        every = await ask(behind.store, Records(Signal.TRACES, TENANT, *EVER, None, 1))
        assert rows.schema == every.schema
        some = await ask(behind.store, Spans(TENANT, wanted, 2, ("span_id", "service_name")))
        assert some.to_pylist() == [
            {"service_name": "s1", "span_id": one.to_bytes(8, "big")} for one in (2, 4)
        ]
        none = await ask(behind.store, Spans(TENANT, (), 2, ("name",)))
        assert (none.num_rows, none.column_names) == (0, ["name"])
        assert (await ask(behind.store, Spans("other", wanted, 2))).num_rows == 0
        with pytest.raises(Rejected, match="spans have no column body"):
            await ask(behind.store, Spans(TENANT, wanted, 2, ("body",)))


ASKED = [
    (Compare(AttributeField("where", Level.EVENT), Operator.EQUAL, "event 3"), [3]),
    (Compare(AttributeField("where", Level.LINK), Operator.EQUAL, "link 1"), [4, 2]),
    (Compare(AttributeField("n", Level.EVENT), Operator.GREATER, 3), [5, 4]),
    (Compare(AttributeField("where", Level.LINK), Operator.NOT_EQUAL, "link 1"), [5, 3, 1]),
    (Exists(AttributeField("n", Level.LINK)), []),
    (Find(AttributeField("where", Level.EVENT), Search.CONTAINS, "T 2"), [2]),
    (Compare(AttributeField("where"), Operator.EQUAL, "event 3"), []),
]


@BACKENDS
async def test_conditions_ask_for_attributes_of_events_and_links(kind):
    async with rig(kind) as behind:
        await stored(behind.store)
        for where, found in ASKED:
            rows = await ask(behind.store, Records(Signal.TRACES, TENANT, *EVER, where, 10))
            assert ids(rows) == found, where


@BACKENDS
async def test_paths_and_computed_columns_ask_for_events_and_links_too(kind):
    async with rig(kind) as behind:
        await stored(behind.store)
        for where, found in ASKED:
            traces = Traces(TENANT, *EVER, None, 10, whole=Path((where,)), candidates_max=9)
            of = {trace for number, trace in enumerate((2, 1, 3, 1, 2), 1) if number in found}
            assert set(ids(await ask(behind.store, traces), "trace_id")) == of, where
            columns = (
                Made("span", Kind.ID, Column("span_id")),
                Made("held", Kind.FLAG, Holds(where)),
            )
            table = Table(Signal.TRACES, TENANT, *EVER, None, columns, (), limit=9, groups_max=9)
            rows = await ask(behind.store, table)
            held = [int(row["span"], 16) for row in rows.to_pylist() if row["held"]]
            assert sorted(held) == sorted(found), where


@BACKENDS
async def test_only_spans_have_events_and_links(kind):
    where = Exists(AttributeField("k", Level.LINK))
    async with rig(kind) as behind:
        with pytest.raises(Rejected, match="attribute 'k': logs have no links"):
            await ask(behind.store, Records(Signal.LOGS, TENANT, *EVER, where, 1))


async def test_a_search_by_a_tag_without_a_service_reads_what_indexes_leave():
    plan = Query(attributes=(("where", "event 3"),)).plan(TENANT)
    assert isinstance(plan, Traces)
    async with rig("chdb") as behind:
        await stored(behind.store)
        (_, row, *_) = (await ask(behind.store, Explain(plan))).to_pylist()
        used = {one["name"] for one in row["indexes"]}
        assert {"attribute_values", "event_values", "link_values"} <= used
        left = min(one["granules"] for one in row["indexes"])
        none = Query(attributes=(("where", "nowhere"),)).plan(TENANT)
        (_, row, *_) = (await ask(behind.store, Explain(none))).to_pylist()
        assert (left, min(one["granules"] for one in row["indexes"])) == (1, 0)


@pytest.mark.parametrize("kind", ["memory", "chdb", "server", "remote"])
async def test_a_trace_is_archived_once_and_for_its_own_tenant(kind):
    async with rig(kind) as behind:
        await stored(behind.store)
        plan = Archive(TENANT, (1).to_bytes(16, "big"), 3600, 10, 10)
        for _ in range(2):
            assert (await ask(behind.store, plan)).to_pylist() == [{"spans": 2}]
        every = tuple(one.to_bytes(16, "big") for one in (1, 2))
        kept = await ask(behind.store, Spans(TENANT, every, 10, archived=True))
        if behind.connection:
            said = "SELECT count(), groupUniqArray(keep_for_s) FROM archived_spans"
            assert await behind.sql(said) == [(2, [3600])]
        assert kept == await ask(behind.store, Spans(TENANT, every[:1], 10))
        other = replace(plan, tenant="other")
        assert (await ask(behind.store, other)).to_pylist() == [{"spans": 0}]
        assert not len(await ask(behind.store, Spans("other", every, 10, archived=True)))
        with pytest.raises(Rejected, match="room for 2 spans: it has 2 of at most 3"):
            await ask(behind.store, replace(plan, trace_id=every[1], spans_max=3))
        with pytest.raises(Rejected, match="more than 1 spans"):
            await ask(behind.store, replace(plan, trace_id=every[1], limit=1))
        assert (await ask(behind.store, replace(plan, spans_max=2))).to_pylist() == [{"spans": 2}]
