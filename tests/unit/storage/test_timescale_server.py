"""What a URL of PostgreSQL says, and what is wrong with one."""

import pytest
from pydantic import ValidationError

from storage.config import MetricsConfig
from storage.timescale.server import Server


def test_a_url_names_the_database_and_the_schema():
    server = Server.parse("postgres://u:p%40ss@h:5433/db?schema=points&sslmode=require")

    assert server.schema == "points"
    assert server.url == "postgresql://u:p%40ss@h:5433/db?sslmode=require"
    assert server.label == "postgresql://h:5433/db (schema points)"
    assert "ss@" not in repr(server)


def test_user_and_password_may_stand_in_settings_of_their_own():
    config = MetricsConfig(url="postgresql://h/db", user="u", password="secret")  # type: ignore[arg-type]
    server = config.server()

    assert (server.user, server.password, server.schema) == ("u", "secret", "aura")
    assert "secret" not in repr(config) + repr(server)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://h:99999/db", "port"),
        ("postgresql://h", "the database is missing"),
        ("postgresql://h/db?schema=Aura;drop", "schema is a name"),
        ("postgresql://h/db?schema=pg_catalog", "schema is a name"),
        ("postgresql://h/db?work_mem=1GB", "work_mem: no such option"),
        ("mysql://h/db", "pattern"),
    ],
)
def test_a_wrong_url_is_refused_by_what_is_wrong(url, reason):
    with pytest.raises(ValidationError, match=reason):
        MetricsConfig(url=url)


def test_a_user_is_named_once():
    with pytest.raises(ValidationError, match="say it once"):
        MetricsConfig(url="postgresql://u:secret@h/db", password="other")  # type: ignore[arg-type]
