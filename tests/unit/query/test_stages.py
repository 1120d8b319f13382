"""What stages make of records, by what comes out of the memory store; and what is wrong in them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.plan import Format
from pipeline.signal import Signal
from query.config import Limits
from query.language import tree
from query.language.check import check, record_by_record
from query.language.parse import STAGES_MAX, STEPS_MAX, parse
from query.language.stages import sort, stats
from query.language.stages.extract import Extract
from query.language.stages.fields import Field, Fields
from query.language.stages.limit import Limit
from query.language.stages.scope import COLUMNS_MAX, READ_MAX
from query.language.stages.sort import ORDERS_MAX, Sort
from query.language.stages.stats import AGGREGATES_MAX, KEYS_MAX, NAME_MAX
from query.language.stages.top import Top
from query.language.stages.where import Where
from query.plans import Asked
from query.wrong import WrongQuery
from storage.tabulate import tabulate
from tests.support.sample_rows import log, point, span
from tests.unit.query.test_parse import names, queries, values

MINUTE = 60 * 10**9
wheres = queries.map(lambda query: query.where)
plain = names.filter(lambda name: not name.prefix and not ("*" in name.key and not name.quoted))
aliases = st.none() | plain.filter(lambda name: len(name.key) <= NAME_MAX)
fields = st.builds(Field, names, aliases)
sources = st.none() | names
functions = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda word: word not in ("and", "or", "not")
)
# What is a bare word alone reads as a field.
conditions = wheres.filter(lambda one: not isinstance(one, tree.Words) or one.quoted)
calls = st.one_of(
    st.builds(stats.Call, functions, st.none(), st.none() | conditions, aliases),
    st.builds(stats.Call, functions, names, st.none() | wheres, aliases),
)
groupings = st.one_of(
    st.builds(stats.By, names, aliases),
    st.builds(stats.Bucket, values, aliases),
)
stages = st.one_of(
    st.builds(
        stats.Stats,
        st.lists(calls, min_size=1, max_size=3).map(tuple),
        st.lists(groupings, max_size=3).map(tuple),
    ),
    wheres.map(Where),
    st.lists(st.builds(sort.By, names, st.booleans()), min_size=1, max_size=3).map(
        lambda by: Sort(tuple(by))
    ),
    values.map(Limit),
    st.lists(fields, min_size=1, max_size=3).map(lambda some: Fields(tuple(some))),
    st.builds(
        Top,
        st.lists(names, min_size=1, max_size=3).map(tuple),
        st.none() | st.just(tree.Value("5")),
    ),
    st.builds(
        Extract,
        st.sampled_from([Format.JSON, Format.LOGFMT]),
        st.lists(fields, max_size=3).map(tuple),
        st.none(),
        sources,
    ),
    st.builds(Extract, st.just(Format.REGEX), st.just(()), values, sources),
)  # fmt: skip
paths = st.builds(
    tree.Path,
    st.lists(st.none() | wheres, min_size=3, max_size=3).map(tuple),
    st.just(tuple(parse("{} > {} >> {}").where.relations)),
)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.none() | wheres | paths, st.lists(stages, max_size=3).map(tuple))
def test_what_is_printed_reads_back_as_the_same_tree(where, some):
    query = tree.Query(where, some)

    assert parse(str(query)) == query


def table(text, *rows, signal=Signal.LOGS, start_ns=0, end_ns=100 * MINUTE):
    checked = check(parse(text), signal, now_ns=end_ns)
    plan = Asked(signal, "t", start_ns, end_ns, 1000).plan(checked, Limits())
    return tabulate(plan, rows).to_pylist()


LOGS = [
    log("api", 1 * MINUTE, "a", severity_number=17, attributes={"size": 3, "code": "x"}),
    log("api", 2 * MINUTE, "b", severity_number=9, attributes={"size": 2.5}),
    log("web", 3 * MINUTE, "c", severity_text="warn", attributes={"size": "big"}),
]


def test_counts_sums_and_quantiles():
    (row,) = table(
        "| stats count(), sum(size), avg(size), min(size), max(size), p50(size), "
        "count_distinct(size)",
        *LOGS,
    )

    assert list(row.values()) == [3, 5.5, 2.75, 2.5, 3, 3, 3]


def test_a_rate_is_per_second_of_the_range_or_of_the_bucket_s_part_in_it():
    assert table("| stats rate()", *LOGS) == [{"rate": 3 / 6000}]
    rows = table("| stats rate() by bucket(1m)", *LOGS, start_ns=MINUTE // 2 + MINUTE)
    assert [row["rate"] for row in rows] == [1 / 30, 1 / 60, 1 / 60]


def test_buckets_start_at_whole_multiples_and_are_times():
    rows = table("| stats count() by bucket(2m)", *LOGS)

    assert [row["count"] for row in rows] == [1, 2]
    assert rows[1]["time"].to_pydatetime() == datetime.fromtimestamp(120, UTC)


def test_a_level_is_a_word_and_has_its_order():
    assert table("| stats count() by level | where level>=warning", *LOGS) == [
        {"level": "ERROR", "count": 1},
        {"level": "WARN", "count": 1},
    ]


def test_what_is_not_there_is_null_and_comes_last():
    assert table("| fields code | sort code", *LOGS) == [
        {"code": "x"},
        {"code": None},
        {"code": None},
    ]
    assert table("| fields code | where code!=y", *LOGS) == [{"code": "x"}]
    assert len(table("| fields code | where NOT code=x", *LOGS)) == 2


def test_records_come_newest_first_by_their_usual_fields():
    (first, *_) = table("| limit 2", *LOGS)

    assert list(first) == ["time", "level", "service_name", "body"]
    assert (first["level"], first["body"]) == ("WARN", "c")


def test_values_sort_as_numbers_before_texts():
    found = table("| fields size | sort -size", *LOGS)

    assert [row["size"] for row in found] == ["3", "2.5", "big"]


def test_a_name_that_is_read_takes_a_field_s_place_and_an_open_one_does_not():
    one = log("api", 1, '{"level": "loud", "kind": "x", "service": "s"}', severity_number=9)

    assert table("| json level | fields level", one) == [{"level": "loud"}]
    assert table("| json | fields level, kind", one) == [{"level": "INFO", "kind": "x"}]
    assert table("| json | fields attributes.kind as k, kind", one) == [{"k": None, "kind": "x"}]


def test_an_attribute_is_the_record_s_before_the_resource_s():
    one = log("api", 1, attributes={"a": 1}, resource={"a": 2, "b": 3})

    assert table("| fields a, b, resource.a as r", one) == [{"a": "1", "b": "3", "r": "2"}]


def test_durations_and_values_have_their_kinds():
    spans = [span("a", 1, 3 * 10**9), span("a", 2, 10**9, status_code=2)]
    rows = table(
        "| stats p50(duration) as p, count(error=true) as e by service | where p>2s",
        *spans,
        signal=Signal.TRACES,
    )
    assert [(row["p"].value, row["e"]) for row in rows] == [(3 * 10**9, 1)]
    points = [point("a", 1, "up", metric_type=5, value_int=2), point("a", 2, "up", metric_type=9)]
    assert table("| stats sum(value), count() by type", *points, signal=Signal.METRICS) == [
        {"type": "gauge", "sum_value": 2.0, "count": 1},
        {"type": "histogram", "sum_value": None, "count": 1},
    ]


def test_groups_that_are_sorted_equal_keep_the_order_of_their_fields():
    rows = table("| stats count() by service, body | sort -count", *reversed(LOGS))

    assert [(row["service"], row["body"]) for row in rows] == [
        ("api", "a"), ("api", "b"), ("web", "c"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("| limit 1" * (STAGES_MAX + 1), f"at most {STAGES_MAX} stages"),
        (
            "| stats " + ",".join(f"count() as a{at}" for at in range(21)),
            f"{AGGREGATES_MAX} functions",
        ),
        (
            "| stats count() by " + ",".join(f"a{at}" for at in range(9)),
            f"at most {KEYS_MAX} fields",
        ),
        (
            "| sort " + ",".join(f"a{at}" for at in range(9)),
            f"at most {ORDERS_MAX} columns to sort",
        ),
        ("| json " + ",".join(f"a{at}" for at in range(21)), f"at most {READ_MAX} columns to read"),
        ("| fields " + ",".join(f"a{at}" for at in range(51)), f"at most {COLUMNS_MAX} columns"),
        ("| stats count() as " + "a" * 201, f"at most {NAME_MAX} characters"),
        ("{}" + " > {}" * STEPS_MAX, f"a path has at most {STEPS_MAX} spans"),
        ("| where " + "a=1 " * 26 + "| where " + "a=1 " * 26, "at most 50 conditions"),
        ("{}" * 51, "at most 50 conditions"),
        ("(" * 65 + "{}" + ")" * 65, ""),
    ],
)
def test_each_has_its_bound(text, message):
    if message:
        with pytest.raises(WrongQuery, match=message):
            check(parse(text), Signal.TRACES)
    else:
        parse(text)


@pytest.mark.parametrize(
    ("text", "column"), [("a=1 | stats count()", 7), ("spans>1 a=1", 1), ("a=1 {b=2}", 5)]
)
def test_who_sees_record_by_record_takes_neither_stages_nor_traces(text, column):
    with pytest.raises(WrongQuery, match="by itself") as wrong:
        record_by_record(parse(text), Signal.TRACES)
    assert wrong.value.place.column == column
    record_by_record(parse("a=1 spans>1"), Signal.LOGS)
