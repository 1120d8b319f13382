"""Text to tree: the round trip, and the place of every mistake."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.plan import Operator, Search
from query.language import literal, tree
from query.language.parse import CONDITIONS_MAX, DEPTH_MAX, LENGTH_MAX, VALUES_MAX, parse
from query.wrong import Place, WrongQuery
from tests.support.laws import examples

PIECES = [
    " ", "(", ")", ",", "=", "=~", "!~", "!=", "<", '"x y"', "'", "`a b`", "resource.", "a.*", "|",
    " in ", " in (", " contains ", " exists", " not ", " and ", " OR ", "NOT ", "now-5m", "10MB",
]  # fmt: skip
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = (
    st.from_regex(r"[\w*][\w.\-/:*]{0,8}", fullmatch=True)
    | st.sampled_from(["contains", "exists", "IN"])
).filter(lambda word: word.lower() not in ("and", "or", "not"))
names = st.one_of(
    words.filter(lambda word: not literal.kind(word)).map(tree.Name),
    st.builds(
        tree.Name,
        texts.filter(bool),
        st.just(value=True),
        st.sampled_from(["", "resource", "scope", "log"]),
    ),
)
values = st.one_of(words.map(tree.Value), st.builds(tree.Value, texts, st.just(value=True)))
leaves = st.one_of(
    st.builds(tree.Comparison, names, st.sampled_from(Operator), values),
    st.builds(tree.Matching, names, st.just(Search.MATCH), values, st.booleans()),
    st.builds(tree.Matching, names, st.just(Search.CONTAINS), values),
    st.builds(tree.Existence, names),
    st.builds(tree.Membership, names, st.lists(values, min_size=1, max_size=3).map(tuple)),
    st.builds(tree.Words, words),
    st.builds(tree.Words, texts, st.just(value=True)),
)


def joined(inner):
    parts = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(inner.map(tree.Not), parts.map(tree.And), parts.map(tree.Or))


queries = st.recursive(leaves, joined, max_leaves=12).map(tree.Query)


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(80))
@given(queries)
@example(tree.Query())
def test_what_is_printed_reads_back_as_the_same_tree(query):
    assert parse(str(query)) == query


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.text(st.sampled_from("ab01 =!<>~()\"'`\\\n.,*|ANDORNOTIN\u00e9"), max_size=40),
        st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    )
)
def test_any_text_is_a_tree_or_a_mistake_with_its_place(text):
    place = None
    try:
        query = parse(text)
        assert parse(str(query)) == query
    except WrongQuery as mistake:
        place = mistake.place or Place(0, 0)

    if place is not None:
        lines = text.split("\n")
        assert 1 <= place.line <= len(lines)
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1


def test_hostile_text_in_quotes_stays_one_value():
    hostile = "'; DROP TABLE logs; -- \" ) OR 1=1 /* \\ ` {p:String} %s \0 \u2028 \U0001f600"
    query = tree.Query(
        tree.Comparison(tree.Name(hostile, quoted=True), Operator.EQUAL, tree.Value(hostile, True))
    )

    assert parse(str(query)) == query


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a=1\nAND\n  b==2", Place(3, 5)),
        ("a='x\ny' AND ]", Place(2, 8)),
        ("a=1\n", None),
        ("a='\n\\q'", Place(2, 1)),
        ("a=1 AND\n", Place(2, 1)),
    ],
)
def test_lines_are_counted(text, place):
    if place is None:
        parse(text)
        return
    with pytest.raises(WrongQuery) as mistake:
        parse(text)

    assert mistake.value.place == place
    assert str(mistake.value).startswith(f"line {place.line}, column {place.column}: ")


def test_a_lone_surrogate_is_refused_with_its_place():
    with pytest.raises(WrongQuery, match="line 1, column 4: expected UTF-8"):
        parse('a="\ud800"')


def test_the_length_is_bounded():
    longest = f'a="{"x" * (LENGTH_MAX - 4)}"'
    parse(longest)

    with pytest.raises(WrongQuery, match="at most 4096 characters, found 4097"):
        parse(longest + " ")


def test_the_depth_is_bounded():
    parse("NOT " * (DEPTH_MAX - 1) + "a=1")

    with pytest.raises(WrongQuery, match="nested deeper than 64 levels"):
        parse("NOT " * DEPTH_MAX + "a=1")
    with pytest.raises(WrongQuery, match="nested deeper than 64 levels"):
        parse("b=1 OR (c=1 AND (" * 40 + "a=1" + "))" * 40)


def test_parentheses_that_mean_nothing_are_no_depth():
    assert parse("(" * 2000 + "a=1" + ")" * 2000) == parse("a=1")


def test_a_message_repeats_only_the_start_of_what_was_found():
    with pytest.raises(WrongQuery) as mistake:
        parse("a=1 " + "1" * 3000 + "=" + "b" * 1000)

    assert len(str(mistake.value)) < 150


def test_the_number_of_conditions_is_bounded():
    parse(" ".join(["a=1"] * CONDITIONS_MAX))

    with pytest.raises(WrongQuery, match="column 201: a query has at most 50 conditions"):
        parse(" ".join(["a=1"] * (CONDITIONS_MAX + 1)))


def test_the_length_of_a_list_is_bounded():
    parse(f"a in ({','.join('1' * VALUES_MAX)})")

    with pytest.raises(WrongQuery, match="column 407: a list has at most 200 values"):
        parse(f"a in ({','.join('1' * (VALUES_MAX + 1))})")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a b", "a AND b"),
        ("a=1 NOT b OR c d", "(a=1 AND NOT b) OR (c AND d)"),
        ("x not in (1)", "NOT x in (1)"),
        ("x NOT contains y", "not (x CONTAINS y)"),
        ("x not exists", "NOT x exists"),
        ("x not y", "x AND NOT y"),
    ],
)
def test_short_forms(text, same):
    assert parse(text) == parse(same)
