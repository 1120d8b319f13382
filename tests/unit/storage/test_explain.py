"""How a statement would run is told also where the engine cut a text."""

from storage.compile.parameters import Statement
from storage.explain import row


def test_half_a_character_is_shown_as_one_that_is_not_known():
    plan = b'{"Description": "d.t", "Indexes": [{"Type": "Skip", "Condition": "\xc3"}]}'
    lines = [b'[{"Plan":', plan, b"}]"]

    (index,) = row(Statement("SELECT 1"), lines)["indexes"]

    assert (index["table"], index["condition"]) == ("t", "\ufffd")
