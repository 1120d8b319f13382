"""Jaeger over HTTP, the numbered cases: calls, figures, routing (33, 34, 37, 45), and keys.

Case 46, a real UI in a browser, is `tests/integration/test_jaeger_ui.py`.
"""

import json

import pytest

from pipeline.errors import Setup
from pipeline.keyring import Access, Keyring
from query.jaeger.config import JaegerConfig
from query.jaeger.ui import Ui
from tests.support.jaegers import MS, Sent, jaeger
from tests.support.keys import bearer, kept, ring
from tests.support.stores import NOW

BOTH = pytest.mark.parametrize("kind", ["memory", "chdb"])
SECOND = 10**9
PAGE = """<html><head><base href="/"><script>
const JAEGER_CONFIG = DEFAULT_CONFIG;
// JAEGER_CONFIG_JS
// the line that goes with it
JAEGER_VERSION = DEFAULT_VERSION;
JAEGER_BACKEND_CAPABILITIES = DEFAULT_BACKEND_CAPABILITIES;
JAEGER_STORAGE_CAPABILITIES = DEFAULT_STORAGE_CAPABILITIES;
</script></head></html>"""


def links(answer):
    return [(one["parent"], one["child"], one["callCount"]) for one in answer["data"]]


@BOTH
async def test_case_33_dependencies_are_counted_from_spans(kind):
    sent = Sent()
    sent.span("a", trace=1, span=1)
    sent.span("b", trace=1, span=2, parent=1)
    sent.span("b", trace=1, span=3, parent=1)
    sent.span("c", trace=1, span=4, parent=3)
    sent.span("c", trace=1, span=5, parent=99)
    sent.span("c", trace=2, span=6, parent=1)
    sent.span("c", trace=1, span=7, parent=4)
    async with jaeger(kind) as asked:
        assert (await asked.get("/api/dependencies"))["data"] == []
        await asked.send(sent)
        every = [("a", "b", 2), ("b", "c", 1), ("c", "c", 1)]
        assert links(await asked.get("/api/dependencies")) == every
        assert links(await asked.get("/api/dependencies", service="a")) == every[:1]
        early = {"endTs": NOW // MS - 1, "lookback": 1000}
        assert (await asked.get("/api/dependencies", **early))["data"] == []
        assert links(await asked.get("/api/dependencies", endTs=NOW // MS, lookback=1)) == every
        for name in ("endTs", "lookback"):
            said = await asked.wrong("/api/dependencies", **{name: "x"})
            assert said.startswith(f"unable to parse param '{name}'")


def points(metric):
    return [one["gaugeValue"]["doubleValue"] for one in metric["metricPoints"]]


@BOTH
async def test_case_34_figures_are_computed_from_spans(kind):
    sent = Sent()
    for at, lasts, status in ((1, 10, 0), (2, 30, 2), (61, 50, 0)):
        sent.span(
            "api", "get", trace=1, at=NOW - 120 * SECOND + at * SECOND, lasts=lasts * MS,
            kind=2, status=status,
        )  # fmt: skip
    sent.span("api", "put", trace=1, at=NOW - 10 * SECOND, lasts=MS, kind=2)
    sent.span("api", "call", trace=1, at=NOW - 10 * SECOND, lasts=MS, kind=3)
    around = {"service": "api", "endTs": NOW // MS, "lookback": 180_000, "step": 60_000}
    async with jaeger(kind) as asked:
        empty = await asked.get("/api/metrics/calls", service="nobody")
        assert (empty["name"], empty["metrics"]) == ("service_call_rate", [])
        await asked.send(sent)
        told = await asked.get("/api/metrics/latencies", **around, quantile=0.5)
        assert (told["name"], told["type"]) == ("service_latencies", "GAUGE")
        (metric,) = told["metrics"]
        assert metric["labels"] == [{"name": "service_name", "value": "api"}]
        times = [one["timestamp"][11:] for one in metric["metricPoints"]]
        assert times == ["11:57:00Z", "11:58:00Z", "11:59:00Z", "12:00:00Z"]
        assert points(metric) == ["NaN", "NaN", 30.0, 50.0]
        (metric,) = (await asked.get("/api/metrics/calls", **around, ratePer=120_000))["metrics"]
        assert points(metric) == [0, 0, 2 / 120, 4 / 120]
        (metric,) = (await asked.get("/api/metrics/errors", **around, ratePer=60_000))["metrics"]
        assert points(metric) == [0, 0, 0.5, 0], "no errors are 0 and no gap"
        told = await asked.get("/api/metrics/errors", **around, groupByOperation="true")
        assert told["name"] == "service_operation_error_rate"
        assert [one["labels"] for one in told["metrics"]] == [
            [{"name": "service_name", "value": "api"}, {"name": "operation", "value": name}]
            for name in ("get", "put")
        ]
        kinds = "&spanKind=client&spanKind=server"
        query = "&".join(f"{name}={value}" for name, value in around.items())
        told = await asked.get(f"/api/metrics/calls?groupByOperation=1&{query}{kinds}")
        assert [one["labels"][1]["value"] for one in told["metrics"]] == ["call", "get", "put"]


@pytest.mark.parametrize(
    ("figure", "given", "said"),
    [
        ("latencies", {"service": "api"}, "unable to parse param 'quantile'"),
        ("latencies", {}, "unable to parse param 'quantile'"),
        ("latencies", {"service": "api", "quantile": "nan"}, "unable to parse param 'quantile'"),
        (
            "calls",
            {},
            "unable to parse param 'service': please provide at least one service name",
        ),
        ("calls", {"service": "api", "spanKind": "bad"}, "unsupported span kind: 'bad'"),
        ("errors", {"service": "api", "step": "0"}, "unable to parse param 'step'"),
        ("errors", {"service": "api", "endTs": "x"}, "unable to parse param 'endTs'"),
        ("errors", {"service": "api", "endTs": str(2**63 - 1)}, "unable to parse param 'endTs'"),
        ("errors", {"service": "api", "groupByOperation": "x"}, "unable to parse param 'group"),
        ("errors", {"service": "api", "step": "1"}, "lookback and ratePer are 4200000 times"),
    ],
)
async def test_case_34_figures_need_what_they_are_of(figure, given, said):
    async with jaeger() as asked:
        assert (await asked.wrong(f"/api/metrics/{figure}", **given)).startswith(said)


async def test_case_34_figures_can_be_left_out():
    async with jaeger(monitor=False) as asked:
        told = await asked.get("/api/metrics/calls", 501, service="api")
        said = "trace metrics are currently disabled - no metrics backend configured"
        assert told["errors"] == [{"code": 501, "msg": said}]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/nope"),
        ("GET", "/api/"),
        ("POST", "/api/services"),
        ("PUT", "/api/v3/services"),
        ("GET", "/api/archive/x"),
        ("GET", "/api/metrics/minstep"),
        ("GET", "/api/v3/dependencies"),
        ("POST", "/search"),
        ("GET", "/static/none.js"),
        ("GET", "/static/..%2Findex.html"),
    ],
)
async def test_case_37_what_is_not_there_is_404_in_plain_text(method, path, tmp_path):
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "static").mkdir()
    async with (
        jaeger(ui_dir=tmp_path) as asked,
        asked.client.request(method, path) as response,
    ):
        assert response.status == 404
        assert await response.text() == "404 page not found\n"
        assert response.content_type == "text/plain"


async def test_case_37_all_else_is_the_page(tmp_path):
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "app.js").write_text("1")
    (tmp_path / "config.json").write_text('{"x": "</script>"}')
    given = {"ui_dir": tmp_path, "ui_config": tmp_path / "config.json"}
    async with jaeger(**given) as asked:
        for path in ("/", "/search", "/trace/1", "/dependencies", "/monitor"):
            async with asked.client.get(path) as response:
                assert response.headers["Content-Type"] == "text/html; charset=utf-8"
                assert "no-store" in response.headers["Cache-Control"]
                page = await response.text()
        for line in (
            '<base href="/">',
            'JAEGER_CONFIG = {"x": "\\u003c/script>"};',
            'JAEGER_VERSION = {"gitCommit": "", "gitVersion": "aura 1.0", "buildDate": ""};',
            'JAEGER_BACKEND_CAPABILITIES = {"archiveStorage": true, "metricsStorage": true, ',
            '"searchWithoutServiceName": true, "aiAssistant": false};',
            'JAEGER_STORAGE_CAPABILITIES = {"archiveStorage": true, "metricsStorage": true};',
        ):
            assert line in page
        async with asked.client.get("/static/app.js") as response:
            assert await response.text() == "1"
    async with jaeger() as asked, asked.client.get("/search") as response:
        assert "query.jaeger.ui_dir" in await response.text()


def test_the_settings_of_the_ui_may_be_a_script(tmp_path):
    (tmp_path / "index.html").write_text(PAGE)
    own = tmp_path / "config.js"
    own.write_text("function UIConfig() { return {a: '\\1'}; }")
    page = Ui(JaegerConfig(ui_dir=tmp_path, ui_config=own), "1")._page.decode()
    assert "the line that goes with it" not in page
    assert own.read_text() in page


def test_a_ui_that_cannot_be_read_names_its_setting(tmp_path):
    with pytest.raises(Setup, match=r"query\.jaeger\.ui_dir: cannot read .*No such file"):
        Ui(JaegerConfig(ui_dir=tmp_path), "1")
    (tmp_path / "index.html").write_text(PAGE)
    for name, said in (("a.json", "is no JSON"), ("a.js", "no function UIConfig")):
        (tmp_path / name).write_text("{")
        with pytest.raises(Setup, match=rf"query\.jaeger\.ui_config: .*{said}"):
            Ui(JaegerConfig(ui_dir=tmp_path, ui_config=tmp_path / name), "1")


async def test_case_45_a_base_path_stands_before_everything(tmp_path):
    (tmp_path / "index.html").write_text(PAGE)
    async with jaeger(base_path="/jaeger", ui_dir=tmp_path) as asked:
        assert await asked.get("/jaeger/api/v3/services") == {"services": []}
        for path in ("/jaeger", "/jaeger/", "/jaeger/search"):
            async with asked.client.get(path) as response:
                assert '<base href="/jaeger/">' in await response.text()
        for path in ("/api/v3/services", "/search", "/", "/jaeger/api/nope"):
            async with asked.client.get(path) as response:
                assert (response.status, response.content_type) == (404, "text/plain")


@pytest.mark.parametrize("path", ["jaeger", "/a/", "/{a}", "/a?b", "//"])
def test_a_base_path_is_one(path):
    with pytest.raises(ValueError, match="a path that starts with /"):
        JaegerConfig(base_path=path)


async def test_keys_are_asked_for_below_api_in_the_form_of_each_generation():
    keys = ring(kept("k1", Access.READ), kept("k2", Access.WRITE))
    async with jaeger(keyring=keys) as asked:
        refused = await asked.get("/api/services", 401)
        assert refused["errors"][0]["code"] == 401
        assert (await asked.get("/api/v3/services", 401))["error"]["httpCode"] == 401
        for key, status in (("k1", 200), ("k2", 403)):
            async with asked.client.get("/api/services", headers=bearer(key)) as response:
                assert response.status == status, json.loads(await response.text())
        async with asked.client.get("/search") as response:
            assert response.status == 200


async def test_tenants_see_their_own_traces():
    sent = Sent()
    sent.span("api", trace=1)
    async with jaeger(keyring=Keyring(tenant_header=True)) as asked:
        await asked.send(sent, tenant="other")
        assert await asked.get("/api/v3/services") == {"services": []}
        await asked.get("/api/traces/1", 404)
        async with asked.client.get("/api/traces/1", headers={"X-Scope-OrgID": "other"}) as answer:
            assert answer.status == 200
