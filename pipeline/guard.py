"""Keys at the routes of an HTTP application."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from pipeline.keyring import Access, Headers, Identity, Keyring

_IDENTITY: Final = web.RequestKey("identity", Identity)


def guarded(
    routes: Iterable[web.RouteDef], keyring: Keyring, *scopes: Access
) -> list[web.RouteDef]:
    """
    Return the routes, each of which asks for a key with one of `scopes` before the body is read.

    A handler finds who asks with `identity`. What `Keyring.admit` raises is for the application's
    middleware to answer.
    """
    return [
        web.RouteDef(one.method, one.path, _asking(one.handler, keyring, scopes), one.kwargs)
        for one in routes
    ]


def identity(request: web.Request) -> Identity:
    """Return who asks, in a handler of a guarded route."""
    return request[_IDENTITY]


def headers(request: web.BaseRequest) -> Headers:
    """Return a request's headers as a keyring reads them."""
    return lambda name: request.headers.getall(name, ())


def _asking(handler: Handler, keyring: Keyring, scopes: tuple[Access, ...]) -> Handler:
    async def asked(request: web.Request) -> web.StreamResponse:
        request[_IDENTITY] = keyring.admit(headers(request), *scopes)
        return await handler(request)

    return asked
