"""Every query backend gives a plan the meaning of `pipeline/plan.py`: the same rows."""

import asyncio
from dataclasses import replace
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import plan
from pipeline.errors import Rejected
from pipeline.plan import (
    AttributeField,
    AttributeKeys,
    Column,
    Compare,
    Exists,
    Find,
    Keys,
    Level,
    Not,
    OneOf,
    Operator,
    Records,
    Search,
    Trace,
)
from pipeline.ports import Cost
from pipeline.signal import Signal
from storage.fields import COLUMNS, PARTS, Kind
from tests.support.otlp_strategies import LAWS, Case, Sender
from tests.support.stores import (
    NOW,
    POINTS,
    STORES,
    ask,
    everything,
    group,
    message,
    messages,
    rig,
    write,
)

WORDS = (
    "",
    "a",
    "api",
    "b",
    "10",
    "9",
    "true",
    "NaN",
    "-0.0",
    "é",
    "\x00",
    "😀",
    "'; --",
    "{p0:X}",
)
SOUGHT = (
    *WORDS[1:],
    "A",
    "É",
    "API",
    "ap",
    "pi",
    "a\n",
    " ",
    "%",
    "_",
    "\\",
    "1",
    "\u017f",
    "\u212a",
)
EXPRESSIONS = (
    "a", "^a$", "(?i)API", "a|b", "^$", ".", "(?-s)^.$", "[^a]", "\\d+", "^(?:10|9)$", "x*", "é",
    "\\x00", "\x00", "\\pL", "(?i:É)", "\\.0", "';", "\\{p0", "a{1,2}", "^\\W", "(?m)^b$", "(|a)b",
    "(?i)a(?-i)P", "a?pi", "[[:alpha:]]+$", "\\bapi\\b", "\\x{1F600}", "(?U)a+", "tru(e|th)",
)  # fmt: skip
PATTERNS = ("*", "k*", "*k", "s*.n*e", "service.*", "'*\\", "%", "_", "")
KEYS = ("k", "service.name", "'`\"\\", "")
NUMBERS = (0, 1, -1, 10, 2**53 + 1, 2**63 - 1, -(2**63))
DOUBLES = (0.0, -0.0, 1.0, 10.0, 0.1, 1e22, 2.0**53, float("nan"), float("inf"), -1e-300)
FINITE = DOUBLES[:7] + DOUBLES[9:]
TRACES = tuple(bytes([number]) * 16 for number in range(1, 12))
SPANS = tuple(bytes([number]) * 8 for number in range(1, 5))
STARTS = tuple(NOW - step * 10**9 for step in range(40))


class Sample(Sender):
    """Sends records of few values, so that conditions find some."""

    def text(self):
        return self.pick(WORDS)

    def signed(self, bits):
        return self.pick(NUMBERS if bits == 64 else (0, 1, 2, 10))

    def double(self):
        return self.pick(DOUBLES)

    def time(self):
        return self.pick(STARTS)

    def identifier(self, size):
        return self.pick(TRACES if size == 16 else SPANS)

    def attributes(self, attributes):
        for _ in range(self.random.randrange(3)):
            self.value(attributes.add(key=self.pick(KEYS)).value, 1)


def sample(signal, seed):
    return Sample(Case(signal, seed, 4, faults=False)).request()


LITERALS = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(NUMBERS), st.sampled_from(FINITE), st.booleans()
)


def columns(signal):
    values = {
        Kind.TEXT: st.sampled_from(WORDS),
        Kind.NUMBER: st.sampled_from((*NUMBERS, *FINITE, 5, 7, 2)),
        Kind.FLAG: st.booleans(),
    }
    for name, kind in COLUMNS[signal].items():
        operators = st.sampled_from(list(Operator))
        value = values.get(kind)
        if kind is Kind.FLAG:
            operators = st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL])
        if value is None:
            ids = TRACES if name == "trace_id" else SPANS
            value = st.sampled_from((*ids, bytes(len(ids[0]))))
        yield st.builds(Compare, st.just(Column(name)), operators, value)


def levels_of(signal):
    return [one for one in Level if signal is Signal.TRACES or one not in PARTS]


def attributes(signal):
    levels = st.sampled_from(levels_of(signal))
    return st.builds(AttributeField, st.sampled_from(KEYS), levels) | st.builds(
        AttributeKeys, st.sampled_from(PATTERNS), levels
    )


def finds(signal):
    texts = [name for name, kind in COLUMNS[signal].items() if kind is Kind.TEXT]
    field = st.one_of(attributes(signal), st.sampled_from(texts).map(Column))
    within = st.sampled_from([Search.CONTAINS, Search.PHRASE])
    return st.builds(Find, field, within, st.sampled_from(SOUGHT)) | st.builds(
        Find, field, st.just(Search.MATCH), st.sampled_from(EXPRESSIONS)
    )


def conditions(signal):
    leaf = st.one_of(
        st.builds(Compare, attributes(signal), st.sampled_from(list(Operator)), LITERALS),
        st.builds(OneOf, attributes(signal), st.lists(LITERALS, max_size=3).map(tuple)),
        st.builds(Exists, attributes(signal)),
        finds(signal),
        finds(signal),
        st.one_of(*columns(signal)),
    )

    def nested(inner):
        parts = st.lists(inner, max_size=3).map(tuple)
        return st.one_of(
            st.builds(plan.And, parts), st.builds(plan.Or, parts), st.builds(Not, inner)
        )

    return st.recursive(leaf, nested, max_leaves=5)


def comparisons(signal):
    """Every column and every level with every operator, and with each kind of value."""
    random = Random(11)
    for name, kind in COLUMNS[signal].items():
        for operator in Operator:
            value: plan.Scalar
            if kind is Kind.TEXT:
                value = random.choice(WORDS[1:5])
            elif kind is Kind.NUMBER:
                value = random.choice((0, 1, 2, 1.0, 10, 5, 3 * 10**9))
            elif kind is Kind.FLAG:
                if operator not in {Operator.EQUAL, Operator.NOT_EQUAL}:
                    continue
                value = operator is Operator.EQUAL
            else:
                value = random.choice(TRACES if name == "trace_id" else SPANS)
            yield Compare(Column(name), operator, value)
    for level in levels_of(signal):
        for operator in Operator:
            drawn = (random.choice(WORDS), random.choice(NUMBERS), random.choice(FINITE))
            for value in random.sample((*drawn, True, 0, -0.0), 3):
                yield Compare(AttributeField(random.choice(KEYS), level), operator, value)


TEXTS = {Signal.LOGS: Column("body"), Signal.METRICS: Column("metric_description")}


def searches(signal):
    """Every text and expression, in a column and in attributes of all levels; every pattern."""
    column = TEXTS[signal]
    for level, pattern in zip(levels_of(signal) * 3, PATTERNS, strict=False):
        yield Exists(AttributeKeys(pattern, level))
    for at, text in enumerate(SOUGHT):
        places = (column, AttributeKeys("*"))
        yield Find(places[at % 2], Search.CONTAINS, text)
        yield Find(places[1 - at % 2], Search.PHRASE, text)
    for expression in EXPRESSIONS:
        yield Find(column, Search.MATCH, expression)


class Both:
    """
    The memory store and an engine with the same random data.

    Two kinds of one engine (chdb and a server, PostgreSQL and TimescaleDB) are asked a `half` each
    of many questions of a kind; the memory store in another process is asked few, as they only have
    to arrive there.
    """

    def __init__(self, runner, kind, memory, chdb):
        self.runner = runner
        self.stores = (memory, chdb)
        self.kind = kind

    def half(self, questions):
        if self.kind == "remote":
            return questions[:: len(questions) // 12]
        return questions[(self.kind in {"server", "timescale"}) :: 2]

    def answers(self, asked):
        return [self.runner.run(ask(store, asked)) for store in self.stores]


ENGINES = {kind: taken for kind, taken in STORES.items() if kind != "memory"}
ENGINES["remote"] = tuple(Signal)
each = pytest.mark.parametrize(
    ("both", "signal"),
    [(kind, signal) for kind, taken in ENGINES.items() for signal in taken],
    indirect=["both"],
    scope="module",
)
"""Every engine with every signal that it takes."""


def of(signal):
    """Every engine that takes the signal."""
    kinds = [kind for kind, taken in ENGINES.items() if signal in taken]
    return pytest.mark.parametrize("both", kinds, indirect=True)


@pytest.fixture(scope="module", params=ENGINES)
def both(request):
    with asyncio.Runner() as runner:
        rigs = [rig(kind) for kind in ("memory", request.param)]
        stores = [runner.run(one.__aenter__()).store for one in rigs]
        random = Random(7)
        for signal in ENGINES[request.param]:
            # Two tenants: what is another's must never be found.
            posts = [
                (number, ("a", "b")[number % 4 == 0], sample(signal, random.getrandbits(32)))
                for number in range(1, 60)
            ]
            for store in stores:
                runner.run(write(store, group(signal, posts[:30]), group(signal, posts[30:])))
        yield Both(runner, request.param, *stores)
        for one in rigs:
            runner.run(one.__aexit__(None, None, None))


def canonical(table):
    return sorted(repr(sorted(row.items())) for row in table.to_pylist())


def places(table):
    """Tell which rows these are; that their content is equal is tested with all of them."""
    own = ("sequence", "time", "time_unix_nano", "start_time_unix_nano", "span_id", "metric_name")
    names = [*own, "service_name", "name", "body", "flags", "value_int", "attributes"]
    return canonical(table.select([name for name in names if name in table.column_names]))


@each
def test_the_data_is_worth_asking(both, signal):
    memory, chdb = both.answers(everything(signal, "a"))
    assert memory.num_rows > 80
    assert memory.schema.equals(chdb.schema)
    assert canonical(memory) == canonical(chdb)


@each
def test_comparisons_find_the_same_records_everywhere(both, signal):
    found = 0
    every = both.half(list(comparisons(signal))[:: 3 if signal is Signal.METRICS else 1])
    for where in every:
        memory, chdb = both.answers(everything(signal, "a", where=where))
        assert places(memory) == places(chdb), where
        found += memory.num_rows > 0

    assert found > len(every) // 4


@pytest.mark.parametrize(
    ("both", "signal"),
    [(kind, taken[0] if len(taken) == 1 else Signal.LOGS) for kind, taken in ENGINES.items()],
    indirect=["both"],
    scope="module",
)
def test_searches_find_the_same_records_everywhere(both, signal):
    found = 0
    every = both.half(list(searches(signal)))
    for where in every:
        memory, chdb = both.answers(everything(signal, "a", where=where))
        assert places(memory) == places(chdb), where
        found += memory.num_rows > 0

    assert found > len(every) // 2


@each
def test_conditions_find_the_same_records_everywhere(both, signal):
    @settings(LAWS, max_examples=8 if signal is Signal.METRICS else 20)
    @given(conditions(signal))
    def law(where):
        memory, chdb = both.answers(everything(signal, "a", where=where))
        assert places(memory) == places(chdb)

    law()


@of(Signal.TRACES)
def test_traces_are_the_same_everywhere(both):
    @settings(LAWS, max_examples=20)
    @given(
        st.none() | conditions(Signal.TRACES),
        st.sampled_from(STARTS),
        st.sampled_from(STARTS),
        st.integers(1, 12),
    )
    def law(where, start, end, limit):
        memory, chdb = both.answers(plan.Traces("a", start, end, where, limit))
        assert memory.to_pylist() == chdb.to_pylist()

    law()


@of(Signal.TRACES)
@pytest.mark.parametrize("trace_id", [*TRACES, bytes(16), b"\xff" * 16])
def test_a_trace_is_the_same_everywhere(both, trace_id):
    memory, chdb = both.answers(Trace("a", trace_id, 10_000))

    assert memory.schema.equals(chdb.schema)
    assert canonical(memory) == canonical(chdb)
    assert set(memory["trace_id"].to_pylist()) <= {trace_id}
    times = chdb["time"].to_pylist()
    assert times == sorted(times) == memory["time"].to_pylist()


@each
def test_time_bounds_take_the_start_and_leave_the_end(both, signal):
    start, end = STARTS[20], STARTS[5]

    for found in both.answers(Records(signal, "a", start, end, None, 10_000)):
        times = found["time"].to_pylist()
        assert times == sorted(times, reverse=True)
        assert times[-1] == start
        assert max(times) == STARTS[6]
    for found in both.answers(Records(signal, "a", -5, 2**80, None, 10_000)):
        assert found.num_rows > 80


@each
@pytest.mark.parametrize(
    ("names", "patterns"),
    [((), ()), (("k",), ()), (KEYS, ("s*",)), ((), ("*k",)), (("no",), ("no*",)), ((), PATTERNS)],
)
def test_keys_are_the_same_everywhere(both, signal, names, patterns):
    for limit in (1000, 3):
        memory, chdb = both.answers(Keys(signal, "a", names, patterns, limit))
        assert memory.to_pylist() == chdb.to_pylist()
        assert memory.schema.equals(chdb.schema)
        assert memory.num_rows > 0 or names == ("no",)
    assert both.answers(Keys(signal, "nobody", names, patterns, 9))[1].num_rows == 0


points = pytest.mark.parametrize("both", POINTS, indirect=True)
"""Those that keep points only; `test_query_lists.py` asks the others what follows."""


@points
@pytest.mark.parametrize("prefix", ["", "a", "k", "\x00", "no"])
def test_lists_of_series_are_the_same_everywhere(both, prefix):
    levels = levels_of(Signal.METRICS)
    places = (
        *map(Column, ("metric_name", "metric_unit", "service_name", "scope_name")),
        *(AttributeField(key, level) for key in KEYS[:2] for level in levels),
    )
    asked: list[plan.Plan] = [
        plan.Metrics("a", prefix, 50),
        plan.Metrics("a", prefix, 2),
        plan.Heads(Signal.METRICS, "a", 9),
        plan.Services("a", Signal.METRICS, prefix, 50),
        *(plan.Values(Signal.METRICS, "a", one, prefix, 0, 2**63, 10, 100) for one in places),
        *(Keys(Signal.METRICS, "a", (), (), 99, level, prefix) for level in levels),
    ]
    for one in asked:
        memory, engine = both.answers(one)
        assert memory.schema.equals(engine.schema)
        assert memory.to_pylist() == engine.to_pylist(), one


@points
def test_pages_follow_each_other_without_a_gap(both):
    signal = Signal.METRICS
    memory, _ = both.answers(everything(signal, "a"))
    for store in both.stores:
        seen, after = [], None
        while True:
            page = both.runner.run(ask(store, everything(signal, "a", limit=37, after=after)))
            seen.append(page)
            if len(page) < 37:
                break
            last = page.slice(36).to_pylist()[0]
            names = ("time", "epoch", "partition", "sequence", "ordinal")
            after = plan.Place(*(last[name] for name in names))
        assert places(pa.concat_tables(seen)) == places(memory)


@points
def test_what_was_stored_since_is_told_of_points_too(both):
    whole = (Signal.METRICS, "a", 0, 2**63)
    (now,) = (plan.Head(**one) for one in both.answers(plan.Heads(*whole[:2], 9))[1].to_pylist())
    for heads, some in [
        ((now,), False),
        ((replace(now, sequence=now.sequence - 30),), True),
        ((replace(now, committed_ns=1),), True),
        ((), True),
    ]:
        memory, engine = both.answers(plan.Changes(*whole, heads, 5))
        assert memory.schema.equals(engine.schema)
        assert (len(memory) > 0) is (len(engine) > 0) is some


@points
def test_stages_are_computed_over_points_too(both):
    made = plan.Made("name", plan.Kind.TEXT, Column("metric_unit"))
    counted = plan.Stats(
        (plan.Aggregate("points", plan.Function.COUNT),), (plan.Key("name", "name"),)
    )
    asked = plan.Table(
        Signal.METRICS, "a", 0, 2**63, None, (made,), (counted,), limit=50, groups_max=50
    )
    memory, engine = both.answers(asked)
    assert sorted(map(repr, memory.to_pylist())) == sorted(map(repr, engine.to_pylist()))
    assert len(engine) > 2


@points
def test_a_question_is_explained_without_running_it(both):
    _, engine = both.answers(plan.Explain(everything(Signal.METRICS, "a")))

    assert "LIMIT" in engine["sql"][0].as_py()


@each
@pytest.mark.parametrize("limit", [1, 7])
def test_a_limit_keeps_the_newest(both, signal, limit):
    whole = both.answers(everything(signal, "a"))[0]["time"].to_pylist()

    for found in both.answers(everything(signal, "a", limit=limit)):
        assert found["time"].to_pylist() == whole[:limit]


@each
def test_what_is_not_there_is_an_empty_answer_with_its_columns(both, signal):
    of_traces = [
        plan.Traces("nobody", 0, 2**64 - 1, None, 10),
        Trace("a", b"\x99" * 16, 10),
    ]
    for asked in (
        everything(signal, "nobody"),
        everything(signal, "a", start_ns=1, end_ns=2),
        *(of_traces if signal is Signal.TRACES else ()),
    ):
        memory, chdb = both.answers(asked)
        assert memory.num_rows == chdb.num_rows == 0
        assert memory.schema.equals(chdb.schema)


@of(Signal.LOGS)
@pytest.mark.parametrize(
    "find",
    [
        Find(Column("duration_ns"), Search.CONTAINS, "x"),
        Find(Column("body) OR (1"), Search.CONTAINS, "x"),
        Find(Column("severity_number"), Search.MATCH, "1"),
        Find(Column("body"), Search.MATCH, "("),
        Find(AttributeField("k"), Search.MATCH, "\\Qx"),
        Find(Column("body"), Search.PHRASE, ""),
        Find(AttributeKeys("*"), Search.CONTAINS, "x" * 1001),
        OneOf(AttributeField("k"), ("x", float("inf"))),
    ],
)
def test_what_cannot_be_looked_for_is_refused(both, find):
    for store in both.stores:
        with pytest.raises(Rejected):
            both.runner.run(ask(store, everything(Signal.LOGS, "a", where=find)))


@of(Signal.LOGS)
@pytest.mark.parametrize(
    ("signal", "field", "value"),
    [
        (Signal.LOGS, Column("duration_ns"), 1),
        (Signal.LOGS, Column("parent_span_id"), bytes(8)),
        (Signal.METRICS, Column("trace_id"), bytes(16)),
        (Signal.TRACES, Column("1=1 OR name"), "x"),
        (Signal.TRACES, Column("name"), 5),
        (Signal.TRACES, Column("kind"), "server"),
        (Signal.TRACES, Column("trace_id"), b"short"),
        (Signal.TRACES, Column("kind"), 2**63),
        (Signal.METRICS, Column("value"), float("nan")),
        (Signal.METRICS, Column("is_monotonic"), 1),
        (Signal.TRACES, AttributeField("k"), b"bytes"),
    ],
)
def test_what_cannot_be_answered_is_refused(both, signal, field, value):
    where = Not(plan.And((Compare(field, Operator.EQUAL, value),)))
    asked: list[plan.Plan] = [everything(signal, "a", where=where)]
    if signal is Signal.TRACES:
        asked.append(plan.Traces("a", 0, 1, where, 1))
    for one in asked:
        for store in both.stores:
            with pytest.raises(Rejected):
                both.runner.run(ask(store, one))


@each
@pytest.mark.parametrize("level", PARTS)
def test_only_conditions_on_spans_ask_for_events_and_links(both, signal, level):
    field = AttributeField("k", level)
    asked: list[plan.Plan] = [
        Keys(signal, "a", (), (), 9, level),
        plan.Values(signal, "a", field, "", 0, 2**63, 10, 9),
        plan.Table(
            signal, "a", 0, 2**63, None, (plan.Made("k", plan.Kind.ANY, field),), (),
            limit=9, groups_max=9,
        ),
    ]  # fmt: skip
    if signal is not Signal.TRACES:
        leaves = (
            Exists(field),
            OneOf(field, ("a",)),
            Compare(field, Operator.NOT_EQUAL, 1),
            Find(AttributeKeys("*", level), Search.CONTAINS, "a"),
        )
        asked += [everything(signal, "a", where=Not(leaf)) for leaf in leaves]
    for one in asked:
        for store in both.stores:
            with pytest.raises(Rejected, match=f"only conditions ask|{signal} have no {level}s"):
                both.runner.run(ask(store, one))


NEVER = 2**62
LONG = """SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000000)%'
AND query NOT LIKE '%system.processes%'"""


@pytest.fixture(params=["chdb", "server"])
async def chdb(request):
    async with rig(request.param, query_rows_max=NEVER) as one:
        await write(one.store, group(Signal.LOGS, messages(Signal.LOGS, (1,), ("a",))))
        yield one


async def forever(store, tenant="a"):
    from storage.answers import RECORDS
    from storage.compile.parameters import Statement

    sql = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
    await store._scans.ask(Statement(sql), RECORDS[Signal.LOGS], tenant, Cost())


async def count(one, wanted):
    async with asyncio.timeout(20):
        while await one.sql(LONG) != [(wanted,)]:  # noqa: ASYNC110 - a poll
            await asyncio.sleep(0.01)


async def test_a_cancelled_question_ends_in_the_engine_and_others_go_on(chdb):
    # Of two connections a tenant has one: its second question waits for its turn.
    asking = [asyncio.create_task(forever(chdb.store, tenant)) for tenant in "aba"]
    await count(chdb, 2)

    for one in asking:
        one.cancel()
    await asyncio.wait(asking)

    assert all(one.cancelled() for one in asking)
    await count(chdb, 0)
    found = await ask(chdb.store, everything(Signal.LOGS, "a"))
    assert found.num_rows == 2


@pytest.mark.parametrize("kind", ["chdb", "server"])
async def test_a_question_that_breaks_a_limit_says_so(kind):
    limits = {"query_memory_bytes_max": 20_000_000, "query_rows_max": NEVER}
    async with rig(kind, query_time_max=0.2, **limits) as one:
        with pytest.raises(
            Rejected, match=r"it took too long, more than 0\.2 s \(storage\.query_t"
        ):
            await forever(one.store)
        big = [(n, "a", message(Signal.LOGS, n, "x" * 1_000_000)) for n in range(1, 40)]
        await write(one.store, group(Signal.LOGS, big))
        with pytest.raises(Rejected, match=r"too much memory|too large"):
            await ask(one.store, everything(Signal.LOGS, "a"))
