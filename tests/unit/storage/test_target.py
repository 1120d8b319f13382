"""What a URL says of a server, and what is wrong with one."""

import pytest
from pydantic import ValidationError

from storage import StorageConfig
from storage.target import Target


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "database"),
    [
        ("clickhouse://h", "h", 8123, False, "default"),
        ("http://h/db", "h", 8123, False, "db"),
        ("http://h:81/", "h", 81, False, "default"),
        ("https://h/a%20b", "h", 8443, True, "a b"),
        ("clickhouses://[::1]:9/db", "::1", 9, True, "db"),
        ("clickhouse://h:8443/db", "h", 8443, True, "db"),
        ("clickhouse://h?database=db&secure=true", "h", 8443, True, "db"),
    ],
)
def test_where_a_server_is(url, host, port, secure, database):
    target = Target.parse(url)

    assert target.server is not None
    found = (target.server.host, target.server.port, target.server.secure, target.database)
    assert found == (host, port, secure, database)


def test_options_are_the_drivers_and_all_else_are_settings():
    server = Target.parse(
        "https://u%40x:p%2Fw@h/db?verify=false&compression=zstd&connect_timeout=0.5"
        "&send_receive_timeout=7&max_threads=2"
    ).server

    assert server is not None
    assert (server.user, server.password) == ("u@x", "p/w")
    assert server.options == {"verify": False, "compress": "zstd"}
    assert server.settings == {"max_threads": "2"}
    assert (server.connect_s, server.answer_s, server.greeting_s) == (0.5, 7.0, 7)


def test_user_and_password_of_their_own_fill_what_the_url_leaves_open():
    server = Target.parse("http://u@h", password="hidden").server

    assert server is not None
    assert (server.user, server.password) == ("u", "hidden")
    assert "hidden" not in repr(server)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://", "host is missing"),
        ("http://h:99999/db", "port is a number"),
        ("http://h/a/b", "one database"),
        ("http://h?ca_cert=x", "needs TLS"),
        ("https://h?ca_cert=/no/such", "ca_cert: no such file: /no/such"),
        ("https://h?verify=perhaps", "verify is true or false"),
        ("http://h?compression=rar", "compression is one of lz4, zstd, none"),
        ("http://h?connect_timeout=0", "connect_timeout is a number of seconds"),
        ("http://h?async_insert=1", "async_insert: no option"),
        ("http://h?max_execution_time=1", "max_execution_time: no option"),
        ("http://h?Bad-Name=1", "Bad-Name: no option"),
        ("http://u:secret@h?session_id=1", "session_id: no option"),
        ("ftp://h", "String should match pattern"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_its_password(url, said):
    with pytest.raises(ValidationError) as refused:
        StorageConfig(url=url)
    (fault,) = refused.value.errors(include_input=False)

    assert said in fault["msg"]
    assert "secret" not in fault["msg"]


def test_user_or_password_said_twice_are_refused():
    with pytest.raises(ValidationError, match="say it once"):
        StorageConfig(url="http://u:p@h", user="v")
    with pytest.raises(ValidationError, match="say it once"):
        StorageConfig(url="http://u:p@h", password="q")
