"""The bus's settings are read as written or refused without telling secrets."""

import pytest
from pydantic import ValidationError

from pipeline.bus.config import BusConfig


def test_sizes_and_times_are_read_as_people_write_them():
    config = BusConfig(stream_bytes_max="1GiB", publish_timeout_s="200ms", message_bytes_max="1MB")
    assert (config.stream_bytes_max, config.publish_timeout_s) == (2**30, 0.2)


@pytest.mark.parametrize(
    "url", ["", "memory://", "nats://host", "tls://user:pw@host:4222", "nats://a:1, nats://b:2"]
)
def test_a_bus_may_be_embedded_in_memory_or_elsewhere(url):
    assert BusConfig(url=url).url == url


@pytest.mark.parametrize(
    "url", ["http://u:secret@host", "nats://", "host:4222", "nats://a,,", "nats://u:secret@h:x"]
)
def test_any_other_url_is_refused_without_repeating_it(url):
    with pytest.raises(ValidationError) as caught:
        BusConfig(url=url)
    assert "nats://host:port" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"partitions": 0},
        {"stream_bytes_max": 0},
        {"message_bytes_max": "33MiB"},
        {"publish_timeout_s": 0},
        {"publishes_max": 0},
        {"sync": "sometimes"},
        {"replicas": 6},
        {"urls": "nats://x"},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        BusConfig(**settings)
