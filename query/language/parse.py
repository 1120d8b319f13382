"""Text to tree, with the place of every mistake."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args
from lark.exceptions import UnexpectedInput

from pipeline.plan import Operator, Search
from query.language import literal, tree
from query.wrong import Place, WrongQuery, shown

LENGTH_MAX: Final = 4096
"""Characters of a query."""
CONDITIONS_MAX: Final = 50
"""Conditions of a query: each is a kilobyte or two of SQL."""
DEPTH_MAX: Final = 64
"""Levels of AND, OR and NOT inside each other."""
VALUES_MAX: Final = 200
"""Values of a list."""

_START: Final = Place(1, 1)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NAME: Final = re.compile(r"[\w*][\w.\-/:*]*")
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'", "`": "`"}

_OPERATORS: Final = "a comparison (= != < <= > >= =~ !~ contains exists in)"


def parse(text: str) -> tree.Query:
    """Return the tree of a query; raises WrongQuery with the place of the first mistake."""
    if len(text) > LENGTH_MAX:
        limit = f"a query has at most {LENGTH_MAX} characters, found {len(text)}"
        raise WrongQuery(limit, _START.after(text[:LENGTH_MAX]))
    if surrogate := _SURROGATE.search(text):
        raise WrongQuery("expected UTF-8", _START.after(text[: surrogate.start()]))
    try:
        return cast("tree.Query", _grammar().parse(text))
    except UnexpectedToken as error:
        raise _unexpected(error, text) from None
    except UnexpectedCharacters as error:
        raise _unknown(error) from None


@cache
def _grammar() -> Lark:
    return Lark.open(
        "grammar.lark",
        rel_to=__file__,
        start="query",
        parser="lalr",
        lexer="contextual",
        transformer=_Builder(),
    )


@v_args(inline=True)
class _Builder(Transformer[Token, tree.Query]):
    # Runs inside the parser, bottom up: no depth of nesting can exhaust Python's stack.

    def query(self, where: tree.Expression | None = None) -> tree.Query:
        for number, leaf in enumerate(() if where is None else tree.leaves(where)):
            if number == CONDITIONS_MAX:
                at = tree.place(leaf)
                raise WrongQuery(f"a query has at most {CONDITIONS_MAX} conditions", at)
        return tree.Query(where)

    def disjunction(self, *parts: tree.Expression) -> tree.Expression:
        return _shallow(tree.Or(parts))

    def conjunction(self, *parts: tree.Expression) -> tree.Expression:
        return _shallow(tree.And(parts))

    def negation(self, _: Token, part: tree.Expression) -> tree.Expression:
        return _shallow(tree.Not(part))

    def group(self, inner: tree.Expression) -> tree.Expression:
        return inner

    def comparison(self, name: tree.Name, operator: Token, value: tree.Value) -> tree.Comparison:
        return tree.Comparison(name, Operator(str(operator)), value)

    def matching(self, name: tree.Name, operator: Token, value: tree.Value) -> tree.Matching:
        return tree.Matching(name, Search.MATCH, value, negated=operator == "!~")

    def containing(self, name: tree.Name, word: Token, value: tree.Value) -> tree.Expression:
        return _negated(word, tree.Matching(name, Search.CONTAINS, value))

    def existence(self, name: tree.Name, word: Token) -> tree.Expression:
        return _negated(word, tree.Existence(name))

    def membership(self, name: tree.Name, word: Token, *values: tree.Value) -> tree.Expression:
        if len(values) > VALUES_MAX:
            at = values[VALUES_MAX].place
            raise WrongQuery(f"a list has at most {VALUES_MAX} values", at)
        return _negated(word, tree.Membership(name, values))

    def word(self, token: Token) -> tree.Words:
        return tree.Words(str(token), place=_place(token))

    def phrase(self, token: Token) -> tree.Words:
        text = _unescape(token[1:-1], _place(token).after('"'))
        return tree.Words(text, quoted=True, place=_place(token))

    def bare_name(self, token: Token) -> tree.Name:
        if kind := literal.kind(token):
            raise WrongQuery(f"expected a field, found the {kind} {shown(token)}", _place(token))
        if not _NAME.fullmatch(token):
            raise WrongQuery(
                f"expected a field, found {shown(token)}; quote it in backticks", _place(token)
            )
        return tree.Name(str(token), place=_place(token))

    def quoted_name(self, token: Token) -> tree.Name:
        before, _, rest = token.partition("`")
        place = _place(token)
        key = _unescape(rest[:-1], place.after(before + "`"))
        if not key:
            raise WrongQuery("expected a field, found an empty name", place)
        return tree.Name(key, quoted=True, prefix=before.removesuffix("."), place=place)

    def bare_value(self, token: Token) -> tree.Value:
        return tree.Value(str(token), place=_place(token))

    def quoted_value(self, token: Token) -> tree.Value:
        text = _unescape(token[1:-1], _place(token).after('"'))
        return tree.Value(text, quoted=True, place=_place(token))


def _place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1)


def _shallow(node: tree.Expression) -> tree.Expression:
    if tree.depth(node) > DEPTH_MAX:
        first = next(tree.leaves(node))
        raise WrongQuery(f"nested deeper than {DEPTH_MAX} levels", tree.place(first))
    return node


def _negated(word: Token, node: tree.Leaf) -> tree.Expression:
    return tree.Not(node) if word[:3].lower() == "not" else node


def _unescape(text: str, place: Place) -> str:
    def replace(match: re.Match[str]) -> str:
        code = match[1]
        if code in _ESCAPED:
            return _ESCAPED[code]
        # A lone surrogate is no character: no store could hold it.
        if len(code) > 1 and (point := int(code[1:], 16)) <= 0x10FFFF and point >> 11 != 0x1B:
            return chr(point)
        raise WrongQuery(
            f"unknown escape {match[0]}; known are \\\\ \\\" \\' \\` \\n \\r \\t \\u0000 "
            "\\U00000000",
            place.after(text[: match.start()]),
        )

    return _ESCAPE.sub(replace, text)


def _unexpected(error: UnexpectedToken, text: str) -> WrongQuery:
    token: Token = error.token
    expected = _expected(error, error.expected)
    if token.type == "$END":
        return WrongQuery(f"{expected}, found the end", _START.after(text))
    return WrongQuery(f"{expected}, found {shown(token)}", _place(token))


def _unknown(error: UnexpectedCharacters) -> WrongQuery:
    place = Place(error.line, error.column)
    if error.char in "\"'`":
        return WrongQuery(f"expected a closing {error.char}, found the end", place)
    return WrongQuery(f"{_expected(error, error.allowed)}, found {error.char}", place)


def _expected(error: UnexpectedInput, terminals: Iterable[str]) -> str:
    """Tell by what the parser could have gone on with where in the grammar it stood."""
    known = set(terminals)
    if "COMMA" in known:
        return "expected , or )"
    if known & {"_AND", "_OR", "RPAR"} or known == {"$END"}:
        # The LALR tables tell ")" from the end only by what was read.
        seen: list[object] = error.interactive_parser.parser_state.value_stack
        opened = any(isinstance(item, Token) and item.type == "LPAR" for item in seen)
        after_word = f"{_OPERATORS}, " if "OPERATOR" in known else ""
        return f"expected {after_word}AND, OR or {')' if opened else 'the end'}"
    if "OPERATOR" in known:
        return f"expected {_OPERATORS}"
    if "QUOTED_NAME" in known:
        return "expected a field, words to look for, NOT or ("
    return "expected a value"
