"""What each tenant may ask for: so many questions at once, and so much to read in a minute."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from pipeline.errors import Overloaded
from pipeline.ports import Cost
from query.config import Limits

MINUTE_S: Final = 60.0
_NARROW: Final = "narrow the time range or name a service"


@dataclass(slots=True)
class _Account:
    """What a tenant runs, and what it has read, which is forgiven as time goes by."""

    seen_s: float
    running: int = 0
    used: dict[str, float] = field(default_factory=dict)


class Tenants:
    """
    Counts by tenant; `clock` counts seconds.

    An allowance of a minute may be used at once, and comes back evenly. What a question takes is
    known when it has ended, so the last one may go beyond: what bounds one bounds that.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running_max = limits.tenant_concurrent_max
        self._allowed = {
            "rows": float(limits.tenant_rows_per_minute),
            "bytes": float(limits.tenant_bytes_per_minute),
            "time": float(limits.tenant_time_per_minute),
        }
        self._accounts: dict[str, _Account] = {}

    @contextmanager
    def admit(self, tenant: str, cost: Cost) -> Iterator[None]:
        """Let a question run, and charge what it adds to `cost`; raises Overloaded."""
        account = self._account(tenant)
        if account.running >= self._running_max:
            raise Overloaded(
                f"{account.running} questions of this tenant are running, and no more may at once "
                "(query.limits.tenant_concurrent_max)"
            )
        self._hold(account)
        account.running += 1
        before = _figures(cost)
        try:
            yield
        finally:
            account.running -= 1
            for name, now in _figures(cost).items():
                account.used[name] = account.used.get(name, 0.0) + now - before[name]

    def _hold(self, account: _Account) -> None:
        for name, used in account.used.items():
            over = used - self._allowed[name]
            if over >= 0:
                wait_s = int(over / self._allowed[name] * MINUTE_S) + 1
                what = "the engine's time" if name == "time" else name
                raise Overloaded(
                    f"the questions of this tenant took more {what} than it may in a minute "
                    f"(query.limits.tenant_{name}_per_minute): wait {wait_s} s; {_NARROW}",
                    wait_s,
                )

    def _account(self, tenant: str) -> _Account:
        """Return the tenant's account as it is now; those with nothing on them are closed."""
        now_s = self._clock()
        for name, one in list(self._accounts.items()):
            share = max(0.0, now_s - one.seen_s) / MINUTE_S
            one.seen_s = now_s
            one.used = {
                what: left
                for what, used in one.used.items()
                if (left := used - share * self._allowed[what]) > 0
            }
            if not one.running and not one.used and name != tenant:
                del self._accounts[name]
        return self._accounts.setdefault(tenant, _Account(now_s))


def _figures(cost: Cost) -> dict[str, float]:
    return {"rows": cost.rows, "bytes": cost.bytes, "time": cost.engine_ns / 1e9}
