"""A TCP proxy on loopback that breaks a connection at a byte of the test's choice."""

import asyncio
from contextlib import suppress


class CuttingProxy:
    """Passes bytes on; `sent` and `received` are counted from the client's side."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.sent = self.received = 0
        self._to = port
        self._cut: dict[str, int] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "CuttingProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()

    def count(self) -> None:
        self.sent = self.received = 0

    def cut(self, direction: str, at: int) -> None:
        """Break the connection that carries byte `at` from now on; those before it arrive."""
        self.count()
        self._cut = {direction: at}

    @property
    def cuts(self) -> bool:
        """Whether the cut is still to come."""
        return bool(self._cut)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        both = (writer, back)
        ways = ("sent", reader, back), ("received", there, writer)
        with suppress(OSError):
            await asyncio.gather(*(self._pass(*way, both) for way in ways))
        for one in both:
            one.close()

    async def _pass(
        self,
        direction: str,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        both: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        while data := await source.read(65536):
            before = getattr(self, direction)
            setattr(self, direction, before + len(data))
            at = self._cut.get(direction)
            if at is not None and before + len(data) > at:
                self._cut = {}
                target.write(data[: at - before])
                with suppress(OSError):
                    await target.drain()
                for one in both:
                    one.close()  # not aborted: what is on its way to either side still arrives
                return
            target.write(data)
            await target.drain()
        target.close()
