"""What is wrong with an answer: its status, or a body in another form than the contract's."""

import json
from typing import Any

from google.rpc.status_pb2 import Status

from tests.fuzz.client import STREAM, Answer, Heard
from tests.fuzz.surface import PROTOBUF
from tests.fuzz.wire import Case, Demand

NO_ARCHIVE = b"archive span storage was not configured"
"""What Jaeger says with the status 500: it is no bug of ours."""


def complaints(case: Case, heard: Heard) -> list[str]:
    """Return what is wrong with what was heard, at best nothing."""
    found = [heard.wrong] if heard.wrong else []
    for method, answer in zip(case.methods, heard.answers, strict=False):
        found += _of(case.door.form, method, answer)
    enough = len(heard.answers) == len(case.methods)
    last = heard.answers[-1].headers.get("connection") == "close" if heard.answers else False
    if case.demand is Demand.ANSWER and not (heard.answers and (enough or heard.ended or last)):
        what = "the connection was closed" if heard.ended else "nothing in time"
        found.append(f"{len(heard.answers)} of {len(case.methods)} answers, then {what}")
    if case.demand is Demand.END and not (heard.answers or heard.ended):
        found.append("neither an answer nor an end in time")
    return found


def _of(form: str, method: str, answer: Answer) -> list[str]:
    found = []
    kind = answer.headers.get("content-type", "")
    told_to_wait = answer.status == 503 and "retry-after" in answer.headers
    if answer.status >= 500 and not told_to_wait and NO_ARCHIVE not in answer.body:
        found.append(f"status {answer.status}: {answer.body[:300]!r}")
    if form != "jaeger" and ("html" in kind or answer.body.lstrip()[:1] == b"<"):
        found.append(f"HTML: {answer.body[:300]!r}")
    if method == "HEAD" or answer.status == 204:
        return found
    try:
        _FORMS[form](answer)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        found.append(f"{answer.status} {kind}: {error!r} in {answer.body[:300]!r}")
    return found


def _strict(body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    return json.loads(body, parse_constant=refuse)


def _status(answer: Answer) -> None:
    """OTLP/HTTP: google.rpc.Status for every failure, else an export response."""
    if answer.headers["content-type"] == PROTOBUF:
        if answer.status >= 400:
            assert Status.FromString(answer.body).message, "no message"
    else:
        told = _strict(answer.body)
        assert answer.headers["content-type"] == "application/json"
        if answer.status >= 400:
            assert told["message"], "no message"
            assert isinstance(told["code"], int), "no code"
        else:
            assert not set(told) - {"partialSuccess"}


def _told(answer: Answer) -> None:
    """The plain door: counts and errors; what is no such request has an error alone."""
    if "text/plain" in answer.headers["content-type"] and answer.status == 200:
        return  # /metrics
    told = _strict(answer.body)
    if "accepted" in told:
        assert {"accepted", "refused", "errors"} == set(told)
        assert answer.status == 200 or told["errors"]
    elif answer.status >= 400:
        _error(answer)


def _error(answer: Answer) -> None:
    """The query API: what was asked for, or an error with a message."""
    if answer.headers["content-type"].startswith(("text/plain", STREAM)) and answer.status == 200:
        return  # /metrics and /v1/tail
    told = _strict(answer.body)
    if answer.status >= 400:
        assert told["error"]["message"], "no message"


def _jaeger(answer: Answer) -> None:
    """Jaeger's APIs: the form of v1, of v3 or of a listener; every other path is the UI's page."""
    kind = answer.headers["content-type"]
    if answer.status == 200 and kind.startswith(("text/html", "text/plain")):
        return  # the page, /metrics
    if answer.status == 404 and kind.startswith("text/plain"):
        return  # as Jaeger's router says it
    told = _strict(answer.body)
    if answer.status >= 400:
        error = told.get("error") or told["errors"][0]
        assert error.get("message") or error["msg"], "no message"


_FORMS = {"status": _status, "told": _told, "error": _error, "jaeger": _jaeger}
