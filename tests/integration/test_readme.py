"""Each sample of README.md does what it says, against a real Aura."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aura.command import main
from tests.support.aura_process import ROOT, Aura, poll
from tests.support.readme import Block, blocks, questions

pytestmark = pytest.mark.slow

PEERS = ROOT / "build" / "peers"
"""Where `make peers` leaves what the languages need, each in a folder of its name."""
PATIENCE_S = 120


@pytest.fixture(scope="module")
def aura(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aura]:
    started = Aura(tmp_path_factory.mktemp("aura"))
    started.forked = False  # as the two commands do
    with started:
        yield started


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_is_run_or_checked():
    known = {"sh", "json", "yaml", *SAMPLES}
    assert {block.language for block in blocks()} == known
    assert len(questions()) >= 6


def test_the_commands_of_make_exist():
    (block,) = [block for block in blocks() if block.text.startswith("make ")]
    for line in block.text.splitlines():
        run(*line.partition("#")[0].split(), "--dry-run", cwd=ROOT)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl(aura: Aura, tmp_path: Path):
    """What is sent is taken, and what is looked up is found as it is shown."""
    found = blocks()
    for block, shown in zip(found, [*found[1:], Block("", "")], strict=True):
        if block.language == "python":  # sends what is looked up below
            python(block.at(aura.ports), tmp_path)
        if block.language != "sh" or "curl" not in block.text or "/v1/tail" in block.text:
            continue
        script = block.at(aura.ports).replace("curl ", "curl -sS --fail-with-body ")

        def output(script: str = script) -> str:
            return run("sh", "-euc", script, cwd=tmp_path)

        if shown.language == "json":
            wanted = json.loads(shown.text)
            poll(lambda wanted=wanted: holds(wanted, json.loads(output())), 10, block.text)
        elif "8081" in block.text:
            poll(lambda: (out := attempt(output)) and "[]" not in out.splitlines()[0], 10)
        elif "16686" in block.text:
            empty = re.compile(r'"(data|operations)":\[\]')
            poll(lambda empty=empty: (out := attempt(output)) and not empty.search(out), 10)
        else:
            told = output()
            assert "accepted" in told or told == "{}"
            assert '"refused": 0' in told or "refused" not in told


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_tail(aura: Aura):
    """What comes after the tail's start is told by it."""
    (block,) = [block for block in blocks() if "/v1/tail" in block.text]
    command = shlex.split(block.at(aura.ports), comments=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tail:
        assert tail.stdout is not None
        lines = iter(tail.stdout.readline, b"")
        try:
            assert b"event: open\n" in lines
            sent = json.dumps({"level": "WARN", "message": "to the tail"}).encode()
            urllib.request.urlopen(aura.url("/v1/logs", "ingestor.api"), sent, timeout=20).close()
            assert any(b'"to the tail"' in line for line in lines)
        finally:
            tail.kill()


def test_terminal(aura: Aura, tmp_path: Path):
    """Each command is taken; what it prints is told in test_shell.py."""
    (block,) = [block for block in blocks() if "aura query" in block.text]
    commands = [shlex.split(line, comments=True) for line in block.text.splitlines()]
    assert [command[1] for command in commands] == ["query", "query", "trace", "tail"]
    told = {"service_name": "shop", "level": "WARN", "message": "to the terminal"}
    span = {"trace_id": commands[2][2], "span_id": "b7ad6b7169203331", "name": "checkout"}
    for signal, record in (("logs", told), ("traces", span | {"status": "error"})):
        sent = json.dumps(record).encode()
        urllib.request.urlopen(aura.url(f"/v1/{signal}", "ingestor.api"), sent, timeout=20).close()
    poll(lambda: aura.ask("/v1/logs", q="terminal")["logs"])
    poll(lambda: aura.ask("/v1/traces", q="error=true")["traces"])
    around = {"PYTHONPATH": str(ROOT), "AURA_URL": aura.url("")}
    for _, *arguments in commands[:3]:
        assert run(sys.executable, "-m", "aura", *arguments, cwd=tmp_path, **around)
    assert run(sys.executable, "-m", "aura", *commands[3][1:], "--help", cwd=tmp_path, **around)


def attempt(output: Callable[[], str]) -> str:
    """Return the output, or nothing as long as what is asked for is not there."""
    try:
        return output()
    except AssertionError:
        return ""


def holds(wanted: Any, told: Any) -> bool:
    """Tell whether what is shown is in what was told, which may have more members."""
    if isinstance(wanted, dict):
        return all(key in told and holds(value, told[key]) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(wanted) <= len(told) and all(map(holds, wanted, told))
    return wanted == told


@pytest.mark.parametrize(("signal", "query"), questions())
def test_questions(aura: Aura, signal: str, query: str):
    assert signal in aura.ask(f"/v1/{signal}", q=query)


def test_settings(tmp_path: Path):
    for number, block in enumerate(block for block in blocks() if block.language == "yaml"):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block.text)
        assert CliRunner().invoke(main, ["check", str(file)]).stdout == f"{file}: ok\n"


def python(text: str, folder: Path) -> None:
    run(sys.executable, "-c", text, cwd=folder)


def javascript(text: str, folder: Path) -> None:
    (folder / "node_modules").symlink_to(PEERS / "javascript" / "node_modules")
    (folder / "shop.mjs").write_text(text)
    run("node", "shop.mjs", cwd=folder)


def go(text: str, folder: Path) -> None:
    for name in ("go.mod", "go.sum"):
        shutil.copy(ROOT / "tests" / "clients" / "go" / name, folder)
    (folder / "main.go").write_text(text)
    run("go", "run", "-mod=mod", ".", cwd=folder, GOPROXY="off", GOFLAGS="")


def java(text: str, folder: Path) -> None:
    (folder / "Shop.java").write_text(text)
    run("java", "-cp", f"{PEERS}/java/lib/*", "Shop.java", cwd=folder)


def rust(text: str, folder: Path) -> None:
    project = PEERS / "rust"
    (project / "src" / "main.rs").write_text(text)
    run("cargo", "run", "--quiet", "--offline", cwd=project)


SAMPLES: dict[str, Callable[[str, Path], None]] = {
    "python": python,
    "javascript": javascript,
    "go": go,
    "java": java,
    "rust": rust,
}


@pytest.mark.parametrize("language", SAMPLES)
def test_languages(aura: Aura, tmp_path: Path, language: str):
    if language != "python" and not (PEERS / language).exists():
        pytest.skip(f"make peers has not built {language}")
    (block,) = [block for block in blocks() if block.language == language]
    SAMPLES[language](block.at(aura.ports), tmp_path)
    query = f'service_name="shop-{language}" AND name=checkout AND user.id=42'
    poll(lambda: aura.ask("/v1/traces", q=query)["traces"], 10, query)
