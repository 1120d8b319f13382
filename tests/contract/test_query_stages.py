"""Whatever stages compute, and whatever is asked of traces, every backend answers the same."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Rejected
from pipeline.plan import CUT, Format, Limit, Operator, Pick, Search, Sort, Stats, Table
from pipeline.signal import Signal
from query.config import Limits
from query.language import tree
from query.language.check import check
from query.language.parse import parse
from query.language.stages import stats
from query.language.stages.extract import Extract
from query.language.stages.fields import Field, Fields
from query.language.stages.where import Where
from query.plans import Asked
from query.wrong import WrongQuery
from tests.contract.test_query_language import HOSTILE
from tests.golden.query.conditions import TABLES, WHOLE, queries
from tests.support.corpus_rows import TENANT, corpus_group
from tests.support.otlp_strategies import LAWS
from tests.support.stores import NOW, ask, rig, write
from tests.support.table_rows import read_group
from tests.support.traced_rows import traced_group

HOUR = 3600 * 10**9
LIMITS = Limits()


class Stores:
    """The memory store and chdb with the same records."""

    def __init__(self, runner, stores):
        self.runner = runner
        self.stores = stores

    def answers(self, plan):
        return [self.runner.run(ask(store, plan)) for store in self.stores]

    def same(self, text, signal, limits=LIMITS, limit=1000):
        """Return the rows of a query's answer, the same everywhere."""
        query = parse(text) if isinstance(text, str) else text
        checked = check(query, signal, now_ns=NOW)
        plan = Asked(signal, TENANT, NOW - HOUR, NOW + 1, limit).plan(checked, limits)
        memory, chdb = self.answers(plan)
        assert memory.schema.equals(chdb.schema, check_metadata=True)
        rows = [comparable(one) for one in (memory, chdb)]
        if isinstance(plan, Table) and ambiguous(plan):
            assert len(rows[0]) == len(rows[1]), str(query)
        elif isinstance(plan, Table) and not ordered(plan):
            assert sorted(rows[0], key=repr) == sorted(rows[1], key=repr), str(query)
        else:
            assert rows[0] == rows[1], str(query)
        return rows[0]


def comparable(table):
    """Return rows in which sums of floats are equal whatever the order they were added in."""
    columns = [column.cast("int64") if "[ns" in str(column.type) else column for column in table]
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [tuple(f"{one:.9g}" if isinstance(one, float) else one for one in row) for row in rows]


def certain(stages, columns):
    """Yield after each stage whether its order leaves no two rows equal, as far as it matters."""
    grouped = told = False
    for stage in stages:
        match stage:
            case Stats():
                grouped = told = True
            case Pick():
                grouped = False
            case Sort(by):
                first = next((one for one in columns if one.name == by[0].column), None)
                told = grouped or (first is not None and str(first.of) == "time")
        yield stage, told


def ambiguous(plan):
    """Tell whether rows that are sorted equal may be cut by a limit."""
    return any(
        isinstance(one, Limit) and not told for one, told in certain(plan.stages, plan.columns)
    )


def ordered(plan):
    """Tell whether no two rows of the answer are sorted equal."""
    return [told for _, told in certain(plan.stages, plan.columns)][-1]


@pytest.fixture(scope="module")
def asked():
    with asyncio.Runner() as runner:
        rigs = [rig(kind) for kind in ("memory", "chdb")]
        stores = [runner.run(one.__aenter__()).store for one in rigs]
        for store in stores:
            for signal in (Signal.LOGS, Signal.METRICS):
                runner.run(write(store, corpus_group(signal, NOW)))
            runner.run(write(store, read_group(NOW)))
            runner.run(write(store, traced_group(NOW)))
        yield Stores(runner, stores)
        for one in rigs:
            runner.run(one.__aexit__(None, None, None))


@pytest.mark.slow
@pytest.mark.parametrize("corpus", [*TABLES[:3], WHOLE], ids=lambda corpus: corpus.name)
def test_the_corpus_is_answered_the_same_everywhere(asked, corpus):
    answered = found = 0
    for text in queries(corpus.name):
        try:
            found += bool(asked.same(text, corpus.signal))
        except WrongQuery:
            continue
        answered += 1

    assert found > answered // 2


@pytest.mark.parametrize(
    "text",
    [
        "json status, user, user.id, path, elapsed, a, b, c, level, kind, time as t",
        'json `my key`, `a"b`, user.n, status.code, b.b, a.b | fields `my key`, `a"b`',
        "json a from http.request.body | stats sum(a), count(a=2)",
        "json user | json id from user | top id",
        "json | where status>=404 | stats count(), p50(elapsed), max(elapsed) by path",
        "json status | sort -status, time | fields status",
        "json status | sort status, time | fields status | where status exists",
        "json a | stats sum(a), avg(a), min(a), count_distinct(a)",
        "logfmt status, user_id, msg, method, duration, flag, size, ts, user",
        "logfmt | where duration>=3 OR method=GET | stats count() by user_id, method",
        'regex "user (?P<user>\\\\w+) logged (?P<what>in|out)(?P<rest>.?)"',
        'regex "(?P<a>\\\\d+) (?P<b>\\\\d+)" | stats sum(a), sum(b), max(b) by a',
        'regex "(?P<a>x)?(?P<b>.*)$" | fields a, b, time',
        'regex "^(?P<one>.)" from service | top one',
    ],
)
def test_what_is_read_out_of_a_text_is_the_same_everywhere(asked, text):
    assert asked.same(f"| {text}", Signal.LOGS)


LOGS = (
    "level", "service", "body", "time", "severity_number", "trace_id", "http.route", "size", "k",
    "status", "a", "resource.k8s.pod.name", "both", "scope.name", "scope.build", "count", "x", "n",
    "observed_time", "`my key`",
)  # fmt: skip
SPANS = (
    "service", "name", "duration", "error", "status", "kind", "k", "span_id", "parent_span_id",
    "time", "end_time", "count", "x", "n",
)  # fmt: skip
VALUES = ("1", '"1"', "api", "a", "ERROR", "500ms", "2.5", "true", '"x y"', "error", "now-5m")


def pipelines(fields):
    """Return queries of which many are right."""
    field, value = st.sampled_from(fields), st.sampled_from(VALUES)
    sign = st.sampled_from(["=", "!=", ">", "<=", " contains ", "=~"])
    leaf = st.builds("{}{}{}".format, field, sign, value)
    condition = st.one_of(leaf, st.builds("NOT {} AND {}".format, leaf, leaf))
    function = st.sampled_from(["sum", "avg", "min", "max", "p50", "p95", "count_distinct"])
    call = st.one_of(
        st.sampled_from(["count()", "rate()", "count() as n"]),
        st.builds("{}({})".format, function, field),
        st.builds("{}({}, {}) as x".format, function, field, leaf),
        st.builds("count({}) as x".format, condition),
    )
    key = st.one_of(field, st.sampled_from(["bucket(1m)", "bucket(90s) as n", "service as x"]))
    several = st.lists(field, min_size=1, max_size=3, unique=True).map(", ".join)
    stage = st.one_of(
        st.builds(
            "stats {} by {}".format,
            st.lists(call, min_size=1, max_size=3, unique=True).map(", ".join),
            st.lists(key, min_size=1, max_size=3, unique=True).map(", ".join),
        ),
        call.map("stats {}".format),
        condition.map("where {}".format),
        st.builds("sort {}{}".format, st.sampled_from(["", "-"]), several),
        several.map("fields {}".format),
        several.map("top 3 {}".format),
        st.sampled_from(["limit 4", "json a, status as x", "logfmt size as n", "json"]),
    )
    return st.lists(stage, min_size=1, max_size=4).map(lambda found: "| " + " | ".join(found))


@pytest.mark.slow
@pytest.mark.parametrize(("signal", "fields"), [(Signal.LOGS, LOGS), (Signal.TRACES, SPANS)])
def test_whatever_stages_are_put_together_every_store_computes_the_same(asked, signal, fields):
    right = 0

    @settings(LAWS, max_examples=60)
    @given(pipelines(fields))
    def law(text):
        nonlocal right
        query = parse(text)
        assert parse(str(query)) == query
        with suppress(WrongQuery):
            asked.same(text, signal)
            right += 1

    law()

    assert right > 10


short = [one for one in HOSTILE if len(one) < 50]
texts = st.lists(st.sampled_from(short), min_size=1, max_size=3).map("".join)
names = st.builds(tree.Name, texts, st.just(value=True))
values = st.builds(tree.Value, texts, st.just(value=True))
conditions = st.one_of(
    st.builds(tree.Comparison, names, st.sampled_from(Operator), values),
    st.builds(tree.Matching, names, st.just(Search.CONTAINS), values),
)
calls = st.builds(
    stats.Call, st.sampled_from(["sum", "count_distinct"]), names, conditions, st.none() | names
)
reads = st.builds(
    Extract,
    st.sampled_from([Format.JSON, Format.LOGFMT]),
    st.lists(st.builds(Field, names, st.none() | names), min_size=1, max_size=2).map(tuple),
)
groups = st.builds(
    Extract,
    st.just(Format.REGEX),
    st.just(()),
    texts.map(lambda one: tree.Value(f"(?P<a>{one})", quoted=True)),
)
hostile = st.one_of(
    calls.map(lambda one: (stats.Stats((one,)),)),
    st.builds(lambda call, key: (stats.Stats((call,), (key,)),), calls, st.builds(stats.By, names)),
    st.lists(st.builds(Field, names, names), min_size=1, max_size=2).map(
        lambda fields: (Fields(tuple(fields)), Where(tree.Existence(fields[0].name)))
    ),
    st.builds(lambda read, where: (read, Where(where)), reads | groups, conditions),
)  # fmt: skip


def test_hostile_text_is_data_in_every_position_of_stages(asked):
    @settings(LAWS, max_examples=60)
    @given(hostile)
    def law(stages):
        query = tree.Query(None, stages)
        assert parse(str(query)) == query
        with suppress(WrongQuery):
            asked.same(query, Signal.LOGS)

    law()


def test_a_plan_is_refused_that_no_store_can_answer(asked):
    right = check(parse("| fields body as b | where b=x"), Signal.LOGS)
    plan = Asked(Signal.LOGS, TENANT, 0, NOW, 10).plan(right, LIMITS)
    for wrong in (
        replace(plan, columns=()),
        replace(plan, columns=plan.columns * 2),
        replace(plan, stages=plan.stages * 2),
        replace(plan, signal=Signal.METRICS),
    ):
        for store in asked.stores:
            with pytest.raises(Rejected):
                asked.runner.run(ask(store, wrong))


def test_too_many_groups_are_refused_by_name(asked):
    found = check(parse("| stats count() by time"), Signal.LOGS)
    plan = Asked(Signal.LOGS, TENANT, 0, NOW, 10).plan(found, Limits(groups_max=3))
    for store in asked.stores:
        with pytest.raises(Rejected, match="groups"):
            asked.runner.run(ask(store, plan))


def test_nothing_is_counted_where_nothing_is(asked):
    empty = "body=nothing | stats count(), sum(size), max(time), p50(size), rate()"
    assert asked.same(empty, Signal.LOGS) == [(0, None, None, None, "0")]
    assert asked.same("body=nothing | stats count() by service", Signal.LOGS) == []


@pytest.mark.parametrize("limit", [2, 1000])
@pytest.mark.parametrize("candidates", [1, 5, 1000])
def test_the_newest_traces_are_examined_and_a_cut_is_told(asked, candidates, limit):
    cut = 0
    for text in ("{service=a} >> {service=b}", "spans>5", "NOT {name=x}", "{} > {error=true}"):
        query = check(parse(text), Signal.TRACES)
        limits = Limits(trace_candidates_max=candidates)
        plan = Asked(Signal.TRACES, TENANT, NOW - HOUR, NOW, limit).plan(query, limits)
        memory, chdb = asked.answers(plan)
        assert memory.equals(chdb, check_metadata=True)
        cut += CUT in (chdb.schema.metadata or {})

    assert (cut == 0) == (candidates == 1000)
