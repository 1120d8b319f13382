"""What is remembered of texts has a bound in bytes."""

from storage.remembered import LENGTH_MAX, Remembered, remembered, size


def test_short_texts_are_worked_out_once_and_long_ones_each_time():
    asked = []

    @remembered(10)
    def work(*texts):
        asked.append(texts)
        return len(asked)

    short, long = ("a", ("b", 1)), ("a", ("b" * LENGTH_MAX, 1))

    assert [work(*short), work(*short), work(*long), work(*long)] == [1, 1, 2, 3]


def test_what_is_known_begins_anew_when_it_would_be_too_much():
    known = Remembered[str, bytes](3 * size(("a" * 50, b"1")))
    for name in "abc":
        known.keep(name * 50, b"1")
    assert known.get("a" * 50) == known.get("c" * 50) == b"1"

    known.keep("d" * 50, b"2")

    assert known.get("a" * 50) is None
    assert known.get("d" * 50) == b"2"
