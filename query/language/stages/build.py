"""Stages of the grammar to their trees: methods of the parser's transformer, a rule each."""
# ruff: noqa: D102 - the grammar says what a rule is

import re
from dataclasses import replace
from typing import Final

from lark import Token, Transformer, v_args

from pipeline.plan import Format
from query.language import tokens, tree
from query.language.stages.extract import Extract
from query.language.stages.fields import Field, Fields
from query.language.stages.limit import Limit
from query.language.stages.sort import By as Order
from query.language.stages.sort import Sort
from query.language.stages.stats import NAME_MAX, Bucket, By, Call, Grouping, Stats
from query.language.stages.top import Top
from query.language.stages.where import Where
from query.wrong import Place, WrongQuery, shown

_FALLING: Final = re.compile(r"-(?:([A-Za-z]+)\.)?")


@v_args(inline=True)
class Stages(Transformer[Token, tree.Query]):
    """The rules of stages."""

    def stats(self, word: Token, *parts: Call | Grouping) -> Stats:
        calls = tuple(one for one in parts if isinstance(one, Call))
        by = tuple(one for one in parts if not isinstance(one, Call))
        return Stats(calls, by, tokens.place(word))

    def call(
        self,
        word: Token,
        first: tree.Expression | tree.Name | None,
        where: tree.Expression | None,
        name: tree.Name | None,
    ) -> Call:
        place = tokens.place(word)
        if isinstance(first, tree.Words) and not first.quoted:
            first = tokens.bare_name(first.text, first.place)
        if isinstance(first, tree.Name | None):
            return Call(str(word), first, where, given(name), place)
        if where is not None:
            raise WrongQuery(f"expected {shown(word)}(field, condition)", place)
        return Call(str(word), None, first, given(name), place)

    def by(self, of: tree.Name, name: tree.Name | None) -> By:
        return By(of, given(name))

    def bucket(self, word: Token, width: tree.Value, name: tree.Name | None) -> Bucket:
        place = tokens.place(word)
        if word.lower() != "bucket":
            raise WrongQuery(f"expected a field or bucket(1m), found {shown(word)}(", place)
        return Bucket(width, given(name), place)

    def where(self, word: Token, where: tree.Expression) -> Where:
        return Where(where, tokens.place(word))

    def sort(self, word: Token, *by: Order) -> Sort:
        return Sort(by, tokens.place(word))

    def bare_order(self, token: Token) -> Order:
        place, text = tokens.place(token), str(token)
        if text == "-":
            raise WrongQuery("expected a field after -", place)
        if not text.startswith("-"):
            return Order(tokens.bare_name(text, place))
        return Order(tokens.bare_name(text[1:], place.after("-")), descending=True)

    def quoted_order(self, name: tree.Name) -> Order:
        return Order(name)

    def falling_order(self, sign: Token, name: tree.Name) -> Order:
        # A level before the name is read as one word with the sign: -resource.`a name`.
        level = _FALLING.fullmatch(sign)
        if level is None or name.prefix:
            raise WrongQuery(f"expected , or -, found {shown(sign)}", tokens.place(sign))
        return Order(replace(name, prefix=level[1] or ""), descending=True)

    def limit(self, word: Token, rows: tree.Value) -> Limit:
        return Limit(rows, tokens.place(word))

    def fields(self, word: Token, *fields: Field) -> Fields:
        return Fields(fields, tokens.place(word))

    def field(self, of: tree.Name, name: tree.Name | None) -> Field:
        return Field(of, given(name))

    def top(self, word: Token, *names: tree.Name) -> Top:
        return Top(names, place=tokens.place(word))

    def top_rows(self, word: Token, rows: Token, *names: tree.Name) -> Top:
        number = tree.Value(str(rows), place=tokens.place(rows))
        return Top(names, number, tokens.place(word))

    def read(self, word: Token, *parts: Field | tree.Name) -> Extract:
        fields = tuple(one for one in parts if isinstance(one, Field))
        return Extract(Format(word.lower()), fields, None, _source(parts), tokens.place(word))

    def regex(self, word: Token, pattern: tree.Value, *parts: tree.Name) -> Extract:
        place: Place = tokens.place(word)
        return Extract(Format.REGEX, (), pattern, _source(parts), place)

    def source(self, name: tree.Name) -> tree.Name:
        return name


def given(name: tree.Name | None) -> tree.Name | None:
    """Return a name that is given to a column; raises WrongQuery for one that says a level."""
    if name is None:
        return None
    if name.prefix:
        raise WrongQuery(f"expected a name, found {name}", name.place)
    if "*" in name.key and not name.quoted:
        raise WrongQuery("a name with * stands in backticks", name.place)
    if len(name.key) > NAME_MAX:
        raise WrongQuery(f"a name has at most {NAME_MAX} characters", name.place)
    return name


def _source(parts: tuple[Field | tree.Name, ...]) -> tree.Name | None:
    return next((one for one in parts if isinstance(one, tree.Name)), None)
