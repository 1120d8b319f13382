"""The shell: real commands against a real Aura, on terminals and in pipes."""

import csv
import io
import json
import time
import urllib.request

import pyarrow as pa
import pytest
from rich.cells import cell_len

from tests.support.aura_process import Aura, poll
from tests.support.shell import on_terminal, piped, written

pytestmark = pytest.mark.slow

TRACE = "0af7651916cd43dd8448eb211c80319c"


def send(aura, signal, *records):
    url, body = aura.url(f"/v1/{signal}", "ingestor.api"), json.dumps(records).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=20) as answer:
        assert json.load(answer)["refused"] == 0


def span(identifier, name, start_ms, duration_ms, service="shop", **more):
    start = time.time_ns() // 10**9 * 10**9 + start_ms * 10**6
    ids = {"trace_id": TRACE, "span_id": identifier * 16, "service_name": service}
    return {**ids, "name": name, "start": start, "duration": f"{duration_ms}ms", **more}


@pytest.fixture(scope="module")
def aura(tmp_path_factory):
    with Aura(tmp_path_factory.mktemp("aura")) as started:
        now = time.time_ns()
        send(
            started,
            "logs",
            {"service_name": "shop", "level": "INFO", "message": "first", "time": now - 3 * 10**9},
            {
                "service_name": "payment-gateway",
                "level": "ERROR",
                "message": "declined \x1b[2J ユーザー, the issuer says\nno " + 4 * "and no ",
                "time": now - 2 * 10**9,
                "user.id": 42,
                "tags": ["a", "b"],
            },
            {"service_name": "shop", "level": "WARN", "message": "last", "time": now - 10**9},
        )
        send(started, "metrics", {"service_name": "shop", "name": "queue.length", "value": 7})
        send(
            started,
            "traces",
            span("a", "POST /checkout", 0, 1000, status="error"),
            span("b", "reserve", 0, 250, "stock", parent_span_id="a" * 16),
            span(
                "c", "charge", 500, 500, "bank", parent_span_id="a" * 16,
                status="error", status_message="declined",
            ),
            span("d", "send", 990, 10, "mail", parent_span_id="9" * 16),
        )  # fmt: skip
        found = (("logs", "logs"), ("metrics", "metrics"), ("traces", "traces"))
        poll(lambda: all(started.ask(f"/v1/{path}")[name] for path, name in found))
        yield started


@pytest.mark.parametrize("columns", [80, 160])
def test_a_table_fits_the_terminal_a_record_a_line_and_the_newest_last(aura, columns):
    done = on_terminal(aura, "query", columns=columns)

    head, *lines = done.text.splitlines()
    assert done.code == 0
    assert head.split() == ["TIME", "UTC", "LEVEL", "SERVICE", "MESSAGE"]
    assert [line.split()[1] for line in lines] == ["INFO", "ERROR", "WARN"]
    assert all(cell_len(line) <= columns for line in lines)
    assert "\x1b[2J" not in done.out
    assert "␛[2J" in lines[1]
    assert lines[1].endswith("…") == (columns == 80)
    assert "\x1b[1;31mERROR" in done.out


def test_json_has_a_record_a_line_as_the_api_tells_it(aura):
    done = piped(aura, "query", "level=ERROR", "--since", "1h")

    (record,) = [json.loads(line) for line in done.out.splitlines()]
    assert record == aura.ask("/v1/logs", q="level=ERROR")["logs"][0]


def test_csv_has_a_column_a_member(aura):
    done = piped(aura, "query", "--format", "csv", "--limit", "2")

    newest, older = csv.DictReader(io.StringIO(done.out))
    assert (newest["body"], newest["level"]) == ("last", "WARN")
    assert "\n" in older["body"]
    assert json.loads(older["attributes"]) == {"user.id": 42, "tags": ["a", "b"]}
    assert "the 2 newest" in done.err


def test_arrow_goes_to_a_pipe_and_not_to_a_terminal(aura, tmp_path):
    asked = ("query", "--signal", "metrics", "--format", "arrow")
    file = written(piped(aura, *asked), tmp_path / "points.arrow")
    with pa.ipc.open_stream(file.read_bytes()) as stream:
        (row,) = stream.read_all().to_pylist()
    assert (row["metric_name"], row["value_int"]) == ("queue.length", 7)

    refused = on_terminal(aura, *asked)
    assert refused.code == 2
    assert "file or a pipe" in refused.text


def test_traces_are_listed_and_one_is_drawn_to_scale(aura):
    listed = on_terminal(aura, "query", "--signal", "traces")
    assert TRACE in listed.text
    assert "shop POST /checkout" in listed.text

    title, facts, scale, *lines = on_terminal(aura, "trace", TRACE.upper()).text.splitlines()
    assert title == f"trace {TRACE}"
    assert facts.endswith("1s  4 spans  4 services  2 errors")
    assert scale.split() == ["0", "1s"]
    names = ["✗ shop POST /checkout", "├─stock reserve", "└─✗ bank charge  declined", "mail send"]
    assert [line[: len(name)] for line, name in zip(lines, names, strict=True)] == names
    bars = [line[56:] for line in lines]
    assert [(len(bar) - len(bar.lstrip()), bar.count("█")) for bar in bars] == [
        (0, 24),
        (0, 6),
        (12, 12),
        (23, 1),
    ]
    assert "its parent is missing" in lines[3]


def test_a_tail_prints_what_comes(aura):
    told = []
    # Further back than a question reaches by itself: the other tests do not find these.
    long_ago = time.time_ns() - 3 * 3600 * 10**9
    records = [
        {"level": "INFO", "time": long_ago},
        {"level": "FATAL", "message": "ow", "time": long_ago},
    ]

    def then(printed):
        if "MESSAGE" in printed and not told:
            told.append(send(aura, "logs", *records))

    done = on_terminal(aura, "tail", "level>=ERROR", "--limit", "1", then=then)
    assert done.code == 0
    assert done.text.splitlines()[1].split()[1:] == ["FATAL", "ow"]


CARET = "  level=ERROR AND (\n                   ^\naura: line 1, column 18: expected "
WRONG = [
    (("query", "level=ERROR AND ("), 2, CARET),
    (("tail", "a=="), 2, "  a==\n    ^\naura: line 1, column 3: expected a value"),
    (("query", "--limit", "100000"), 2, "aura: --limit: limit is between 1 and 10000"),
    (("query", "--url", "http://127.0.0.1:1"), 1, "aura: cannot reach http://127.0.0.1:1. Is Aura"),
    (("trace", "f" * 32), 1, f"aura: no spans of trace {'f' * 32}"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), WRONG, ids=[str(n) for n in range(5)])
def test_what_is_wrong_is_told_in_a_line(aura, arguments, code, told):
    done = piped(aura, *arguments)

    assert done.code == code
    assert told in done.err
    assert done.out == ""


def test_another_door_is_not_taken_for_the_api(aura):
    done = piped(aura, "query", "--url", aura.url("", "ingestor.api"))
    assert done.code == 1
    assert "usually port 8081" in done.err
