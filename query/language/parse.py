"""Text to tree, with the place of every mistake."""

import re
from functools import cache
from typing import Final, TypeAlias, cast

from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken, v_args
from lark.exceptions import UnexpectedInput

from pipeline.plan import Operator, Relation, Search
from query.language import tokens, tree
from query.language.stages.build import Stages
from query.wrong import Place, WrongQuery, shown

LENGTH_MAX: Final = 4096
"""Characters of a query."""
CONDITIONS_MAX: Final = 50
"""Conditions of a query: each is a kilobyte or two of SQL."""
DEPTH_MAX: Final = 64
"""Levels of AND, OR and NOT inside each other."""
VALUES_MAX: Final = 200
"""Values of a list."""
STAGES_MAX: Final = 16
"""Stages of a query."""
STEPS_MAX: Final = 8
"""Spans of a path."""

_START: Final = Place(1, 1)
_Step: TypeAlias = tuple[Place, tree.Expression | None]
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WORD: Final = re.compile(r"[\w.\-/:@+%#$*]+")
STAGES: Final = (
    "stats", "where", "sort", "limit", "fields", "top", "json", "logfmt", "regex",
)  # fmt: skip
_CLOSING: Final = {"LPAR": ")", "OPEN": "}"}
_ENDS: Final = {"RPAR", "RBRACE", "VBAR", "$END"}
_SIGNS: Final = {
    "LPAR": "(", "OPEN": "{", "COMMA": ",", "_AS": "as", "_BY": "by", "_FROM": "from", "VBAR": "|",
    "RPAR": ")", "$END": "the end",
}  # fmt: skip
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
        raise _unknown(error, text) from None


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
class _Builder(Stages):
    # Runs inside the parser, bottom up: no depth of nesting can exhaust Python's stack.

    def query(self, *parts: tree.Expression | tree.Stage) -> tree.Query:
        where = next((one for one in parts if isinstance(one, tree.Expression)), None)
        stages = tuple(one for one in parts if not isinstance(one, tree.Expression))
        if len(stages) > STAGES_MAX:
            at = stages[STAGES_MAX].place
            raise WrongQuery(f"a query has at most {STAGES_MAX} stages", at)
        query = tree.Query(where, stages)
        for number, leaf in enumerate(query.leaves()):
            if number == CONDITIONS_MAX:
                at = tree.place(leaf)
                raise WrongQuery(f"a query has at most {CONDITIONS_MAX} conditions", at)
        return query

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
        return tree.Words(str(token), place=tokens.place(token))

    def phrase(self, token: Token) -> tree.Words:
        text = _unescape(token[1:-1], tokens.place(token).after('"'))
        return tree.Words(text, quoted=True, place=tokens.place(token))

    def span(self, mark: Token, *within: tree.Expression) -> _Step:
        return tokens.place(mark), next(iter(within), None)

    def path(self, *parts: _Step | Token) -> tree.Path:
        steps = [one for one in parts if not isinstance(one, Token)]
        relations = tuple(Relation(str(one)) for one in parts if isinstance(one, Token))
        if len(steps) > STEPS_MAX:
            raise WrongQuery(f"a path has at most {STEPS_MAX} spans", steps[STEPS_MAX][0])
        path = tree.Path(tuple(one for _, one in steps), relations, steps[0][0])
        _shallow(path)
        return path

    def bare_name(self, token: Token) -> tree.Name:
        return tokens.bare_name(token, tokens.place(token))

    def quoted_name(self, token: Token) -> tree.Name:
        before, _, rest = token.partition("`")
        place = tokens.place(token)
        key = _unescape(rest[:-1], place.after(before + "`"))
        if not key:
            raise WrongQuery("expected a field, found an empty name", place)
        return tree.Name(key, quoted=True, prefix=before.removesuffix("."), place=place)

    def bare_value(self, token: Token) -> tree.Value:
        return tree.Value(str(token), place=tokens.place(token))

    def quoted_value(self, token: Token) -> tree.Value:
        text = _unescape(token[1:-1], tokens.place(token).after('"'))
        return tree.Value(text, quoted=True, place=tokens.place(token))


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
    expected = _expected(error)
    if token.type == "$END":
        return WrongQuery(f"{expected}, found the end", _START.after(text))
    return WrongQuery(f"{expected}, found {shown(token)}", tokens.place(token))


def _unknown(error: UnexpectedCharacters, text: str) -> WrongQuery:
    place = Place(error.line, error.column)
    if error.char in "\"'`":
        return WrongQuery(f"expected a closing {error.char}, found the end", place)
    word = _WORD.match(text, error.pos_in_stream or 0)
    found = shown(word[0]) if word else error.char
    return WrongQuery(f"{_expected(error)}, found {found}", place)


def _expected(error: UnexpectedInput) -> str:
    """Tell by what the parser could have gone on with where in the grammar it stood."""
    known: set[str] = error.interactive_parser.accepts()  # type: ignore[no-untyped-call]
    seen: list[object] = error.interactive_parser.parser_state.value_stack
    marks = (one.type for one in reversed(seen) if isinstance(one, Token))
    opened = next((_CLOSING[one] for one in marks if one in _CLOSING), None)
    if "STATS" in known:
        return f"expected one of {', '.join(STAGES)}"
    # A condition that was read to its end could have gone on, though the tables do not say so.
    ended = known <= _ENDS and all(isinstance(one, Token | tree.Expression) for one in seen)
    if known & {"_AND", "_OR"} or ended:
        after_word = f"{_OPERATORS}, " if "OPERATOR" in known else ""
        end = f" or {opened}" if opened else ", | or the end"
        return f"expected {after_word}AND, OR{end}"
    if {"COMMA", "QUOTED_NAME"} <= known:
        return "expected , or | (-field sorts from large to small)"
    if known <= set(_SIGNS):
        *others, last = (sign for name, sign in _SIGNS.items() if name in known)
        return f"expected {', '.join(others)} or {last}" if others else f"expected {last}"
    if "OPERATOR" in known:
        return f"expected {_OPERATORS}"
    if "NOT" in known:
        return "expected a field, words to look for, NOT or ("
    if "STRING" in known:
        return "expected a value"
    return "expected a field" if "QUOTED_NAME" in known else "expected a function, such as count()"
