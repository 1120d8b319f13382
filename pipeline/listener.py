"""aiohttp's servers, but for what they say to a request that is no HTTP.

aiohttp answers it in plain text, or in HTML where that is asked for, and logs a traceback: anybody
can fill a disk that way. Here it is answered in the listener's own form and not logged.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

Refuse = Callable[[int, str], web.Response]
"""Makes the answer of a status and a sentence, in the form of the listener's other answers."""

_QUIET: Final = logging.Logger("quiet", logging.CRITICAL)


class Server(web.Server):
    """`web.Server` whose every answer has one form; bugs of a handler are the handler's to log."""

    def __init__(self, handler: Any, refuse: Refuse, **settings: Any) -> None:
        async def formed(request: web.BaseRequest) -> web.StreamResponse:
            try:
                response: web.StreamResponse = await handler(request)
            except web.HTTPException as error:  # from before an application's middleware
                response = refuse(error.status, error.text or error.reason)
            return response

        super().__init__(formed, **({"logger": _QUIET, "access_log": None} | settings))
        self.refuse = refuse

    def __call__(self) -> RequestHandler:
        """Return the protocol of one connection."""
        return _Protocol(self, loop=self._loop, **self._kwargs)


class AppRunner(web.AppRunner):
    """`web.AppRunner` of such a server."""

    def __init__(self, app: web.Application, refuse: Refuse, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._refuse = refuse

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return Server(
            made.request_handler,
            self._refuse,
            request_factory=made.request_factory,
            **self._kwargs,
        )


class _Protocol(RequestHandler):
    def __init__(self, server: Server, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._refuse = server.refuse

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp cannot read, or a handler did not catch; closes the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun") from exc
        # The lines below the first show the bytes at fault, which are the client's own.
        what = (message or HTTPStatus(status).phrase).partition("\n")[0].strip(" :")
        response = self._refuse(status, f"not a request of HTTP/1.1: {what}")
        response.force_close()
        return response
