"""Tokens: where they stand, and names among them."""

import re
from typing import Final

from lark import Token

from query.language import literal, tree
from query.wrong import Place, WrongQuery, shown

_NAME: Final = re.compile(r"[\w*][\w.\-/:*]*")


def place(token: Token) -> Place:
    """Return where a token starts."""
    return Place(token.line or 1, token.column or 1)


def bare_name(word: str, at: Place) -> tree.Name:
    """Return the name that a bare word is; raises WrongQuery when it is none."""
    if kind := literal.kind(word):
        raise WrongQuery(f"expected a field, found the {kind} {shown(word)}", at)
    if not _NAME.fullmatch(word):
        raise WrongQuery(f"expected a field, found {shown(word)}; quote it in backticks", at)
    return tree.Name(str(word), place=at)
