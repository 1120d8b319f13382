"""House rules that a machine can hold."""

import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from aura.config import Config
from pipeline import settings

ROOT = Path(__file__).parents[1]
PACKAGES = ("aura", "otlp", "pipeline", "storage", "query")
OURS = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_no_installed_distribution_takes_our_names():
    taken = packages_distributions()
    foreign = {name: set(taken.get(name, ())) - {"aura"} for name in (*PACKAGES, "alerts", "ui")}
    assert {name: who for name, who in foreign.items() if who} == {}


def test_every_module_is_imported_or_run():
    text = "\n".join(path.read_text() for path in OURS)
    direct = set(re.findall(r"(?:from|import) ([\w.]+)", text))
    direct |= set(re.findall(r": \"([\w.]+)\",", text))
    listed = {
        f"{parent}.{name}"
        for parent, names in re.findall(r"from ([\w.]+) import ([^\n]*)", text)
        for name in re.findall(r"\w+", names)
    }
    entries = {"aura.__main__", "aura.command", "pipeline.bus.leash"}
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in OURS
        if path.name != "__init__.py"
    }
    assert sorted(modules - entries - direct - listed) == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small_and_finished(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)


def test_config_yaml_is_the_reference():
    file = ROOT / "config.yaml"
    read, default = (settings.load(Config, one, {}) for one in (file, None))
    assert read.model_dump(mode="json") == default.model_dump(mode="json")
    raw = yaml.safe_load(file.read_text())
    lines = file.read_text().splitlines()
    for path in settings.fields(Config):
        place = raw
        for part in path:
            assert part in place, ".".join(path)
            place = place[part]
        setting = re.compile(rf"\s*{path[-1]}: ")
        documented = [at for at, line in enumerate(lines) if setting.match(line)]
        assert any(lines[at - 1].lstrip().startswith("# ") for at in documented), path


CONTRACT_CASES = range(1, 48)
"""The numbered cases of the OTLP contract, section 7."""


def test_every_case_of_the_otlp_contract_is_a_test():
    named = re.compile(r"def test_(?:cases?_)?((?:[0-9]{1,2}_)+)(?![0-9])")
    found = {
        int(number)
        for path in (ROOT / "tests").rglob("test_*.py")
        for match in named.finditer(path.read_text())
        for number in match[1].strip("_").split("_")
    }
    assert set(CONTRACT_CASES) <= found


def test_tracked_files_name_no_registry_and_no_machine():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    hosts = re.compile(r"pypi\.org|pythonhosted|npmjs\.(org|com)|proxy\.golang|crates\.io/")
    paths = re.compile(r"/(root|work)/[a-z.]")
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and path != Path(__file__):
            text = path.read_text(errors="replace")
            assert not hosts.search(text), name
            assert not paths.search(text), name


def test_the_architecture_is_short_and_names_every_package():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert [name for name in PACKAGES if f"`{name}`" not in text] == []
    assert len(text.splitlines()) <= 250, "what concerns one room stands in its README.md"
