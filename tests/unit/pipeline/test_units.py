"""Sizes and durations are read as written or refused with what would be right."""

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.units import Seconds, Size


class Settings(BaseModel):
    size: Size = 0
    wait: Seconds = 0


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (4096, 4096),
        ("4096", 4096),
        ("0", 0),
        ("1B", 1),
        ("64MB", 64_000_000),
        ("64 kB", 64_000),
        ("1KB", 1_000),
        ("10GiB", 10 * 2**30),
        ("1.5KiB", 1536),
        (" 2TB ", 2 * 10**12),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_a_size_is_bytes(text, size):
    assert Settings(size=text).size == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (0.5, 0.5),
        (3, 3.0),
        ("3", 3.0),
        ("250us", 0.00025),
        ("200ms", 0.2),
        ("1s", 1.0),
        ("1.5m", 90.0),
        ("2h", 7200.0),
        ("30d", 30 * 86400.0),
        ("1w", 7 * 86400.0),
    ],
)
def test_a_duration_is_seconds(text, seconds):
    assert Settings(wait=text).wait == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "MB", "1 mb", "-1", "1..5MB", "1e9", "64 M B", "٣MB", "1.0001B", True, 1.5, -1]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValidationError):
        Settings(size=text)


@pytest.mark.parametrize(
    "text", ["", "ms", "1 month", "-1s", "1h30m", "inf", "nan", float("nan"), float("inf"), True]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValidationError):
        Settings(wait=text)


def test_the_refusal_names_the_text_and_what_would_be_right():
    with pytest.raises(ValidationError, match='"64XB" is not a size such as "64MB" or "10GiB"'):
        Settings(size="64XB")
    with pytest.raises(ValidationError, match='"1month" is not a duration such as "200ms"'):
        Settings(wait="1month")
