"""The verdict on a request, from protobuf's messages."""

from otlp.codec.request import parse
from tests.support.plain.rules import verdicts


def refused(signal, payload):
    """Return how many records there are, and the rule that each refused one breaks."""
    found = list(verdicts(signal, parse(signal, payload)))
    return len(found), {index: rule for index, rule in enumerate(found) if rule is not None}
