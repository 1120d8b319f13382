"""What the shell makes of answers, without one."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from aura.shell import style
from aura.shell.clean import clean, plain
from aura.shell.events import events
from aura.shell.lines import Lines, columns
from aura.shell.options import moment
from aura.shell.spans import Span, read, tree
from aura.shell.table import print_table, rows
from aura.shell.waterfall import Waterfall
from aura.shell.where import explained


def console(width=80):
    return Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)


def printed(one):
    return one.file.getvalue().splitlines()


def span(identifier, parent="", start=0, end=10, **changes):
    fields = {"service": "api", "name": identifier, "failed": False, "message": ""} | changes
    return Span(id=identifier, parent=parent, start_ns=start, end_ns=end, **fields)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"), (1, "1ns"), (999, "999ns"), (1500, "1.5µs"), (3_400_000, "3.4ms"),
        (180_000_000, "180ms"), (1_230_000_000, "1.23s"), (59_900_000_000, "59.9s"),
        (61 * 10**9, "1m01s"), (3661 * 10**9, "1h01m"), (90_000 * 10**9, "1d01h"),
    ],
)  # fmt: skip
def test_durations_are_read_at_a_glance(nanoseconds, text):
    assert style.duration(nanoseconds) == text


@given(st.text())
def test_nothing_of_a_text_steers_the_terminal(text):
    shown = clean(text)
    assert shown.splitlines() in ([], [shown])
    assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 for one in shown)
    assert clean("a\tb\nc\x1b\x9b\u202e") == "a b↵c␛��"


def test_values_are_told_as_a_person_writes_them():
    value = {"a": [1, 2.5, None, True], "b": {"c": "x\ny"}}
    assert plain(value) == "{a=[1, 2.5, , true] b={c=x↵y}}"


def test_a_caret_stands_under_the_place_whatever_stands_before():
    shown = explained("ユ=1\nlevel=ERRO", 2, 7, "unknown level")
    assert shown == "  level=ERRO\n        ^\nunknown level"
    assert explained("ユ=(", 1, 3, "m").split("\n")[1] == "     ^"
    before, caret, _ = explained("x" * 300, 1, 200, "m").split("\n")
    assert before[caret.index("^")] == "x"
    assert len(before) < 110


@pytest.mark.parametrize(
    ("text", "asked"), [("1h", "now-1h"), ("1m30s", "now-1m30s"), ("now", "now"), ("7", "7")]
)
def test_an_hour_is_an_hour_ago(text, asked):
    assert moment(text) == asked


@given(st.integers(1, 40), st.lists(st.text("ab\r: é", max_size=8), max_size=6))
async def test_events_are_the_same_however_they_arrive(size, texts):
    raw = b"retry: 2000\nevent: open\ndata: {}\n\n: still here\n\n"
    raw += b"".join(f"data: x{text}\ndata: y\n\n".encode() for text in texts)

    async def parts():
        for start in range(0, len(raw), size):
            yield raw[start : start + size]

    wanted = [("open", "{}"), *(("message", f"x{text}\ny") for text in texts)]
    assert [one async for one in events(parts())] == wanted


LOG = {
    "time": "2026-01-31T12:00:00.123456789Z",
    "level": "ERROR",
    "service_name": "ユ" * 30,
    "body": "ユーザー" * 30,
    "attributes": {"k": 1},
}


@given(st.integers(30, 200))
def test_no_line_is_wider_than_the_terminal(width):
    one = console(width)
    Lines(one, columns("logs"), [LOG]).print(LOG)
    Waterfall(one, [span("ユ" * 90, message="m" * 90)]).print("0" * 32)
    assert all(cell_len(line) <= max(width, 60) for line in printed(one))
    assert cell_len(printed(one)[0]) <= width


def test_points_and_spans_have_lines():
    one = console(160)
    shared = {"time": LOG["time"], "service_name": "api", "name": "x", "attributes": {}}
    metrics = [
        shared | {"unit": "By", "value": 1.5},
        shared | {"unit": "", "count": 3, "sum": 2.5},
        shared | {"unit": "", "no_recorded_value": True},
    ]
    for record in metrics:
        Lines(one, columns("metrics"), metrics).print(record)
    failed = shared | {"start": LOG["time"], "duration_ns": "3400000", "status": "error"}
    Lines(one, columns("spans")).print(failed | {"trace_id": "0" * 32, "status_message": "no"})

    texts = [line.split()[2:] for line in printed(one)]
    assert texts == [
        ["x", "1.5", "By"],
        ["x", "count=3", "sum=2.5"],
        ["x", "-"],
        ["api", "0" * 32, "x", "no"],
    ]


def test_a_computed_table_is_printed_with_its_numbers_right():
    answer = {
        "columns": [
            {"name": "service_name", "type": "text"},
            {"name": "count()", "type": "integer"},
            {"name": "p95(duration)", "type": "duration"},
        ],
        "rows": [["api", 12345, 3_400_000], {"service_name": "w\x1b", "count()": 7}],
    }
    one = console()
    print_table(one, answer)

    assert [line.rstrip() for line in printed(one)] == [
        "service_name  count()  p95(duration)",
        "api            12,345          3.4ms",
        "w␛                  7              -",
    ]
    assert rows(answer)[0] == {"service_name": "api", "count()": 12345, "p95(duration)": 3_400_000}


def test_numbers_of_a_table_are_short():
    one = console()
    values = [1234567.891, 0.00012345, 2.0, 1e20, float("nan")]
    print_table(one, {"columns": [{"name": "x"}], "rows": [[value] for value in values]})
    assert [line.strip() for line in printed(one)][1:] == [
        "1,234,567.891", "0.0001234", "2", "1e+20", "nan",
    ]  # fmt: skip


def test_a_tree_has_parents_before_children_and_knows_who_follows():
    spans = [span("a"), span("b", "a"), span("c", "b"), span("d", "a"), span("e", "gone")]
    places = [(one.span.id, one.follows, one.orphan) for one in tree(spans)]
    assert places == [
        ("a", (), False),
        ("b", (True,), False),
        ("c", (True, False), False),
        ("d", (False,), False),
        ("e", (), True),
    ]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef ")), max_size=12))
def test_every_span_of_whatever_tree_is_there_once(edges):
    spans = [span(one, parent.strip()) for one, parent in edges]
    assert sorted(one.span.id for one in tree(spans)) == sorted(one for one, _ in edges)


def test_a_trace_deeper_than_the_stack_is_drawn():
    spans = [span("0"), *(span(str(at), str(at - 1)) for at in range(1, 3000))]
    one = console()
    Waterfall(one, spans).print("0" * 32)
    lines = printed(one)
    assert len(lines) == 3 + 3000
    assert "2999…" in lines[-1]
    assert "└─api 2999" in lines[-1]


def test_what_senders_leave_out_is_nothing():
    assert read({}) == []
    (bare,) = read({"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]})
    assert (bare.start_ns, bare.end_ns, bare.service, bare.failed) == (0, 0, "", False)
    one = console()
    Waterfall(one, [bare]).print("0" * 32)
    assert "█" in printed(one)[-1]
