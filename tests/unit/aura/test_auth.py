"""The settings of keys: what is refused, with which path, and how they come by the environment."""

import json
import re
from pathlib import Path

import pytest
import yaml

from aura.auth import KeyConfig
from aura.config import Config
from pipeline import settings
from pipeline.errors import Setup
from pipeline.keyring import Access, hashed
from tests.support.keys import READ, WRITE, entries, kept

ROOT = Path(__file__).parents[3]
HASH, OTHER = hashed(WRITE), hashed(READ)
KEY = {"name": "a", "hash": HASH, "scopes": ["write"]}


def load(environment=None, **auth):
    variables = {name: json.dumps(value) for name, value in (environment or {}).items()}
    if auth:
        variables |= {"AURA_AUTH_KEYS": json.dumps(auth["keys"])}
    return settings.load(Config, None, variables)


def test_a_key_is_of_the_default_tenant_unless_it_says_otherwise():
    (key,) = load(keys=[KEY]).auth.keys
    assert key.kept() == kept(WRITE, Access.WRITE, name="a")
    (key,) = load(keys=[KEY | {"tenant": ""}]).auth.keys
    assert key.kept().tenant == ""


WRONG = [
    ([{"name": "a", "scopes": ["write"]}], "auth.keys[0].hash: Field required"),
    ([KEY | {"hash": WRITE}], "auth.keys[0].hash: not a hash as `aura keys new` prints it"),
    ([KEY | {"hash": HASH[:-1]}], "auth.keys[0].hash: not a hash"),
    ([KEY | {"hash": HASH.removeprefix("sha256:")}], "auth.keys[0].hash: not a hash"),
    ([KEY | {"scopes": []}], "auth.keys[0].scopes: List should have at least 1 item"),
    ([KEY | {"scopes": ["wirte"]}], "auth.keys[0].scopes[0]: Input should be 'write', 'read'"),
    ([KEY | {"scopes": "write"}], "auth.keys[0].scopes: Input should be a valid list"),
    ([KEY | {"tenant": "a/b"}], "auth.keys[0].tenant: a tenant has 1 to 150 letters"),
    ([KEY | {"name": "a b"}], "auth.keys[0].name: "),
    ([KEY | {"key": WRITE}], "auth.keys[0].key: no such setting"),
    ([KEY, KEY | {"hash": OTHER}], "auth.keys: keys[1].name is that of keys[0] as well"),
    ([KEY, KEY | {"name": "b"}], "auth.keys: keys[1].hash is that of keys[0] as well"),
    (KEY, "auth.keys: "),
]


@pytest.mark.parametrize(("keys", "line"), WRONG, ids=[line for _, line in WRONG])
def test_what_cannot_be_is_refused_with_its_path(keys, line, tmp_path):
    with pytest.raises(Setup) as caught:
        load(keys=keys)
    assert str(caught.value).startswith(f"environment: AURA_AUTH_KEYS: {line}")
    assert "secret" not in str(caught.value)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"auth": {"keys": keys}}))
    with pytest.raises(Setup) as caught:
        settings.load(Config, file, {})
    assert str(caught.value).startswith(f"{file}: {line}")


def test_a_mode_that_takes_anybody_leaves_no_use_for_keys():
    with pytest.raises(Setup, match=r"auth\.keys: auth\.mode: none takes anybody"):
        settings.load(Config, None, {"AURA_AUTH_MODE": "none", "AURA_AUTH_KEYS": json.dumps([KEY])})


LISTENERS = ["INGESTOR_GRPC", "INGESTOR_HTTP", "INGESTOR_API", "STORAGE_LISTEN", "QUERY_LISTEN"]


@pytest.mark.parametrize("name", LISTENERS)
def test_other_machines_are_asked_for_a_key_or_taken_knowingly(name):
    reachable = {f"AURA_{name}": "0.0.0.0:4000"}
    with pytest.raises(Setup, match=rf"{name.lower().replace('_', '.')}: other machines reach"):
        settings.load(Config, None, reachable)
    assert settings.load(Config, None, reachable | {"AURA_AUTH_MODE": "none"})
    assert settings.load(Config, None, reachable | {"AURA_AUTH_KEYS": json.dumps([KEY])})


@pytest.mark.parametrize("name", LISTENERS)
def test_an_address_that_is_none_is_told_with_its_path(name):
    with pytest.raises(Setup, match=rf"{name.lower().replace('_', '.')}: .*is not an address"):
        settings.load(Config, None, {f"AURA_{name}": "here"})


def test_a_list_comes_by_the_environment_as_yaml():
    flow = f"[{{name: a, hash: {HASH}, scopes: [write, read], tenant: acme}}]"
    block = f"- name: a\n  hash: {HASH}\n  scopes: [write, read]\n  tenant: ${{env:WHO}}\n"
    for text in (flow, block):
        config = settings.load(Config, None, {"AURA_AUTH_KEYS": text, "WHO": "acme"})
        assert entries(key.kept() for key in config.auth.keys) == [
            {"name": "a", "hash": HASH, "scopes": ["read", "write"], "tenant": "acme"}
        ]
    with pytest.raises(Setup, match=r"environment: AURA_AUTH_KEYS: .* in line 1, column 10"):
        settings.load(Config, None, {"AURA_AUTH_KEYS": "[{name: a"})


def test_the_reference_shows_an_entry_that_is_right():
    """`config.yaml` has it as a comment, which names and describes each setting of a key."""
    lines = (ROOT / "config.yaml").read_text().splitlines()
    end = lines.index("  keys: []")
    shown = [lines[at].replace("  # ", "  ", 1) for at in range(end - 4, end)]
    config = settings.load(Config, None, {"AURA_AUTH_KEYS": "\n".join(line[2:] for line in shown)})
    assert len(config.auth.keys) == 1
    for name, field in KeyConfig.model_fields.items():
        (line,) = [line for line in shown if re.match(rf"(  - |    ){name}: ", line)]
        assert line.endswith(f"# {field.description[:1].lower()}{field.description[1:]}") or (
            name == "hash" and "stored nowhere" in line
        )


def test_keys_that_cross_the_network_as_plain_text_draw_a_warning(tmp_path):
    config = {
        "auth": {"keys": [KEY]},
        "ingestor": {"http": ":4318", "grpc": "localhost:4317"},
        "query": {"listen": "0.0.0.0:8081", "tls": {"cert_file": "a.pem", "key_file": "a.key"}},
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    (warning,) = settings.load(Config, file, {}).exposed()
    assert warning == (
        "ingestor.http: keys cross the network to :4318 as plain text; "
        "set ingestor.tls, unless a proxy in front of Aura holds the certificate"
    )
    file.write_text(yaml.safe_dump({"auth": {"mode": "none"}, "ingestor": {"http": ":4318"}}))
    assert settings.load(Config, file, {}).exposed() == []
