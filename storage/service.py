"""Reads over gRPC (port 50051): the role `storage`, with health and reflection beside it."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import asdict, fields, is_dataclass, replace
from types import MappingProxyType, TracebackType
from typing import Any, Final, NoReturn, Self, TypeVar

import grpc
import structlog
from google.protobuf.message import Message
from grpc import aio
from grpc_reflection.v1alpha import reflection

from pipeline.errors import AuraError, Forbidden, Overloaded, Rejected
from pipeline.keyring import Access, Identity, Keyring
from pipeline.plan import Explain, Plan
from pipeline.ports import Cost, QueryBackend
from pipeline.probes import Check, missing
from pipeline.rpc import credentials, server, status
from pipeline.rpc.server import HEALTH, Context
from pipeline.tls import Tls
from storage import wire
from storage.config import StorageConfig
from storage.pieces import COST, PLAN_BYTES_MAX, RUN, SERVICE, Writer

_READ_S: Final = 10.0
"""How long a caller may take to send its plan."""

_TAKE_S: Final = 30.0
"""How much longer than the engine's time limit a call may last: an answer has to be taken."""

_STOP_S: Final = 1.0
"""How long a stop waits for answers that are under way."""

_SIZES: Final = ("limit", "groups_max", "candidates_max", "examined")
"""Fields of plans that bound the rows that an engine keeps for them."""

Part = TypeVar("Part")

log = structlog.get_logger()


class StorageService:
    """
    A listener that answers plans; an async context manager.

    Entering listens, or raises Setup when the address is taken. Leaving refuses new calls, lets
    those that are under way be answered for a moment, and closes.

    An answer is on its way in pieces, of which the next is made when the caller has room for it; a
    caller that takes none holds its place until its deadline, and for some time at most.

    Health is that of this service, and without a name that of all `checks` of the process.
    """

    def __init__(
        self,
        config: StorageConfig,
        backend: QueryBackend,
        keyring: Keyring,
        *,
        tls: Tls | None = None,
        checks: Mapping[str, Check] = MappingProxyType({}),
    ) -> None:
        self._config = config
        self._backend = backend
        self._keyring = keyring
        self._tls = tls
        self._checks = checks
        self._running = 0
        self._closed = False
        self._server: aio.Server | None = None
        self.address = ""
        """The address that is listened on, with the port that was given out."""

    async def __aenter__(self) -> Self:
        wire.messages()  # reflection finds what is loaded
        services = {"": self._ready, SERVICE: self._serves}
        made = server.server(
            {
                RUN: grpc.stream_stream_rpc_method_handler(self._run),
                HEALTH: server.health(services, _READ_S),
            },
            ("grpc.max_receive_message_length", PLAN_BYTES_MAX),
        )
        known = (SERVICE, HEALTH.split("/")[1], reflection.SERVICE_NAME)
        reflection.enable_server_reflection(known, made)
        address = self._config.listen
        self.address = await server.listen(made, address, self._tls, "storage.listen")
        self._server = made
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        if self._server is not None:
            await self._server.stop(_STOP_S)

    async def _serves(self) -> bool:
        return not self._closed

    async def _ready(self) -> bool:
        return not self._closed and not await missing(self._checks)

    async def _run(self, _: object, context: Context) -> None:
        patience_s = self._config.query_time_max + _TAKE_S
        cost = Cost()
        try:
            who = self._admit(context)
            payload = await server.message(context, _READ_S)
            plan = self._checked(wire.decode(payload), who)
            async with asyncio.timeout(patience_s):
                await self._answer(plan, context, cost)
            context.set_trailing_metadata((_told(cost),))
        except TimeoutError:
            text = f"no plan came, or its answer was not taken within {patience_s:g} s"
            await _refuse(context, Rejected(text), cost)
        except AuraError as verdict:
            await _refuse(context, verdict, cost)
        except aio.InternalError:
            return  # nobody takes the answer any more
        except Exception as error:
            log.error("a question failed by a bug", exc_info=error)
            await context.abort(grpc.StatusCode.INTERNAL, "internal error; the log says more")

    def _admit(self, context: Context) -> Identity:
        credentials.check_version(self._tls, context)
        return self._keyring.admit(server.metadata(context), Access.READ)

    def _checked(self, plan: Plan, who: Identity) -> Plan:
        """Return the plan about its caller's data; what its conditions mean the store checks."""
        asked = plan.of if isinstance(plan, Explain) else plan
        most = self._config.rows_max
        for name in _SIZES:
            size = getattr(asked, name, 1)
            least = 1 if name == "limit" else 0
            if not least <= size <= most:
                raise Rejected(f"{name}: {size} is not {least} to storage.rows_max ({most})")
        return _of(plan, who)

    async def _answer(self, plan: Plan, context: Context, cost: Cost) -> None:
        if self._running >= self._config.calls_max:
            raise Overloaded(f"no room for another question ({self._running} are running)")
        self._running += 1
        try:
            # Closed when the call is cancelled while a piece waits for room: so the query ends.
            async with aclosing(self._backend.run(plan, cost)) as answer:
                writer: Writer | None = None
                async for batch in answer:
                    writer = writer or Writer(batch.schema)
                    await _send(writer.pieces(batch), context)
                if writer:
                    await _send(writer.end(), context)
        finally:
            self._running -= 1


async def _send(pieces: Iterable[tuple[bytes, bool]], context: Context) -> None:
    response: Any = wire.messages()["RunResponse"]
    for piece, whole in pieces:
        await context.write(response(arrow=piece, whole=whole).SerializeToString())


async def _refuse(context: Context, verdict: AuraError, cost: Cost) -> NoReturn:
    code, text, trailers = status.answer(verdict)
    await context.abort(code, text, (*trailers, _told(cost)))


def _told(cost: Cost) -> tuple[str, bytes]:
    message: Message = wire.messages()["Cost"](**asdict(cost))
    return COST, message.SerializeToString()


def _of(plan: Part, who: Identity) -> Part:
    """Return a plan, and those inside it, about who asks; raises Forbidden for another tenant."""
    changes: dict[str, Any] = {}
    for one in fields(plan):  # type: ignore[arg-type] # a plan, or a part of one
        value = getattr(plan, one.name)
        if one.name == "tenant":
            if value not in {"", who.tenant} and not who.anyones:
                raise Forbidden(
                    f'the plan is about the tenant "{value}", and who asks may read "{who.tenant}"'
                )
            changes["tenant"] = value or who.tenant
        elif is_dataclass(value):
            changes[one.name] = _of(value, who)
    return replace(plan, **changes)  # type: ignore[type-var]
