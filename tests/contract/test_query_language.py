"""Whatever is written in the language, every backend answers with the same records."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.plan import Operator, Search
from pipeline.signal import Signal
from query.config import Limits
from query.engine import Engine
from query.language import tree
from query.language.check import check
from query.language.parse import CONDITIONS_MAX, LENGTH_MAX, parse
from query.wrong import WrongQuery
from tests.golden.query.conditions import CORPORA, queries
from tests.support.corpus_rows import TENANT, corpus_group
from tests.support.otlp_strategies import LAWS
from tests.support.stores import NOW, ask, everything, rig, write

HOSTILE = (
    "'", '"', "`", "\\", "\\'", "{", "}", "{p0:String}", "%", "%s", "\0", "\n", "--", "/*", ";",
    "'; DROP TABLE logs; --", "') OR 1=1 --", "*", "_", "$1", "?", "é", "\u2028", "\U0001f600",
    "(", "[", "a" * 900, "SELECT", "tenant", "NULL", "\x7f", "\\x00", "|",
)  # fmt: skip


class Asked:
    """The memory store and chdb with the records of the corpus."""

    def __init__(self, runner, stores):
        self.runner = runner
        self.stores = stores

    def same(self, query, signal):
        """Return how many records a query finds, the same everywhere."""
        where = check(query, signal, now_ns=NOW).where
        plan = everything(signal, TENANT, where=where)
        memory, chdb = (
            sorted(self.runner.run(ask(store, plan))["sequence"].to_pylist())
            for store in self.stores
        )
        assert memory == chdb, str(query)
        return len(memory)


@pytest.fixture(scope="module")
def asked():
    with asyncio.Runner() as runner:
        rigs = [rig(kind) for kind in ("memory", "chdb")]
        stores = [runner.run(one.__aenter__()).store for one in rigs]
        for signal in Signal:
            for store in stores:
                runner.run(write(store, corpus_group(signal, NOW)))
        yield Asked(runner, stores)
        for one in rigs:
            runner.run(one.__aexit__(None, None, None))


@pytest.mark.parametrize("corpus", CORPORA[:3], ids=lambda corpus: corpus.name)
def test_the_corpus_finds_the_same_records_everywhere(asked, corpus):
    every = queries(corpus.name)
    found = 0
    for text in every:
        try:
            found += asked.same(parse(text), corpus.signal) > 0
        except WrongQuery:
            continue

    assert found > len(every) // 3


texts = st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3).map("".join)
names = st.one_of(
    st.builds(tree.Name, texts, st.just(value=True), st.sampled_from(["", "resource", "scope"])),
    st.sampled_from(["body", "service", "level", "http.*", "*", "scope.name"]).map(tree.Name),
)
values = st.builds(tree.Value, texts, st.just(value=True))
sought = st.sampled_from([Search.CONTAINS, Search.MATCH])
hostile = st.one_of(
    st.builds(tree.Comparison, names, st.sampled_from(Operator), values),
    st.builds(tree.Matching, names, sought, values),
    st.builds(tree.Membership, names, st.lists(values, min_size=1, max_size=3).map(tuple)),
    st.builds(tree.Existence, names),
    st.builds(tree.Words, texts, st.just(value=True)),
)  # fmt: skip


def test_hostile_text_is_data_in_every_position(asked):
    @settings(LAWS, max_examples=120)
    @given(hostile)
    def law(leaf):
        query = tree.Query(leaf)
        assert parse(str(query)) == query
        with suppress(WrongQuery):
            asked.same(query, Signal.LOGS)

    law()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(HOSTILE), max_size=6).map(" ".join))
def test_hostile_text_without_quotes_is_a_tree_or_a_mistake(text):
    with suppress(WrongQuery):
        query = parse(text)
        assert parse(str(query)) == query
        check(query, Signal.LOGS)


@pytest.mark.parametrize(
    "text", ["x" * 65_536, "(" * 65_536, "NOT " * 16_384, 'a="' + "\\" * 65_536]
)
def test_too_long_a_query_is_refused_at_once(text):
    with pytest.raises(WrongQuery, match=f"at most {LENGTH_MAX} characters"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "k!=1 " * (CONDITIONS_MAX - 1) + "timeout",
        "k in (" + ",".join(map(str, range(200))) + ")",
        f"trace_id in ({','.join([f'{number:032x}' for number in range(100)])})",
        "(NOT(" * 63 + "*!=1" + "))" * 63,
        'body contains "' + "É" * 1000 + '"',
        'body=~"' + "(a?){30}" * 30 + '"',
    ],
    ids=["conditions", "values", "ids", "depth", "text", "expression"],
)
def test_the_largest_queries_are_answered(asked, text):
    asked.same(parse(text), Signal.LOGS)


def test_types_come_from_what_is_stored(asked):
    for store in asked.stores:
        engine = Engine(store, Limits())

        def checked(text, engine=engine):
            query = parse(text)
            return asked.runner.run(engine.check(query, Signal.LOGS, TENANT, NOW))

        with pytest.raises(WrongQuery, match=r'code is text \(seen: string\).*write code="404"'):
            checked("code=404")
        with pytest.raises(WrongQuery, match=r"retries is a number \(seen: int\)"):
            checked('retries>"1"')
        assert checked("status=200").warnings == ()
        (warning,) = checked("http.rout=x").warnings
        assert warning == "no log has an attribute http.rout; did you mean http.route?"
        assert asked.runner.run(engine.check(parse("a=1"), Signal.LOGS, "nobody")).warnings


PLAN = "EXPLAIN indexes=1 SELECT count() FROM logs WHERE "


@pytest.mark.parametrize(
    ("text", "pruned"),
    [
        ("needle7", True),
        ('"a needle7 here"', True),
        ('body contains "some needle7 h"', True),
        ("needle7 OR needle9", True),
        ("level>=TRACE needle7", True),
        ("body contains needle7", False),
        ("NOT needle7", False),
    ],
)
async def test_words_are_found_by_the_index(text, pruned):
    from storage.compile.condition import Conditions
    from storage.compile.parameters import Parameters

    where = check(parse(text), Signal.LOGS).where
    parameters = Parameters()
    sql = Conditions(Signal.LOGS, "''", parameters).sql(where)
    async with rig("chdb") as one:
        await one.sql(
            "INSERT INTO logs (time, body, severity_number) SELECT {now:UInt64}, "
            "concat('some needle', toString(intDiv(number, 8192)), ' here'), 9 FROM numbers(81920)",
            now=NOW,
        )
        plan = await one.connection.run(
            lambda client: client.query(PLAN + sql, parameters.bound).result_rows
        )
    lines = [line.strip() for (line,) in plan]
    if "Name: body_tokens" not in lines:
        assert not pruned
        return
    granules = lines[lines.index("Name: body_tokens") + 3]
    kept, of = map(int, granules.removeprefix("Granules: ").split("/"))
    assert (kept <= 3 and of >= 10) == pruned, granules
