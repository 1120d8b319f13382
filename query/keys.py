"""What a query's names are in the store: asked for once, kept for a moment."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import pyarrow as pa

from pipeline.plan import AttributeField, AttributeKeys, Attributes, Keys
from pipeline.signal import Signal
from query.language.seen import Seen

ROWS_MAX: Final = 5000
"""Rows of keys that are looked at for one query: keys times their levels and types."""
KEPT_S: Final = 10.0
"""How old an answer may be: a new key is known after this long."""
KEPT_MAX: Final = 200
"""Answers that are kept, the least recently used go first."""

Row = tuple[str, str, int]


class KeyTable:
    """Asks for keys with `ask`, which runs a plan; `clock` counts seconds."""

    def __init__(
        self, ask: Callable[[Keys], Awaitable[pa.Table]], clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._kept: OrderedDict[Keys, tuple[float, tuple[Row, ...]]] = OrderedDict()

    async def seen(
        self, signal: Signal, tenant: str, attributes: Collection[Attributes]
    ) -> Seen | None:
        """
        Return what was seen of these attributes; None when that is too much to look at.

        Names to suggest come with it only if one of the attributes was never seen. Raises what
        asking raises.
        """
        names = {one.key for one in attributes if isinstance(one, AttributeField)}
        patterns = {one.pattern for one in attributes if isinstance(one, AttributeKeys)}
        asked = Keys(signal, tenant, tuple(sorted(names)), tuple(sorted(patterns)), ROWS_MAX)
        rows = await self._rows(asked)
        if len(rows) == ROWS_MAX:
            return None
        seen = Seen.of(rows)
        if all(seen.there(one) for one in attributes):
            return seen
        every = await self._rows(Keys(signal, tenant, (), (), ROWS_MAX))
        return Seen.of(rows, tuple(dict.fromkeys(key for key, _, _ in every)))

    async def _rows(self, asked: Keys) -> tuple[Row, ...]:
        until, rows = self._kept.get(asked, (0.0, ()))
        if self._clock() < until:
            self._kept.move_to_end(asked)
            return rows
        answer = (await self._ask(asked)).to_pylist()
        rows = tuple((one["key"], one["level"], one["type"]) for one in answer)
        self._kept[asked] = (self._clock() + KEPT_S, rows)
        self._kept.move_to_end(asked)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return rows
