"""The surface that is attacked, in one table: a new route or operator is added here."""

from dataclasses import dataclass

from query.language.fields import COLUMNS


@dataclass(frozen=True)
class Door:
    """A listener: the setting of its address and how it tells what went wrong."""

    setting: str
    form: str


@dataclass(frozen=True)
class Route:
    """
    A path of a door, and what is sent there.

    That is `otlp`, `plain`, `question`, `tail`, `trace`, `page`, `transform`, `none`, or of
    `jaeger.PARAMETERS`. In the path `{id}` stands for the number of a dead letter, `{trace}` and
    `{service}` for what Jaeger's clients name.
    """

    door: Door
    method: str
    path: str
    takes: str


OTLP = Door("ingestor.http", "status")
API = Door("ingestor.api", "told")
QUERY = Door("query.listen", "error")
JAEGER = Door("query.jaeger.listen", "jaeger")
DOORS = (OTLP, API, QUERY, JAEGER)

SIGNALS = ("logs", "traces", "metrics")
PROBES = ("/healthz", "/readyz", "/metrics")
FIGURES = ("latencies", "calls", "errors", "{trace}")
ROUTES = (
    *(Route(OTLP, "POST", f"/v1/{signal}", "otlp") for signal in SIGNALS),
    *(Route(API, "POST", f"/v1/{signal}", "plain") for signal in SIGNALS),
    *(Route(QUERY, "GET", f"/v1/{signal}", "question") for signal in SIGNALS),
    Route(QUERY, "GET", "/v1/traces/", "trace"),
    Route(QUERY, "GET", "/v1/tail", "tail"),
    Route(API, "GET", "/v1/deadletters", "page"),
    Route(API, "GET", "/v1/deadletters/{id}", "none"),
    Route(API, "POST", "/v1/deadletters/{id}/replay", "none"),
    Route(API, "DELETE", "/v1/deadletters/{id}", "none"),
    *(Route(door, "GET", path, "none") for door in (API, QUERY, JAEGER) for path in PROBES),
    Route(JAEGER, "GET", "/api/services", "none"),
    Route(JAEGER, "GET", "/api/services/{service}/operations", "none"),
    Route(JAEGER, "GET", "/api/operations", "jaeger operations"),
    Route(JAEGER, "GET", "/api/traces", "jaeger search"),
    Route(JAEGER, "GET", "/api/traces", "jaeger named"),
    Route(JAEGER, "GET", "/api/traces/{trace}", "jaeger trace"),
    Route(JAEGER, "POST", "/api/archive/{trace}", "none"),
    Route(JAEGER, "POST", "/api/transform", "transform"),
    Route(JAEGER, "GET", "/api/dependencies", "jaeger links"),
    *(Route(JAEGER, "GET", f"/api/metrics/{one}", "jaeger figures") for one in FIGURES),
    Route(JAEGER, "GET", "/api/v3/services", "none"),
    Route(JAEGER, "GET", "/api/v3/operations", "jaeger operations"),
    Route(JAEGER, "GET", "/api/v3/traces", "jaeger v3 search"),
    Route(JAEGER, "GET", "/api/v3/traces/{trace}", "jaeger v3 trace"),
    Route(JAEGER, "GET", "/api/v3/trace-summaries", "jaeger v3 search"),
    Route(JAEGER, "GET", "/static/{trace}", "none"),
    Route(JAEGER, "GET", "/search", "none"),
)
NOWHERE = ("/", "/v1", "/v1/profiles", "/v1/logs/more", "/%2e%2e/etc/passwd", "/v1//logs", "*")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW")
PROTOBUF, JSON = "application/x-protobuf", "application/json"
MEDIA_TYPES = (
    PROTOBUF,
    JSON,
    "application/json; charset=utf-16",
    "APPLICATION/JSON",
    "application/x-www-form-urlencoded",
    "application/x-ndjson",
    "multipart/form-data; boundary=x",
    "text/plain",
    "text/html",
    "",
    ";",
    "application/json,application/x-protobuf",
    "x" * 300,
)
ENCODINGS = (
    "",
    "identity",
    "gzip",
    "x-gzip",
    "deflate",
    "zlib",
    "zstd",
    "br",
    "gzip, gzip",
    "GZIP",
)

FIELDS = {str(signal): tuple(columns) for signal, columns in COLUMNS.items()}
ATTRIBUTES = ("user.id", "http.route", "resource.k8s.pod.name", "scope.name", "`odd key`", "label")
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
WORDS = ("AND", "OR", "NOT", "and", "or", "not")
