"""Pages of an answer: none repeats or leaves out what was there, whatever comes in between."""

import base64

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp.codec.request import REQUESTS
from pipeline.plan import Head, Place, TracePlace
from pipeline.schema import LOGS
from pipeline.signal import Signal
from query.api.cursor import HEADS_MAX, LENGTH_MAX, Cursor, digest
from query.wrong import Wrong
from tests.support.readers import reading
from tests.support.stores import NOW, around, group, message, messages, write

LATER = NOW + 10**9
EVER = {"start": "1", "end": str(LATER)}


@pytest.fixture
async def reader():
    groups = [group(signal, messages(signal, range(1, 9), ("default",))) for signal in Signal]
    async with reading(groups, LATER) as one:
        yield one


def seen(signal, rows):
    """Tell which records these are."""
    return [tuple(str(row.get(name)) for name in NAMES[signal]) for row in rows]


NAMES = {
    "logs": ("time", "body"),
    "traces": ("trace_id",),
    "metrics": ("time", "name", "attributes", "value", "count"),
}


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics"])
@pytest.mark.parametrize("limit", [3, 5])
async def test_pages_are_stable_while_data_come_in(reader, signal, limit):
    whole = seen(signal, (await reader.get(f"/v1/{signal}", **EVER))[signal])
    found, sequence = [], 20
    async for page in reader.pages(f"/v1/{signal}", signal, limit=limit, **EVER):
        found += seen(signal, page)
        if sequence == 24:
            continue
        # New traces, and newer spans of traces that were there; the same times as before.
        late = message(Signal(signal), sequence)
        if signal == "traces":
            late.resource_spans[0].scope_spans[0].spans[0].trace_id = b"\0" * 15 + b"\1"
            late.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano = LATER - 1
        await write(reader.store, group(Signal(signal), [(sequence, "default", late)]))
        sequence += 1

    assert len(found) == len(set(found))
    if signal == "traces":
        assert found == sorted(found, reverse=True)
        assert set(found) == set(whole)
    else:
        assert [one for one in found if one in whole] == whole


async def test_traces_are_cut_by_their_places_not_by_their_starts():
    request = REQUESTS[Signal.TRACES]()
    scope = around(request.resource_spans, "api").scope_spans.add()
    # (trace, start): the first trace began before all others, and has the newest span.
    for at, (trace, start_ns) in enumerate([(1, 1), (1, 100), (2, 50), (3, 60), (3, 10)]):
        scope.spans.add(
            trace_id=trace.to_bytes(16, "big"),
            span_id=(at + 1).to_bytes(8, "big"),
            start_time_unix_nano=NOW + start_ns,
            end_time_unix_nano=NOW + 200,
        )
    async with reading([group(Signal.TRACES, [(1, "default", request)])], LATER) as one:
        pages = [page async for page in one.pages("/v1/traces", "traces", limit=1, **EVER)]
        both = await one.get("/v1/traces", limit=2, **EVER)

    assert [[int(row["trace_id"]) for row in page] for page in pages] == [[1], [3], [2]]
    assert [int(row["trace_id"]) for row in both["traces"]] == [3, 1]


async def test_a_page_keeps_the_time_range_and_the_now_of_the_first(reader):
    first = await reader.get("/v1/logs", q="time<=now", limit=1, **EVER)

    second = await reader.get(
        "/v1/logs", q="time<=now", limit=2, start="now-1s", cursor=first["cursor"]
    )
    assert (second["start"], second["end"]) == (first["start"], first["end"])
    assert len(second["logs"]) == 2
    cursor = Cursor.read(second["cursor"], Signal.LOGS, "time<=now")
    assert (cursor.now_ns, cursor.start_ns, cursor.end_ns) == (LATER, 10**9, LATER)


async def test_the_last_page_has_no_cursor(reader):
    answer = await reader.get("/v1/logs", limit=100, **EVER)

    assert (len(answer["logs"]), answer["truncated"], answer["cursor"]) == (16, False, None)


async def test_a_cursor_is_for_one_question(reader):
    cursor = (await reader.get("/v1/logs", q="number>1", limit=1, **EVER))["cursor"]

    for path, q in [("/v1/logs", "number>2"), ("/v1/traces", "number>1"), ("/v1/logs", "")]:
        named, message = await reader.wrong(path, q=q, cursor=cursor)
        assert (named, message) == (
            "cursor",
            "cursor belongs to another question: ask with the same q",
        )


async def test_a_table_has_no_pages(reader):
    q = "| stats count() by number"
    answer = await reader.get("/v1/logs", q=q, limit=3, **EVER)
    assert (len(answer["rows"]), answer["truncated"], answer["cursor"]) == (3, True, None)

    cursor = Cursor(Signal.LOGS, digest(q), LATER, 1, LATER, Place(NOW, 1, 0, 3, 0)).text()
    named, message = await reader.wrong("/v1/logs", q=q, cursor=cursor)
    assert named == "cursor"
    assert "stages make a table" in message


async def test_arrow_has_its_cursor_in_a_header(reader):
    accept = {"Accept": "application/vnd.apache.arrow.stream"}
    async with reader.client.get("/v1/logs?limit=1&start=1", headers=accept) as response:
        cursor = response.headers["Aura-Cursor"]
        assert response.headers["Aura-Truncated"] == "true"
        assert '"rows":' in response.headers["Aura-Cost"]

    assert len((await reader.get("/v1/logs", cursor=cursor))["logs"]) == 15


async def test_arrow_hides_what_makes_a_place_but_no_column_of_a_table(reader):
    names = []
    for q in ("", "| stats count() as epoch"):
        asked = {"q": q, "start": "1"}
        accept = {"Accept": "application/vnd.apache.arrow.stream"}
        async with reader.client.get("/v1/logs", params=asked, headers=accept) as response:
            names.append(pa.ipc.open_stream(await response.read()).schema.names)

    assert names == [["service_name", *LOGS.names], ["epoch"]]


SMALL = st.integers(0, 2**16 - 1)
BIG = st.integers(0, 2**64 - 1)
TIME = st.integers(0, 2**63 - 1)
PLACES = st.builds(Place, BIG, SMALL, SMALL, BIG, SMALL)
TRACE_PLACES = st.builds(TracePlace, BIG, st.binary(min_size=16, max_size=16))
HEADS = st.lists(st.builds(Head, SMALL, SMALL, BIG), max_size=5).map(tuple)


@given(st.text(), TIME, st.tuples(TIME, TIME), PLACES, TRACE_PLACES, HEADS)
def test_a_cursor_is_read_as_it_was_written(q, now, times, place, of_trace, heads):
    start, end = min(times), max(times)
    if start == end:
        return
    for cursor in (
        Cursor(Signal.LOGS, digest(q), now, start, end, place),
        Cursor(Signal.TRACES, digest(q), now, start, end, of_trace, heads),
    ):
        assert Cursor.read(cursor.text(), cursor.signal, q) == cursor


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(Wrong, match="cursor is none"):
        Cursor.read(text, Signal.LOGS, "")


def test_a_cursor_is_bounded():
    heads = tuple(Head(n, 2**32 - 1, 2**64 - 1) for n in range(HEADS_MAX))
    place = TracePlace(2**64 - 1, b"\xff" * 16)
    text = Cursor(Signal.TRACES, digest(""), 1, 1, 2, place, heads).text()

    assert len(text) < LENGTH_MAX
    for damaged in (text[:-1], "x" + text, text + "A" * LENGTH_MAX, "é"):
        with pytest.raises(Wrong, match="cursor is none"):
            Cursor.read(damaged, Signal.TRACES, "")
