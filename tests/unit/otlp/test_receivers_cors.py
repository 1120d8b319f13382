"""Which origins and headers a page may have."""

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from otlp.config import CorsConfig
from otlp.receivers.cors import Cors
from otlp.receivers.status import Refusal

ORIGIN = "https://app.example.com"


def allowed(pattern: str, origin: str) -> bool:
    cors = Cors(CorsConfig(allowed_origins=(pattern,)))
    request = make_mocked_request("POST", "/", {"Origin": origin, "Host": "aura.example.com"})
    try:
        cors.demand(request)
    except Refusal:
        return False
    return True


@pytest.mark.parametrize(
    ("pattern", "origin", "expected"),
    [
        (ORIGIN, ORIGIN, True),
        ("HTTPS://App.example.com", ORIGIN, True),
        (ORIGIN, "http://app.example.com", False),
        (ORIGIN, f"{ORIGIN}:8443", False),
        (ORIGIN, f"{ORIGIN}.evil.com", False),
        ("https://*.example.com", ORIGIN, True),
        ("https://*.example.com", "https://a.b.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://evil-example.com", False),
        ("https://*.example.com", "https://app.example.com.evil.com", False),
        ("http*://localhost:*", "http://localhost:3000", True),
        ("https://*.a.*.com", "https://x.a.y.com", True),
        ("https://*.a.*.com", "https://x.b.y.com", False),
        ("https://a*a.com", "https://a.com", False),
        ("https://*", "null", False),
        ("null", "null", True),
        ("*", "null", True),
        ("*", ORIGIN, True),
    ],
)
def test_a_star_is_any_text(pattern, origin, expected):
    assert allowed(pattern, origin) is expected


@settings(max_examples=40)
@given(st.lists(st.text("ab.", max_size=3), min_size=1, max_size=4), st.data())
def test_whatever_the_stars_stand_for_matches(pieces, data):
    pattern = "https://x" + "*".join(pieces)
    pieces = pattern.split("*")
    fillings = data.draw(
        st.lists(st.text("ab.", max_size=3), min_size=len(pieces) - 1, max_size=len(pieces) - 1)
    )
    origin = pieces[0] + "".join(f + piece for f, piece in zip(fillings, pieces[1:], strict=True))
    assert allowed(pattern, origin)


@pytest.mark.parametrize("origin", ["", "https://", "https://a.com/", "https://a.com/x", "a b"])
def test_what_no_browser_calls_an_origin_is_refused(origin):
    with pytest.raises(ValidationError, match="is not an origin"):
        CorsConfig(allowed_origins=(origin,))


@pytest.mark.parametrize(
    ("origin", "host", "passes"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("https://LOCALHOST", "localhost", True),
        ("http://127.0.0.1:8081", "127.0.0.1:8080", False),
        ("http://evil.com", "127.0.0.1:8080", False),
        ("http://evil.com:8080", "evil.com:8080", False),  # rebound
        ("http://127.0.0.1.evil.com:8080", "127.0.0.1.evil.com:8080", False),
        ("null", "127.0.0.1:8080", False),
        ("", "", False),
        ("http://[", "[", False),
        (None, "evil.com:8080", True),  # no browser
    ],
)
def test_without_permission_only_the_own_origin_passes(origin, host, passes):
    headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})
    request = make_mocked_request("POST", "/v1/logs", headers)
    if passes:
        Cors(CorsConfig()).demand(request)
    else:
        with pytest.raises(Refusal, match=r"ingestor\.cors\.allowed_origins") as caught:
            Cors(CorsConfig()).demand(request)
        assert caught.value.answer.http == 403


@pytest.mark.parametrize(
    ("settings", "wanted", "permitted"),
    [
        ((), "content-type", True),
        ((), "Content-Type, Content-Encoding", True),
        ((), "", True),
        ((), "authorization", False),
        (("Authorization",), "authorization,content-type", True),
        (("*",), "anything, at-all", True),
    ],
)
def test_headers_are_permitted_by_name(settings, wanted, permitted):
    cors = Cors(CorsConfig(allowed_origins=(ORIGIN,), allowed_headers=settings, max_age="2h"))
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    headers |= {"Access-Control-Request-Headers": wanted} if wanted else {}
    answer = cors.preflight(make_mocked_request("OPTIONS", "/v1/logs", headers))
    assert answer is not None
    assert answer.status == 204
    told = answer.headers
    assert ("Access-Control-Allow-Origin" in told) is permitted
    assert told.get("Access-Control-Allow-Headers") == (wanted or None if permitted else None)
    assert told.get("Access-Control-Max-Age") == ("7200" if permitted else None)
