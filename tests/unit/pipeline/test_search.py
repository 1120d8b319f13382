"""Patterns of what is looked for in texts."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import search
from pipeline.search import containing, fault, key, phrase, words

TEXTS = st.text(st.sampled_from("abAB9é\u00c9\u017f\u212a\u0130ßΣς _-.*\n\0%$^"), max_size=8)
SOUGHT = TEXTS.filter(bool)


def tokens(text):
    """What ClickHouse's `tokens(lower(text))` are: `lower` knows ASCII only."""
    lowered = re.sub("[A-Z]+", lambda found: found[0].lower(), text)
    return set(re.findall(r"[0-9a-z\x80-\U0010ffff]+", lowered))


@settings(max_examples=300, deadline=None)
@given(SOUGHT, TEXTS, TEXTS, st.booleans())
def test_the_words_are_in_every_text_that_is_found(sought, before, after, upper):
    text = before + (sought.upper() if upper else sought) + after
    for pattern, whole in ((containing(sought), False), (phrase(sought), True)):
        if re.search(pattern, text):
            assert set(words(sought, whole=whole)) <= tokens(text)


@settings(max_examples=300, deadline=None)
@given(SOUGHT, TEXTS)
def test_engines_read_the_patterns_alike(sought, text):
    for pattern in (containing(sought), phrase(sought), key(sought)):
        assert bool(re.search(pattern, text)) == bool(
            pc.match_substring_regex(pa.scalar(text), pattern).as_py()
        ) or text.endswith("\n"), "Python's $ is also before the last line break"


@given(SOUGHT, TEXTS, TEXTS)
def test_a_text_is_found_where_it_stands(sought, before, after):
    assert re.search(containing(sought), before + sought + after)
    assert re.search(phrase(sought), f"{before} {sought} {after}")


@pytest.mark.parametrize(
    ("sought", "text", "found"),
    [
        ("timeout", "a TIMEOUT.", True),
        ("timeout", "timeouts", False),
        ("timeout", "x_timeout_y", True),
        ("a b", "a  b", False),
        ("/x", "a/x", True),
        ("/x", "/xy", False),
        ("ÜBER", "über", True),
        ("k", "\u212a", False),
        ("ошибка", "ОШИБКА!", True),
    ],
)
def test_phrases(sought, text, found):
    assert bool(re.search(phrase(sought), text)) is found


@pytest.mark.parametrize("expression", ["(", "(?=a)", r"\1", r"\C", r"\Qa", "a{1001}", "*"])
def test_what_is_no_expression_is_said(expression):
    assert fault(expression)


@pytest.mark.parametrize("expression", [r"\\Q", r"a\\C", "a*", r"\pL", "(?i)a", "\0"])
def test_expressions(expression):
    assert fault(expression) is None
    assert search.matching(expression).endswith(expression)
