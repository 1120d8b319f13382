"""`aura keys`: what it prints is taken as it is."""

import re

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from aura.command import main
from aura.config import Config
from pipeline.settings import load
from tests.support.keys import WRITE


def run(*arguments, stdin=None):
    return CliRunner().invoke(main, ["keys", *arguments], input=stdin)


def admitted(folder, block, key, *, tenant=None):
    """Load what was printed; return (name, tenant) of the key by scope."""
    file = folder / "config.yaml"
    file.write_text(block)
    keyring = load(Config, file, {}).auth.keyring()
    values = {"authorization": [f"Bearer {key}"], "x-scope-orgid": [tenant] if tenant else []}
    (entry,) = load(Config, file, {}).auth.keys
    found = {scope: keyring.admit(lambda name: values[name], scope) for scope in entry.scopes}
    return {str(scope): (identity.name, identity.tenant) for scope, identity in found.items()}


def test_a_new_key_is_shown_once_and_its_entry_works(tmp_path):
    done = run("new")
    (key,) = re.findall(r"^aura_.*$", done.stdout, re.MULTILINE)
    assert done.stdout.count(key) == 1
    block = done.stdout[done.stdout.index("auth:") :]
    ((scope, (name, tenant)),) = admitted(tmp_path, block, key).items()
    assert (scope, tenant) == ("write", "default")
    assert re.fullmatch(r"write-[0-9a-f]{4}", name)
    assert run("new").stdout != done.stdout


def test_a_key_of_ones_own_is_read_from_standard_input_and_never_shown(tmp_path):
    options = ["--name", "dash", "--scope", "read", "--scope", "admin", "--tenant", "acme"]
    done = run("hash", *options, stdin=f"{WRITE}\n")
    assert WRITE not in done.output
    assert "may be guessed" in done.stderr
    found = admitted(tmp_path, done.stdout, WRITE)
    assert found == {"read": ("dash", "acme"), "admin": ("dash", "acme")}


def test_a_long_key_is_taken_without_remark():
    done = run("hash", stdin="0123456789abcdef" * 2)
    assert (done.exit_code, done.stderr) == (0, "")


def test_a_key_without_a_tenant_leaves_it_to_the_request(tmp_path):
    done = run("hash", "--tenant", "", stdin=WRITE)
    assert [of for _, of in admitted(tmp_path, done.stdout, WRITE).values()] == ["default"]
    found = admitted(tmp_path, done.stdout, WRITE, tenant="b")
    assert [of for _, of in found.values()] == ["b"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (["new", "--name", "a b"], None, "--name: "),
        (["new", "--tenant", "a/b"], None, "--tenant: a tenant has"),
        (["new", "--scope", "wirte"], None, "'wirte' is not one of 'write', 'read', 'admin'"),
        (["hash"], "", "a key has 1 to 512 letters"),
        (["hash"], "secret of two\nlines", "a key has 1 to 512 letters"),
        (["hash"], "secret" * 100, "a key has 1 to 512 letters"),
    ],
)
def test_what_would_be_refused_later_is_refused_here(arguments, stdin, told):
    done = run(*arguments, stdin=stdin)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "secret" not in done.output


@settings(max_examples=25)
@given(
    name=st.from_regex(r"\A[A-Za-z0-9_.-]{1,64}\Z"),
    tenant=st.from_regex(r"\A[A-Za-z0-9!_.*'()-]{3,150}\Z"),
)
def test_every_name_and_tenant_survives_the_file(tmp_path_factory, name, tenant):
    done = run("hash", f"--name={name}", f"--tenant={tenant}", stdin=WRITE)
    found = admitted(tmp_path_factory.mktemp("keys"), done.stdout, WRITE)
    assert found == {"write": (name, tenant)}
