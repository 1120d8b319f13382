"""The limits of tenants, by a clock of the test's own."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as some

from otlp import rates
from otlp.config import LimitsConfig
from otlp.rates import Rates
from pipeline.errors import Overloaded, Rejected
from tests.support.otlp_strategies import LAWS


class Door:
    """What happens to the requests of one tenant."""

    def __init__(self, tenant="a", **limits):
        self.now_s = 1000.0
        self.turned_away = Counter()
        told = lambda why: self.turned_away.update([str(why)])  # noqa: E731
        self.rates = Rates(LimitsConfig(**limits), told, lambda: self.now_s)
        self.tenant = tenant

    def send(self, records=1, size=1, tenant=None):
        """Return None for a request that passes, or its verdict."""
        purse = self.rates.purse(tenant or self.tenant)
        if purse is None:
            return None
        try:
            purse.expect(size)
            purse.weigh(size)
            purse.count(records, size)
        except (Rejected, Overloaded) as verdict:
            return verdict
        return None


def test_without_limits_there_is_nothing_to_spend():
    assert Door().rates.purse("a") is None
    free = Door("free", records_per_s=1, tenants={"free": {"records_per_s": 0}})
    assert free.rates.purse("free") is None
    assert free.rates.purse("other")


def test_a_burst_passes_at_once_and_then_as_much_as_comes_in():
    door = Door(records_per_s=10, burst=2)
    assert [door.send(4) for _ in range(5)] == [None] * 5
    assert isinstance(door.send(1), Overloaded)
    door.now_s += 0.3
    assert door.send(3) is None
    assert isinstance(door.send(1), Overloaded)
    door.now_s += 100
    assert door.send(20) is None
    assert isinstance(door.send(1), Overloaded)


def test_the_hint_says_when_there_is_room():
    door = Door(bytes_per_s=100, burst=20)
    assert door.send(size=2000) is None
    verdict = door.send(size=650)
    assert isinstance(verdict, Overloaded)
    assert verdict.retry_s == 7
    assert "ingestor.limits.bytes_per_s is 100" in str(verdict)
    assert "in 6.5 s there is room for 650 bytes" in str(verdict)
    door.now_s += 7
    assert door.send(size=650) is None


def test_what_can_never_pass_is_not_to_be_sent_again():
    door = Door(records_per_s=10, bytes_per_s=100, burst=2)
    for verdict in (door.send(21), door.send(size=201)):
        assert isinstance(verdict, Rejected)
        assert "send smaller requests" in str(verdict)
    assert door.send(20, 200) is None
    assert isinstance(door.send(21, 0), Rejected)
    assert isinstance(door.send(1, 0), Overloaded)
    assert isinstance(door.send(0, 1), Overloaded)
    assert door.turned_away == {
        "records_at_once": 2,
        "bytes_at_once": 1,
        "records_per_s": 1,
        "bytes_per_s": 1,
    }


def test_a_body_that_is_turned_away_for_its_records_weighs_nothing():
    door = Door(records_per_s=10, bytes_per_s=100, burst=1)
    assert door.send(6, 10) is None
    for _ in range(50):
        assert isinstance(door.send(5, 90), Overloaded)
    assert door.send(4, 90) is None


def test_tenants_share_nothing():
    door = Door(records_per_s=1, burst=1)
    assert door.send(tenant="a") is None
    assert door.send(tenant="b") is None
    assert isinstance(door.send(tenant="a"), Overloaded)


def test_a_clock_that_stands_still_or_goes_back_gives_nothing():
    door = Door(records_per_s=10, burst=1)
    assert door.send(10) is None
    door.now_s -= 500
    assert isinstance(door.send(), Overloaded)
    door.now_s += 0.5
    assert door.send(5) is None


def test_few_tenants_are_remembered_and_the_least_recent_is_forgotten(monkeypatch):
    monkeypatch.setattr(rates, "TENANTS_MAX", 3)
    door = Door(records_per_s=1, burst=1)
    for tenant in "abcad":
        door.send(tenant=tenant)
    assert list(door.rates._purses) == ["c", "a", "d"]
    assert isinstance(door.send(tenant="a"), Overloaded)
    assert door.send(tenant="b") is None


requests = some.tuples(some.integers(0, 60), some.integers(0, 400), some.floats(0, 2))


@LAWS
@given(some.lists(requests, max_size=40), some.integers(1, 20), some.integers(1, 100))
def test_what_passes_stays_within_the_rate_and_whoever_waits_as_told_passes(sent, records, size):
    door = Door(records_per_s=records, bytes_per_s=size, burst=3)
    passed_records = passed_bytes = 0
    began_s = door.now_s
    for of_one, weight, pause_s in sent:
        door.now_s += pause_s
        verdict = door.send(of_one, weight)
        for _ in range(2):  # for its bytes, for its records
            if isinstance(verdict, Overloaded):
                assert 1 <= verdict.retry_s <= 3
                door.now_s += verdict.retry_s
                verdict = door.send(of_one, weight)
        never = of_one > 3 * records or weight > 3 * size
        assert isinstance(verdict, Rejected) if never else verdict is None
        if verdict is None:
            passed_records, passed_bytes = passed_records + of_one, passed_bytes + weight
        span_s = door.now_s - began_s + 3
        assert passed_records <= records * span_s + 0.01
        assert passed_bytes <= size * span_s + 0.01
