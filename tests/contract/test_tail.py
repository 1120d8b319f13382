"""Every tail keeps the promises of `ports.Tail` and `ports.Follower`."""

import asyncio
from contextlib import AsyncExitStack

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pipeline.bus import open_tail, sights
from pipeline.bus import tail as nats_tail
from pipeline.bus.config import BusConfig
from pipeline.bus.pieces import pieces, read
from pipeline.errors import Rejected, Unavailable
from pipeline.schema import LOGS as SCHEMA
from pipeline.signal import Signal
from tests.support.buses import nats_rig, until
from tests.support.sample_rows import log, point, span
from tests.support.tails import batch, group, known, memory_tail, nats_tails, seen

LOGS, TRACES = Signal.LOGS, Signal.TRACES
BUSES = ("memory", "nats")


@pytest.fixture(params=BUSES)
async def open_rig(request, tmp_path):
    """Opens rigs of one bus, with its settings."""
    async with AsyncExitStack() as up:
        nats = await up.enter_async_context(nats_rig(tmp_path)) if request.param == "nats" else None

        async def opened(**given):
            rig = nats_tails(nats, **given) if nats else memory_tail(**given)
            return await up.enter_async_context(rig)

        yield opened


def words(*bodies, tenant="default", signal=LOGS):
    return batch(signal, [log("api", 1, body) for body in bodies], tenant)


def bodies(batches):
    return [body for rows in batches for body in rows["body"].to_pylist()]


async def test_a_follower_sees_what_is_shown_as_it_is_and_in_its_order(open_rig):
    rig = await open_rig()
    rows = {
        LOGS: [log("api", 2**63, {"k": 1}, attributes={"a": 1.5, "b": [None]}), log("web", 1)],
        TRACES: [span("api", 1, 2, name="x", trace_id=bytes(range(16)), events=[])],
        Signal.METRICS: [point("api", 1, "up", value_int=-1, explicit_bounds=[0.5])],
    }
    for signal, of_signal in rows.items():
        async with rig.far.follow(signal, "default") as follower:
            await known(rig.near, signal, "default")
            whole = batch(signal, of_signal)
            for number in range(whole.rows.num_rows):
                rig.near.show(group(whole.with_rows(whole.rows.slice(number, 1))))
            batches, missed = await seen(follower, whole.rows.num_rows)

            table = pa.Table.from_batches(batches)
            assert table.to_pylist() == whole.rows.to_pylist()
            assert table.schema == whole.rows.schema
            assert missed == 0


async def test_a_follower_sees_its_own_signal_and_tenant_only(open_rig):
    rig = await open_rig()
    names = ("a.b", "a", "*", ">", " ténant\n")
    async with AsyncExitStack() as up:
        followers = {
            name: await up.enter_async_context(rig.far.follow(LOGS, name)) for name in names
        }
        await up.enter_async_context(rig.far.follow(TRACES, "a"))
        await known(rig.near, LOGS, *names)
        for name in names:
            rig.near.show(group(words("theirs", tenant="b"), words(f"of {name}", tenant=name)))

        for name, follower in followers.items():
            assert bodies((await seen(follower, 1))[0]) == [f"of {name}"]


async def test_all_followers_see_the_same(open_rig):
    rig = await open_rig()
    async with rig.far.follow(LOGS, "a") as one, rig.near.follow(LOGS, "a") as other:
        await known(rig.near, LOGS, "a")
        rig.near.show(group(words("x", "y", tenant="a")))

        assert bodies((await seen(one, 2))[0]) == bodies((await seen(other, 2))[0]) == ["x", "y"]


async def test_nobody_is_followed_before_and_after(open_rig, monkeypatch):
    monkeypatch.setattr(nats_tail, "INTEREST_LASTS_S", 0.2)
    rig = await open_rig()
    assert not rig.near.followed(LOGS)
    async with rig.far.follow(LOGS, "a"):
        await known(rig.near, LOGS, "a")
        assert not rig.near.followed(TRACES)
    await known(rig.near, LOGS)


async def test_a_follower_that_stays_away_misses_with_a_count_and_another_does_not(
    open_rig, monkeypatch
):
    rows = [f"{number:0100}" for number in range(20)]
    monkeypatch.setattr(sights, "BACKLOG_BYTES_MAX", 3 * words(rows[0]).rows.nbytes)
    rig = await open_rig()
    async with rig.far.follow(LOGS, "a") as away, rig.far.follow(LOGS, "a") as there:
        await known(rig.near, LOGS, "a")
        got = []
        for row in rows:
            rig.near.show(group(words(row, tenant="a")))
            got += bodies((await seen(there, 1))[0])
        batches, missed = await seen(away, len(rows))

        assert got == rows
        assert bodies(batches) == rows[: len(rows) - missed]
        assert missed >= 16
        rig.near.show(group(words("again", tenant="a")))
        assert bodies((await seen(away, 1))[0]) == ["again"]


async def test_a_follower_that_is_behind_sees_what_is_new(open_rig, monkeypatch):
    rig = await open_rig()
    async with rig.far.follow(LOGS, "a") as behind, rig.far.follow(LOGS, "a") as there:
        await known(rig.near, LOGS, "a")
        for number in range(5):
            rig.near.show(group(words(str(number), tenant="a")))
        await seen(there, 5)
        monkeypatch.setattr(sights, "FRESH_S", 0.0)
        batches, missed = await seen(behind, 5)

    assert (bodies(batches), missed) == (["4"], 4)


async def test_of_a_group_that_is_too_large_the_newest_are_shown(open_rig):
    whole = words(*(f"{number:01000}" for number in range(200)))
    rig = await open_rig(tail_bytes_max=whole.rows.nbytes // 4)
    async with rig.far.follow(LOGS, "default") as follower:
        await known(rig.near, LOGS, "default")
        rig.near.show(group(whole))
        batches, missed = await seen(follower, 200)

    assert [int(body) for body in bodies(batches)] == list(range(missed, 200))
    assert 150 <= missed <= 152


async def test_what_is_larger_than_a_message_comes_in_parts(open_rig, monkeypatch):
    monkeypatch.setattr(nats_tail, "PIECE_BYTES_MAX", 20_000)
    rig = await open_rig()
    sent = [f"{number:01000}" for number in range(100)] + ["x" * 30_000, "last"]
    async with rig.far.follow(LOGS, "default") as follower:
        await known(rig.near, LOGS, "default")
        rig.near.show(group(words(*sent)))
        batches, missed = await seen(follower, len(sent))

    left_out = {"x" * 30_000} if rig.nats else set()  # no message holds it
    assert bodies(batches) == [body for body in sent if body not in left_out]
    assert missed == len(left_out)


async def test_leaving_while_taking_loses_no_other_follower(open_rig):
    rig = await open_rig()
    async with rig.far.follow(LOGS, "a") as one:
        async with rig.far.follow(LOGS, "a") as other:
            taking = asyncio.create_task(other.take())
            await asyncio.sleep(0)
            taking.cancel()
        await known(rig.near, LOGS, "a")
        rig.near.show(group(words("x", tenant="a")))
        assert bodies((await seen(one, 1))[0]) == ["x"]


async def test_a_follower_that_is_cancelled_at_any_moment_harms_none(open_rig):
    rig = await open_rig()

    async def follow():
        async with rig.far.follow(LOGS, "a"):
            await asyncio.Event().wait()

    async with rig.far.follow(LOGS, "b") as there:
        for steps in range(40):
            following = asyncio.create_task(follow())
            for _ in range(steps):
                await asyncio.sleep(0)
            following.cancel()
            await asyncio.wait({following})
        with capture_logs() as told:
            await until(lambda: "b" in rig.near.followed(LOGS))
            rig.near.show(group(words("x", tenant="b")))
            assert bodies((await seen(there, 1))[0]) == ["x"]
    assert told == []


async def test_a_tail_goes_on_when_the_server_is_killed(tmp_path):
    async with (
        nats_rig(tmp_path) as nats,
        nats_tails(nats) as rig,
        rig.far.follow(LOGS, "a") as follower,
    ):
        await known(rig.near, LOGS, "a")
        with capture_logs():
            await nats.killed()
            seen_again = asyncio.create_task(seen(follower, 1))
            async with asyncio.timeout(30):
                while not seen_again.done():
                    rig.near.show(group(words("x", tenant="a")))
                    await asyncio.wait({seen_again}, timeout=0.1)
        assert set(bodies(seen_again.result()[0])) == {"x"}


async def test_a_tail_that_has_no_server_yet_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(nats_tail, "OPEN_WAIT_S", 0.2)
    async with open_tail(BusConfig(url="nats://127.0.0.1:1"), None) as tail:
        tail.show(group(words("x")))
        with pytest.raises(Unavailable, match="NATS is away"):
            async with tail.follow(LOGS, "a"):
                pass


async def test_where_no_bus_is_to_be_seen_a_tail_says_so():
    async with open_tail(BusConfig(), None) as tail:
        tail.show(group(words("x")))
        assert not tail.followed(LOGS)
        with pytest.raises(Rejected, match=r"bus\.url"):
            async with tail.follow(LOGS, "a"):
                pass


async def test_what_strangers_say_on_the_subjects_changes_nothing(tmp_path):
    junk = (b"", b"\xff", b"[]", b"7", b'{"logs": 7}', b'{"logs": [[]]}', b'{"x": ["a"]}')
    async with nats_rig(tmp_path) as nats, nats_tails(nats) as rig, nats.client() as stranger:
        with capture_logs() as told:
            async with rig.far.follow(LOGS, "a") as follower:
                await known(rig.near, LOGS, "a")
                other = next(pieces(batch(TRACES, [span("x", 1)]).rows, 10**6))[1].to_pybytes()
                for one in (*junk, other, other[:100]):
                    await stranger.publish(nats_tail.subject(LOGS, "a"), one)
                    await stranger.publish(nats_tail.INTEREST, one)
                await stranger.flush()
                rig.near.show(group(words("x", tenant="a")))
                batches, missed = await seen(follower, 1)
                await until(lambda: set(rig.near.followed(LOGS)) >= {"a"})

    assert (bodies(batches), missed) == (["x"], 0)
    assert {one["event"] for one in told} == {"tail.unreadable"}


async def test_followers_that_strangers_make_up_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(nats_tail, "FOLLOWED_MAX", 50)
    async with nats_rig(tmp_path) as nats, nats_tails(nats) as rig, nats.client() as stranger:
        names = ",".join(f'"{number}"' for number in range(1000))
        await stranger.publish(nats_tail.INTEREST, f'{{"logs": [{names}]}}'.encode())
        await until(lambda: rig.near.followed(LOGS))
        assert len(rig.near.followed(LOGS)) == 50


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=300), min_size=1, max_size=60), st.integers(4_000, 30_000))
def test_parts_hold_all_rows_in_order_within_the_bound(texts, bytes_max):
    rows = words(*texts).rows
    cut = list(pieces(rows, bytes_max))
    again = [read(stream.to_pybytes(), SCHEMA) for _, stream in cut]

    assert all(stream.size <= bytes_max for _, stream in cut)
    whole = [row for part in again for row in part.to_pylist()]
    large = len(list(pieces(words(max(texts, key=len)).rows, bytes_max))) == 0
    assert large or whole == rows.to_pylist()
