"""A start that cannot go on says so in one line that names the setting or path."""

import socket
import subprocess
import sys

import pytest

from tests.support.aura_process import PORTS, ROOT, Aura

pytestmark = pytest.mark.slow


def refused(aura: Aura, *arguments: str, **settings: str) -> str:
    """Run until it ends; return the one line that it wrote."""
    process = aura.begin(*arguments, **settings)
    assert process.wait(60) != 0
    log = aura.folder / "stderr.log"
    lines = [line for line in log.read_text().splitlines() if not line.startswith("{")]
    log.unlink()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("bus: [", "config.yaml: "),
        ("bus: 1\nbus: 2", 'config.yaml: "bus" is set twice in line 2'),
        ("bus: {partition: 2}", "config.yaml: bus.partition: no such setting"),
        ("bus: {partitions: many}", "config.yaml: bus.partitions: "),
        ("storage: {retention: {logs: 3 moons}}", "config.yaml: storage.retention.logs: "),
        ("ingestor: {http: '0.0.0.0:4318'}", "ingestor.http"),
        (
            "pipeline: {traces: [{attributes: {actions: [{key: a, action: paint}]}}]}",
            "pipeline.traces[0].attributes.actions[0]",
        ),
        ("pipeline: {logs: [{tail_sampling: {}}]}", "pipeline.logs[0].tail_sampling"),
    ],
)
def test_a_malformed_configuration_names_the_setting(tmp_path, text, line):
    (tmp_path / "config.yaml").write_text(text)
    aura = Aura(tmp_path)
    if "ingestor" in text:
        aura.ports = {}
    assert line in refused(aura)
    assert not (tmp_path / "data").exists()


def test_an_unknown_variable_is_refused_with_a_hint(tmp_path):
    line = refused(Aura(tmp_path), AURA_BUS_PARTITION="3")
    assert "AURA_BUS_PARTITION names no setting (did you mean AURA_BUS_PARTITIONS?)" in line


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
        text = (tmp_path / "stderr.log").read_text()
        assert f"data folder {tmp_path}/data is in use by process {first.process.pid}" in text
        assert first.status("/readyz") == 200


def test_a_schema_that_is_too_new_is_refused_and_left_alone(tmp_path):
    aura = Aura(tmp_path)
    try:
        aura.start()
        assert aura.stop() == 0
        (tmp_path / "stderr.log").unlink()
        aura.sql("INSERT INTO migrations (number, name) VALUES (9999, 'later')")
        line = refused(aura)
        assert "storage.url: the schema is at migration 9999" in line
        aura.sql("ALTER TABLE migrations DELETE WHERE number = 9999 SETTINGS mutations_sync = 2")
        aura.start()
        assert aura.stop() == 0
    finally:
        aura.kill()


def test_check_says_what_is_wrong_and_what_is_right(tmp_path):
    def check(path: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aura", "check", path],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("log: {level: loud}")
    assert check("config.yaml").stdout == "config.yaml: ok\n"
    done = check(str(wrong))
    assert done.returncode == 1
    assert "log.level" in done.stderr
