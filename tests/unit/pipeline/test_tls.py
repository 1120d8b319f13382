"""What TLS settings and files must be, and what is said of those that are not."""

import shutil
import ssl

import pytest
from pydantic import ValidationError

from pipeline import tls
from pipeline.errors import Setup
from pipeline.tls import TlsConfig
from tests.support.certificates import Authority, needs_openssl, openssl

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).make()


@pytest.fixture(scope="module")
def pair(authority):
    return authority.sign("server")


def refused(cert, key, ca="") -> str:
    config = TlsConfig(cert_file=str(cert), key_file=str(key), client_ca_file=str(ca))
    with pytest.raises(Setup) as caught:
        tls.read(config, "query.tls")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cert_file": "a"}, "cert_file is set, and key_file is not"),
        ({"key_file": "a"}, "key_file is set, and cert_file is not"),
        ({"client_ca_file": "a"}, "client_ca_file is set, and cert_file is not"),
        ({"min_version": "1.1"}, "min_version"),
        ({"min_version": 1.0}, "min_version"),
        ({"reload_interval": "soon"}, "reload_interval"),
        ({"ca_file": "a"}, "ca_file"),
    ],
)
def test_half_or_unknown_settings_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        TlsConfig.model_validate(settings)


def test_a_version_is_read_as_a_person_means_it():
    assert TlsConfig.model_validate({"min_version": 1.3}).min_version == "1.3"


def test_files_that_fit_make_a_context(pair, authority):
    config = TlsConfig(
        cert_file=str(pair.cert),
        key_file=str(pair.key),
        client_ca_file=str(authority.cert),
        min_version="1.3",
    )
    identity = tls.read(config, "query.tls")
    assert identity.objection == ""
    assert (identity.chain, identity.key) == (pair.cert.read_bytes(), pair.key.read_bytes())
    assert identity.client_ca == authority.cert.read_bytes()
    assert identity.context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert identity.context.verify_mode is ssl.CERT_REQUIRED


def test_a_missing_or_unreadable_file_is_named(pair, tmp_path):
    there = tmp_path / "there"
    text = "query.tls.{}: cannot read {}: {}"
    missing = "No such file or directory"
    assert refused(there, pair.key) == text.format("cert_file", there, missing)
    assert refused(pair.cert, there) == text.format("key_file", there, missing)
    assert refused(pair.cert, pair.key, there) == text.format("client_ca_file", there, missing)
    assert refused(tmp_path, pair.key) == text.format("cert_file", tmp_path, "Is a directory")
    there.write_bytes(bytes(tls.FILE_BYTES_MAX + 1))
    assert refused(there, pair.key).startswith(f"query.tls.cert_file: {there} has more than")


def test_what_is_no_pem_is_named(pair, tmp_path):
    other = tmp_path / "other"
    for content in (b"", b"no pem", bytes(1000), "Größe".encode()):
        other.write_bytes(content)
        for setting, line in {
            "cert_file": refused(other, pair.key),
            "client_ca_file": refused(pair.cert, pair.key, other),
        }.items():
            assert line == f"query.tls.{setting}: {other} holds no certificate in PEM"
        line = f"query.tls.key_file: {other} holds no private key in PEM"
        assert refused(pair.cert, other) == line
    line = f"query.tls.key_file: {pair.cert} holds no private key in PEM"
    assert refused(pair.cert, pair.cert) == line


def test_a_key_of_another_certificate_is_named(pair, authority, tmp_path):
    key = authority.sign("other").key
    assert refused(pair.cert, key) == f"query.tls.key_file: {key} is not the key of {pair.cert}"
    rsa = tmp_path / "rsa.key"
    openssl("genrsa", "-out", rsa, 2048)
    assert refused(pair.cert, rsa) == f"query.tls.key_file: {rsa} is not the key of {pair.cert}"


def test_an_encrypted_key_is_refused_and_nobody_is_asked(pair, tmp_path):
    key = tmp_path / "encrypted.key"
    openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", key)
    assert f"query.tls.key_file: {key} is encrypted" in refused(pair.cert, key)


def test_an_expired_certificate_is_used_and_complained_of(authority):
    pair = authority.sign("expired", days=-1)
    config = TlsConfig(cert_file=str(pair.cert), key_file=str(pair.key))
    assert tls.read(config, "query.tls").objection == "certificate has expired"


def test_a_chain_and_names_between_its_blocks_are_taken(pair, authority, tmp_path):
    chain = tmp_path / "chain.pem"
    blocks = [
        pair.cert.read_bytes(),
        "Ausgestellt für Größe\n".encode(),
        authority.cert.read_bytes(),
    ]
    chain.write_bytes(b"".join(blocks))
    key = shutil.copy(pair.key, tmp_path / "key")
    identity = tls.read(TlsConfig(cert_file=str(chain), key_file=str(key)), "query.tls")
    assert identity.objection == ""
