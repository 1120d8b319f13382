"""Every verdict has one answer, in gRPC's terms and in HTTP's."""

import json

import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode
from structlog.testing import capture_logs

from otlp.door import Outcome
from otlp.receivers import status, success
from otlp.receivers.join import Broken
from pipeline.errors import Forbidden, Overloaded, Rejected, TooLarge, Unauthenticated, Unavailable
from pipeline.rpc.status import MESSAGE_MAX
from pipeline.signal import Signal


@pytest.mark.parametrize(
    ("error", "code", "http", "retry_s"),
    [
        (Rejected("bad"), StatusCode.INVALID_ARGUMENT, 400, None),
        (TooLarge("long"), StatusCode.RESOURCE_EXHAUSTED, 413, None),
        (Unauthenticated("no key"), StatusCode.UNAUTHENTICATED, 401, None),
        (Forbidden("not you"), StatusCode.PERMISSION_DENIED, 403, None),
        (Overloaded("full", retry_s=0), StatusCode.UNAVAILABLE, 503, 1),
        (Overloaded("full", retry_s=5), StatusCode.UNAVAILABLE, 503, 5),
        (Unavailable("down", retry_s=900), StatusCode.UNAVAILABLE, 503, 30),
        (Broken("logged already"), StatusCode.INTERNAL, 500, None),
    ],
)
def test_cases_38_39_a_verdict_has_one_answer(error, code, http, retry_s):
    told = status.answer(error)
    assert (told.code, told.http, told.retry_s) == (code, http, retry_s)
    trailers = dict(status.trailers(told))
    details = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert (details.code, details.message) == (code.value[0], told.message)
    assert ("google.rpc.retryinfo-bin" in trailers) == (retry_s is not None)
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in details.details) == (retry_s is not None)
    assert retry.retry_delay.seconds == (retry_s or 0)
    assert status_pb2.Status.FromString(status.body(told, as_json=False)) == details
    assert json.loads(status.body(told, as_json=True))["code"] == code.value[0]


def test_case_39_what_nobody_foresaw_is_logged_once_and_not_told_to_the_client():
    with capture_logs() as lines:
        told = status.answer(ZeroDivisionError("secret"))
    assert (told.code, told.http, told.message) == (StatusCode.INTERNAL, 500, "internal error")
    assert len(lines) == 1


def test_a_message_fits_a_trailer_and_is_text():
    told = status.answer(Rejected("\udcff" + "ä" * 100_000))
    assert len(told.message.encode()) <= 2 * MESSAGE_MAX + 1
    assert told.message[0] == "?"
    assert status.body(told, as_json=True)


@pytest.mark.parametrize(
    ("signal", "field"),
    [
        (Signal.TRACES, "rejectedSpans"),
        (Signal.LOGS, "rejectedLogRecords"),
        (Signal.METRICS, "rejectedDataPoints"),
    ],
)
def test_case_26_a_partial_success_says_exactly_how_many(signal, field):
    outcome = Outcome(1, 2**60, "two are bad")
    told = json.loads(success.json(signal, outcome))
    assert told == {"partialSuccess": {field: str(2**60), "errorMessage": "two are bad"}}
    response, _ = success.RESPONSES[signal]
    assert response.FromString(success.protobuf(signal, outcome)).HasField("partial_success")


def test_cases_1_2_a_full_success_has_nothing_to_say():
    outcome = Outcome(5, 0, "")
    assert success.protobuf(Signal.TRACES, outcome) == b""
    assert success.json(Signal.TRACES, outcome) == b"{}"


def test_a_remark_on_a_full_success_is_passed_on():
    outcome = Outcome(5, 0, "mind the gap")
    told = json.loads(success.json(Signal.TRACES, outcome))
    assert told == {"partialSuccess": {"errorMessage": "mind the gap"}}
