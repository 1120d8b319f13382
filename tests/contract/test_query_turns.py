"""Look-ups go before scans: in the engine, and in chdb with the system's scheduler as well."""

import pyarrow as pa
import pytest

from pipeline.ports import Cost
from storage.compile.parameters import Statement
from tests.support.stores import rig

ASKED = Statement(
    "SELECT toUInt8(getSetting('priority')) AS priority, "
    "toInt32(getSetting('os_thread_priority')) AS nice"
)
COLUMNS = pa.schema([pa.field("priority", pa.uint8()), pa.field("nice", pa.int32())])


@pytest.mark.parametrize("kind", ["chdb", "server"])
async def test_a_scan_gives_way_to_a_look_up(kind):
    async with rig(kind) as one:
        pools = one.store._lookups, one.store._scans
        (lookup,), (scan,) = [
            (await pool.ask(ASKED, COLUMNS, "a", Cost())).to_pylist() for pool in pools
        ]

    assert 0 < lookup["priority"] < scan["priority"]
    # What others run on a server is none of ours.
    assert (0 < lookup["nice"] < scan["nice"]) == (kind == "chdb")
