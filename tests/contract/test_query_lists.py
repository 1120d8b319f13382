"""Every query backend answers lists, pages and the service graph alike, and says what it cost."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from otlp.codec.request import REQUESTS
from pipeline.errors import Rejected
from pipeline.plan import (
    AttributeField,
    Changes,
    Column,
    Dependencies,
    Explain,
    Head,
    Heads,
    Keys,
    Level,
    Metrics,
    Operations,
    Place,
    Records,
    Services,
    Trace,
    TracePlace,
    Traces,
    Values,
)
from pipeline.ports import Cost
from pipeline.signal import Signal
from storage.answers import PLACE
from storage.fields import PARTS
from tests.support.stores import (
    DAY_NS,
    NOW,
    around,
    ask,
    attribute,
    everything,
    group,
    message,
    rig,
    write,
)

EVER = (0, 2**63)
SERVICES = ("api", "apix", "b", "")


def spans(sequence, random):
    """A message of traces in which services call each other; some parents are elsewhere."""
    request = REQUESTS[Signal.TRACES]()
    for number in range(4):
        trace_id = (sequence * 10 + number + 1).to_bytes(16, "big")
        ids = []
        for at in range(random.randrange(1, 6)):
            scope = around(request.resource_spans, random.choice(SERVICES)).scope_spans.add()
            span = scope.spans.add(
                name=random.choice(("GET /", "GET /a", "q")),
                kind=random.randrange(6),
                trace_id=trace_id,
                span_id=(sequence * 100 + number * 10 + at + 1).to_bytes(8, "big"),
                parent_span_id=random.choice([*ids, b"", b"\x99" * 8]),
                start_time_unix_nano=NOW - random.randrange(5),
                end_time_unix_nano=NOW + 5,
            )
            span.status.code = random.randrange(3)
            ids.append(span.span_id)
    return request


def logs(sequence, random):
    """A message whose records share few times, some of them equal in everything."""
    request = REQUESTS[Signal.LOGS]()
    for service in ("api", "web"):
        scope = around(request.resource_logs, service).scope_logs.add()
        scope.scope.name = random.choice(("lib", "library"))
        for _ in range(6):
            log = scope.log_records.add(time_unix_nano=NOW - random.randrange(3))
            log.severity_text = random.choice(("INFO", "INFORMATION"))
            log.body.string_value = "same"
            attribute(log.attributes, "user", random.choice(("ann", "anna", "bob")))
    return request


class Engines:
    """The memory store and an engine with the same data, in two groups of two partitions."""

    def __init__(self, runner, stores):
        self.runner = runner
        self.stores = stores

    def answers(self, plan):
        return [self.runner.run(ask(store, plan)) for store in self.stores]

    def same(self, plan):
        memory, engine = self.answers(plan)
        assert memory.schema.equals(engine.schema)
        assert memory.to_pylist() == engine.to_pylist()
        return memory.to_pylist()


@pytest.fixture(scope="module", params=["chdb", "server"])
def engines(request):
    with asyncio.Runner() as runner:
        rigs = [rig(kind) for kind in ("memory", request.param)]
        stores = [runner.run(one.__aenter__()).store for one in rigs]
        random = Random(3)
        made = {
            Signal.TRACES: [(n, "a", spans(n, random)) for n in range(1, 9)],
            Signal.LOGS: [(n, "a", logs(n, random)) for n in range(1, 9)],
            Signal.METRICS: [(n, "a", message(Signal.METRICS, n)) for n in range(1, 5)],
        }
        for signal, posts in made.items():
            for store in stores:
                runner.run(write(store, group(signal, posts[:3]), group(signal, posts[3:])))
                runner.run(write(store, group(signal, posts[:4], partition=1, epoch=2)))
        yield Engines(runner, stores)
        for one in rigs:
            runner.run(one.__aexit__(None, None, None))


@pytest.mark.parametrize(("signal", "limit"), [("logs", 11), ("traces", 31), ("metrics", 17)])
def test_pages_are_the_whole_answer_and_no_record_twice(engines, signal, limit):
    signal = Signal(signal)
    names = ["time", "epoch", "partition", "sequence", "ordinal"]
    whole, engine = engines.answers(everything(signal, "a"))
    assert whole.select(names).equals(engine.select(names))
    places = [Place(*row.values()) for row in whole.select(names).to_pylist()]
    assert places == sorted(set(places), reverse=True)

    plan: Records | None = everything(signal, "a", limit=limit)
    found = []
    while plan:
        page = [Place(*row.values()) for row in engines.answers(plan)[1].select(names).to_pylist()]
        found += page
        plan = replace(plan, after=page[-1]) if page else None
    assert found == places


def test_pages_of_traces_are_all_traces_once(engines):
    whole = engines.same(Traces("a", *EVER, None, 1000))
    assert len(whole) == 32

    plan: Traces | None = Traces("a", *EVER, None, 11)
    found = []
    while plan:
        page = [TracePlace(row["matched_ns"], row["trace_id"]) for row in engines.same(plan)]
        found += page
        plan = replace(plan, after=min(page)) if page else None
    assert len(found) == len({one.trace_id for one in found}) == len(whole)


def test_traces_within_heads_are_those_that_were_there(engines):
    heads = engines.same(Heads(Signal.TRACES, "a", 10))
    assert heads == [
        {"partition": 0, "epoch": 1, "sequence": 8, "committed_ns": NOW + 8},
        {"partition": 1, "epoch": 2, "sequence": 4, "committed_ns": NOW + 4},
    ]

    all_of_them = engines.same(Traces("a", *EVER, None, 1000))
    every = tuple(Head(**head) for head in heads)
    assert engines.same(Traces("a", *EVER, None, 1000, within=every)) == all_of_them
    for some in ((Head(0, 1, 2),), (Head(0, 1, 2), *(Head(n, 1, 9) for n in range(2, 9)))):
        found = engines.same(Traces("a", *EVER, None, 1000, within=some))
        assert {int.from_bytes(row["trace_id"], "big") // 10 for row in found} == {1, 2}


@pytest.mark.parametrize("signal", Signal)
def test_what_was_stored_since_is_the_same_everywhere(engines, signal):
    now = tuple(Head(**head) for head in engines.same(Heads(signal, "a", 10)))
    mine, newer = now
    first = replace(mine, sequence=3, committed_ns=NOW + 3)
    cases = {
        now: 0,
        (first, newer): 1,  # a message and more came since
        (replace(mine, sequence=2), newer): 1,  # no commit ended there
        (replace(mine, committed_ns=1), newer): 1,  # it ended there at another time
        (mine, replace(newer, epoch=1)): 1,  # another log
        (mine,): 1,  # another partition
        (): 1,
        (*now, Head(5, 1, 1, 1)): 1,  # a log that was never there
    }
    for heads, beyond in cases.items():
        for tenant, range_ns in [("a", EVER), ("a", (1, 2)), ("nobody", EVER)]:
            plan = Changes(signal, tenant, *range_ns, heads, 1)
            memory, engine = engines.answers(plan)
            assert memory.num_rows == engine.num_rows <= beyond, plan
            assert memory.schema.equals(engine.schema)
            assert memory.num_rows == beyond or heads == (first, newer)
    for store in engines.stores:
        with pytest.raises(Rejected, match="partitions 0 to 255"):
            engines.runner.run(ask(store, Changes(signal, "a", *EVER, (Head(256, 1, 1),), 1)))


@pytest.mark.parametrize("name", ["(SELECT any(body) FROM logs)", "trace_id", "kind", "nothing"])
def test_values_are_those_of_columns_that_hold_text(engines, name):
    plan = Values(Signal.TRACES, "a", Column(name), "", *EVER, 10, 10)
    for store in engines.stores:
        with pytest.raises(Rejected, match="that holds text"):
            engines.runner.run(ask(store, plan))


@pytest.mark.parametrize("prefix", ["", "a", "api", "é"])
def test_services_and_operations_are_the_same_everywhere(engines, prefix):
    for signal in (None, *Signal):
        found = engines.same(Services("a", signal, prefix, 100))
        assert all(row["service_name"].startswith(prefix) for row in found)
    for service in (None, "api", "no"):
        for kind in (None, 2):
            engines.same(Operations("a", service, kind, prefix, 100))
    assert engines.same(Services("nobody", None, prefix, 100)) == []


def test_metrics_are_the_same_everywhere(engines):
    found = engines.same(Metrics("a", "", 100))

    assert [row["metric_name"] for row in found] == [
        "exponential_histogram", "gauge", "histogram", "sum", "summary",
    ]  # fmt: skip
    assert {row["series_count"] for row in found} == {2}
    assert [row["metric_name"] for row in engines.same(Metrics("a", "su", 1))] == ["sum"]


def test_calls_are_spans_whose_parents_are_there(engines):
    found = engines.same(Dependencies("a", *EVER, 100))

    assert sum(row["call_count"] for row in found) > 20
    assert any(row["error_count"] for row in found)
    assert engines.same(Dependencies("a", *EVER, 2)) == found[:2]
    assert engines.same(Dependencies("a", 0, 1, 100)) == []
    engines.same(Dependencies("a", NOW - 3, NOW, 100))


@pytest.mark.parametrize(
    ("signal", "field", "prefix", "expected"),
    [
        (Signal.LOGS, Column("service_name"), "", ["api", "web"]),
        (Signal.LOGS, Column("scope_name"), "lib", ["lib", "library"]),
        (Signal.LOGS, Column("severity_text"), "INF", ["INFO", "INFORMATION"]),
        (Signal.LOGS, AttributeField("user"), "ann", ["ann", "anna"]),
        (Signal.LOGS, AttributeField("user", Level.RESOURCE), "", []),
        (Signal.LOGS, AttributeField("service.name", Level.RESOURCE), "w", ["web"]),
        (Signal.LOGS, AttributeField("service.name"), "", ["api", "web"]),
        (Signal.TRACES, Column("name"), "GET", ["GET /", "GET /a"]),
        (Signal.TRACES, AttributeField("no"), "", []),
        (Signal.METRICS, Column("metric_name"), "su", ["sum", "summary"]),
        (Signal.METRICS, AttributeField("host", Level.RECORD), "", ["h0", "h1"]),
    ],
)
def test_values_are_the_same_everywhere(engines, signal, field, prefix, expected):
    plan = Values(signal, "a", field, prefix, NOW - DAY_NS, NOW + DAY_NS, 1000, 100)

    assert [row["value"] for row in engines.same(plan)] == expected
    assert [row["value"] for row in engines.same(replace(plan, limit=1))] == expected[:1]
    assert engines.same(replace(plan, tenant="nobody")) == []


@pytest.mark.parametrize("level", [one for one in Level if one not in PARTS])
def test_keys_have_a_level_and_a_prefix(engines, level):
    for prefix in ("", "s", "user"):
        found = engines.same(Keys(Signal.LOGS, "a", (), (), 100, level, prefix))
        assert all(row["key"].startswith(prefix) for row in found)
        assert level is Level.ANY or {row["level"] for row in found} <= {level.value}


def test_looking_at_few_records_reads_few(engines):
    plan = Values(Signal.LOGS, "a", AttributeField("user", Level.RECORD), "", *EVER, 1, 100)

    assert len(engines.answers(plan)[1]) == 1


def test_an_answer_says_what_was_read(engines):
    async def cost(plan):
        spent = Cost()
        async for _ in engines.stores[1].run(plan, spent):
            pass
        return spent

    spent = engines.runner.run(cost(everything(Signal.LOGS, "a")))
    assert spent.rows == 144
    assert spent.bytes > 144 * 10
    assert spent.engine_ns > 0
    both = engines.runner.run(cost(Traces("a", *EVER, None, 10)))
    assert both.rows > 100, "the search and the summaries"


@pytest.mark.parametrize(
    "plan",
    [
        everything(Signal.LOGS, "a", limit=10),
        everything(Signal.METRICS, "a"),
        Traces("a", *EVER, None, 10),
        Trace("a", bytes(16), 10),
        Dependencies("a", *EVER, 10),
        Services("a", None, "", 10),
        Keys(Signal.LOGS, "a", (), (), 10),
    ],
    ids=lambda plan: type(plan).__name__,
)
def test_an_explanation_has_the_statements_and_their_indexes(engines, plan):
    rows = engines.answers(Explain(plan))[1].to_pylist()

    # The newest are looked for in an hour, in more, in the rest; points are sorted by series.
    windows = isinstance(plan, Traces) or (isinstance(plan, Records) and plan.signal is Signal.LOGS)
    statements = (3 if windows else 1) + isinstance(plan, Traces)
    assert [row["sql"][:6] for row in rows] == ["SELECT"] * statements
    used = [index for row in rows for index in row["indexes"]]
    assert any(index["index"] == "primarykey" and "tenant" in index["name"] for index in used)
    assert all(index["granules"] <= index["granules_of"] for index in used)
    assert '"a"' in rows[0]["parameters"] or '"logs"' in rows[0]["parameters"]


@pytest.mark.parametrize("kind", ["chdb", "server"])
@pytest.mark.parametrize(
    ("limit", "setting"), [("query_rows_max", "rows"), ("query_bytes_max", "bytes")]
)
async def test_reading_too_much_names_the_setting_and_how_to_narrow(kind, limit, setting):
    async with rig(kind, **{limit: 10}) as one:
        posts = [(n, "a", logs(n, Random(n))) for n in range(1, 9)]
        await write(one.store, group(Signal.LOGS, posts))
        with pytest.raises(
            Rejected, match=rf"too many {setting}, more than 10 \(storage\.{limit}\): narrow the"
        ):
            await ask(one.store, everything(Signal.LOGS, "a"))


def test_places_are_columns_of_every_answer(engines):
    for signal in Signal:
        assert set(PLACE) <= set(engines.answers(everything(signal, "a"))[1].column_names)
