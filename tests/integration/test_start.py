"""A start that cannot go on says so in one line that names the setting or path."""

import socket
from subprocess import TimeoutExpired

import pytest
from click.testing import CliRunner
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

from aura.command import main
from tests.support.aura_process import PORTS, ROOT, Aura, poll
from tests.support.certificates import Authority, needs_openssl
from tests.support.otlp_sdk import send_log

pytestmark = pytest.mark.slow


def refused(aura: Aura, **settings: str) -> str:
    """Run until it ends; return the one line that it wrote."""
    aura.begin(**settings)
    return ended(aura)


def ended(aura: Aura) -> str:
    """Wait for the end of a start; return the one line beside the log. Nothing runs any more."""
    assert aura.process is not None
    log = aura.folder / "stderr.log"
    try:
        assert aura.process.wait(60) == 1
    except TimeoutExpired:
        aura.kill()  # it would fail the next test as well
        raise AssertionError(f"it goes on: {log.read_text()[-2000:]}") from None
    lines = [line for line in log.read_text().splitlines() if not line.startswith("{")]
    log.unlink()
    assert len(lines) == 1, lines
    assert aura.family() == []
    return lines[0]


MALFORMED = [
    (
        "bus: [",
        "config.yaml: expected the node content, but found '<stream end>' in line 1, column 7",
    ),
    ("bus: 1\nbus: 2", 'config.yaml: "bus" is set twice in line 2'),
    ("bus: {partition: 2}", "config.yaml: bus.partition: no such setting"),
    ("bus: {partitions: many}", "config.yaml: bus.partitions: "),
    ("bus: {stream_bytes_max: 1MB}", "config.yaml: bus.stream_bytes_max (1000000) must be at"),
    ("storage: {retention: {logs: 3 moons}}", "config.yaml: storage.retention.logs: "),
    ("storage: {url: 'mysql://there'}", "config.yaml: storage.url: "),
    ("ingestor: {http: '0.0.0.0:4318'}", "config.yaml: ingestor.http: "),
    ("ingestor: {in_flight_bytes_max: 64MiB}", "config.yaml: ingestor: in_flight_bytes_max"),
    ("ingestor: {tls: {cert_file: a.pem}}", "config.yaml: ingestor.tls: cert_file is set, and key"),
    ("query: {tls: {min_version: 1.1}}", "config.yaml: query.tls.min_version: "),
    (
        "query: {tls: {cert_file: a.pem, key_file: a.key}}",
        "query.tls.cert_file: cannot read a.pem: No such file",
    ),
    (
        "ingestor: {cors: {allowed_origins: ['https://a.com/x']}}",
        'config.yaml: ingestor.cors.allowed_origins[0]: "https://a.com/x" is not an origin',
    ),
    (
        "pipeline: {traces: [{attributes: {actions: [{key: a, action: paint}]}}]}",
        "config.yaml: pipeline.traces[0].attributes.actions[0]",
    ),
    ("pipeline: {logs: [{tail_sampling: {}}]}", "config.yaml: pipeline.logs[0].tail_sampling"),
]


@pytest.mark.parametrize(("text", "line"), MALFORMED, ids=[text for text, _ in MALFORMED])
def test_a_malformed_configuration_names_the_setting(tmp_path, monkeypatch, text, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text)

    done = CliRunner().invoke(main, ["check"])

    assert done.exit_code == 1
    assert done.stderr.startswith(f"aura: {line}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_what_the_process_says_is_one_line(tmp_path):
    (tmp_path / "config.yaml").write_text("bus: {partition: 2}")
    line = "aura: config.yaml: bus.partition: no such setting (did you mean bus.partitions?)"
    aura = Aura(tmp_path)
    aura.forked = False
    assert refused(aura) == line


def test_an_unknown_variable_is_refused_with_a_hint(tmp_path):
    line = refused(Aura(tmp_path), AURA_BUS_PARTITION="3")
    assert "AURA_BUS_PARTITION names no setting (did you mean AURA_BUS_PARTITIONS?)" in line


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    line = refused(Aura(tmp_path), AURA_DATA=str(tmp_path / "file" / "data"))
    assert line.startswith(f"aura: data folder {tmp_path}/file/data: ")


@pytest.mark.parametrize(
    ("roles", "settings", "line"),
    [
        ("router", {}, "--role router: an embedded engine has one owner: run both in one process"),
        ("ingestor,router", {}, "--role router: an embedded engine has one owner"),
        ("query", {}, "--role query: an embedded engine has one owner: set storage.remote.url"),
        ("query", {"AURA_STORAGE_URL": "memory://"}, "--role query: an embedded engine"),
        ("kitchen", {}, "--role: kitchen: a role is one of ingestor, router, storage, query"),
        (
            "storage",
            {"AURA_STORAGE_REMOTE_URL": "grpc://here"},
            "environment: AURA_STORAGE_REMOTE_URL: storage.remote.url: ",
        ),
    ],
)
def test_roles_that_cannot_reach_their_storage_say_what_to_set(tmp_path, roles, settings, line):
    environment = {"AURA_DATA": str(tmp_path / "data"), **settings}

    done = CliRunner(env=environment).invoke(main, ["up", "--role", roles])

    assert done.exit_code == 1
    assert done.stderr.startswith(f"aura: {line}")
    assert not (tmp_path / "data").exists()


def test_servers_that_do_not_answer_name_their_settings(tmp_path):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        there = f"127.0.0.1:{deaf.getsockname()[1]}"
        asked = {
            "bus.url: no NATS with JetStream took us within 15 s": {
                "AURA_BUS_URL": f"nats://{there}",
                "AURA_STORAGE_URL": "memory://",
            },
            "storage.url: cannot open clickhouse://127.0.0.1": {
                "AURA_STORAGE_URL": f"clickhouse://me:secret@{there}/aura"
            },
            f"storage.remote.url: cannot ask grpc://{there}: ": {
                "AURA_STORAGE_REMOTE_URL": f"grpc://{there}",
                "AURA_STORAGE_REMOTE_KEY": "secret",
            },
        }
        waiting = {}
        for number, (line, settings) in enumerate(asked.items()):
            folder = tmp_path / str(number)
            folder.mkdir()
            waiting[line] = Aura(folder)
            roles = ["--role", "query"] if "AURA_STORAGE_REMOTE_URL" in settings else []
            waiting[line].begin(*roles, **settings)
        for line, aura in waiting.items():
            told = ended(aura)
            assert told.startswith(f"aura: {line}")
            assert "secret" not in told


@pytest.mark.parametrize("name", PORTS)
def test_a_taken_port_names_its_setting(tmp_path, name):
    aura = Aura(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", aura.ports[name]))
        taken.listen()
        line = refused(aura)
    assert f"{name}: cannot listen on 127.0.0.1:{aura.ports[name]}" in line


def test_a_data_folder_in_use_is_refused_by_name(tmp_path):
    with Aura(tmp_path) as first:
        second = Aura(tmp_path)
        assert first.process is not None
        process = second.begin()
        assert process.wait(30) != 0
        assert second.family() != []  # the first one's
        text = (tmp_path / "stderr.log").read_text()
        assert f"data folder {tmp_path}/data is in use by process {first.process.pid}" in text
        assert first.status("/readyz") == 200


def test_a_schema_that_is_too_new_is_refused_and_left_alone(tmp_path):
    aura = Aura(tmp_path)
    try:
        aura.start()
        send_log(
            OTLPLogExporter(endpoint=f"http://127.0.0.1:{aura.ports['ingestor.http']}/v1/logs")
        )
        poll(lambda: aura.ask("/v1/logs")["logs"], 10, "found")
        assert aura.stop() == 0
        (tmp_path / "stderr.log").unlink()
        aura.sql("INSERT INTO migrations (number, name) VALUES (9999, 'later')")
        line = refused(aura)
        assert "storage.url: the schema is at migration 9999" in line
        aura.sql("ALTER TABLE migrations DELETE WHERE number = 9999 SETTINGS mutations_sync = 2")
        aura.start()
        assert len(aura.ask("/v1/logs")["logs"]) == 1
    finally:
        aura.kill()


@needs_openssl
def test_check_warns_of_an_expired_certificate(tmp_path):
    pair = Authority(tmp_path).make().sign("server", days=-1)
    file = tmp_path / "config.yaml"
    file.write_text(f"ingestor: {{tls: {{cert_file: {pair.cert}, key_file: {pair.key}}}}}")
    done = CliRunner().invoke(main, ["check", str(file)])
    warning = f"{file}: warning: ingestor.tls.cert_file: certificate has expired\n"
    assert (done.exit_code, done.stderr, done.stdout) == (0, warning, f"{file}: ok\n")


def test_check_says_what_is_wrong_and_what_is_right(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("log: {level: loud}")
    right = str(ROOT / "config.yaml")
    assert CliRunner().invoke(main, ["check", right]).stdout == f"{right}: ok\n"
    done = CliRunner().invoke(main, ["check", str(wrong)])
    assert done.exit_code == 1
    assert "log.level" in done.stderr
