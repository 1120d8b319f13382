"""Searches in text as patterns that RE2 (ClickHouse, Arrow) and Python's `re` read alike.

Words are those of ClickHouse's `tokens()`: runs of ASCII letters, ASCII digits and characters
beyond ASCII. Case is folded by character classes that are written here, so that no engine's own
tables decide; characters whose other case is more than one character have none.
"""

import re
from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

TEXT_MAX: Final = 1000
"""Characters of what is searched for, a regular expression included."""

_SEPARATOR: Final = r"[\x00-/:-@\[-`{-\x7f]"
_WORDS: Final = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
# \C is a byte and no character; ClickHouse's optimiser does not know \Q…\E.
_REFUSED: Final = re.compile(r"\\(.)", re.DOTALL)


def containing(text: str) -> str:
    """Return the pattern of the text in any case, anywhere."""
    return "".join(map(_folded, text))


def phrase(text: str) -> str:
    """Return the pattern of the text in any case, with no word cut at its ends."""
    before = f"(?:^|{_SEPARATOR})" if _in_word(text[:1]) else ""
    after = f"(?:$|{_SEPARATOR})" if _in_word(text[-1:]) else ""
    return f"{before}{containing(text)}{after}"


def key(pattern: str) -> str:
    """Return the pattern of whole keys in which `*` stands for any characters."""
    pieces = ("".join(map(_literal, piece)) for piece in pattern.split("*"))
    return f"(?s)^{'.*'.join(pieces)}$"


def matching(expression: str) -> str:
    """Return a regular expression for an engine in which `.` does not match a newline."""
    return f"(?s){expression}"


def words(text: str, *, whole: bool) -> list[str]:
    """
    Return the words that a text surely has, in lower case, if it has `text` in some case.

    Only words of ASCII: what folds beyond it may be written otherwise. Unless `whole`, a word at
    either end may be cut, and is left out.
    """
    found = []
    for word in _WORDS.finditer(text):
        cut = not whole and (word.start() == 0 or word.end() == len(text))
        if word[0].isascii() and not cut:
            found.append(word[0].lower())
    return list(dict.fromkeys(found))


@lru_cache(maxsize=256)
def fault(expression: str) -> str | None:
    """Return what is wrong with a regular expression, or None."""
    for escape in _REFUSED.finditer(expression):
        if escape[1] in "CQE":
            return f"\\{escape[1]} is not supported"
    try:
        pc.match_substring_regex(pa.array([""]), matching(expression))
    except pa.ArrowInvalid as error:
        return str(error).removeprefix("Invalid regular expression: ").replace("(?s)", "", 1)
    return None


def groups(expression: str) -> list[str] | None:
    """Return the names of a right expression's groups, in order; None where one has no name."""
    try:
        read = pc.extract_regex(pa.array([""]), matching(expression))
    except pa.ArrowInvalid:
        return None
    return [read.type.field(at).name for at in range(read.type.num_fields)]


def logfmt(name: str) -> str:
    """
    Return the pattern whose one group is the value of a key in a line of logfmt, in its quotes.

    Pairs stand one after the other, from the start on; a key without `=` has an empty value. What
    follows a broken quote is not read.
    """
    quoted = r'"(?:[^"\\]|\\.)*"'
    value = rf'{quoted}|[^ \t\r\n"][^ \t\r\n]*|'
    pair = rf'[^ \t\r\n="]+(?:=(?:{value}))?'
    own = "".join(map(_literal, name))
    return rf"^[ \t\r\n]*(?:{pair}[ \t\r\n]+)*?{own}(?:=({value}))?(?:[ \t\r\n]|$)"


def _in_word(character: str) -> bool:
    return bool(_WORDS.fullmatch(character))


def _folded(character: str) -> str:
    if character.isascii():
        if character.isalpha():
            return f"[{character.lower()}{character.upper()}]"
        return _literal(character)
    cases = {character, character.lower(), character.upper()}
    same = sorted(one for one in cases if len(one) == 1 and not one.isascii())
    return character if len(same) == 1 else f"[{''.join(same)}]"


def _literal(character: str) -> str:
    if not character.isascii() or character.isalnum():
        return character
    return f"\\x{ord(character):02x}"
