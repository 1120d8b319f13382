"""Aura's HTTP API as the shell asks it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from aura.shell.failure import Failure, Misuse
from aura.shell.where import explained

CONNECT_WAIT_S: Final = 10.0
SILENCE_S: Final = 120.0
"""How long Aura may say nothing: longer than a question takes, and than a tail is silent."""

OPTIONS: Final = {"start": "--since", "end": "--until", "limit": "--limit", "signal": "--signal"}
"""What a parameter of the API is called here."""


@dataclass(frozen=True, slots=True)
class Api:
    """Where Aura answers, and the key it is asked with."""

    url: str
    key: str

    @asynccontextmanager
    async def get(
        self, path: str, parameters: Mapping[str, str], accept: str = "application/json"
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask; raises Failure when there is no answer or it says no."""
        headers = {"Accept": accept}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_WAIT_S, sock_read=SILENCE_S
        )
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(
                    self.url.rstrip("/") + path,
                    params=parameters,
                    headers=headers,
                    # The key is for the host that was named, and nobody else.
                    allow_redirects=False,
                ) as answer,
            ):
                if answer.status != 200:
                    raise _refused(answer, await answer.read(), parameters.get("q", ""))
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as error:
            raise Failure(self._away(error)) from None
        except aiohttp.InvalidURL:
            raise Misuse(f"--url: not an address: {self.url}") from None
        except aiohttp.ClientError as error:
            raise Failure(f"{self.url}: the answer broke off: {error}") from None

    async def json(self, path: str, parameters: Mapping[str, str]) -> tuple[Any, Mapping[str, str]]:
        """Return an answer and its headers."""
        async with self.get(path, parameters) as answer:
            body = await answer.read()
            try:
                return json.loads(body), answer.headers
            except ValueError:
                raise Failure(_stranger(answer)) from None

    def _away(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return f"{self.url}: {error} (SSL_CERT_FILE names authorities to trust)"
        what = f"cannot reach {self.url}"
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            what = f"{what}: no host has the name {error.host}"
        elif isinstance(error, aiohttp.ServerTimeoutError):
            what = f"{what}: no answer"
        return f"{what}. Is Aura running? (`aura up` starts it, --url says where it is)"


def _refused(answer: aiohttp.ClientResponse, body: bytes, query: str) -> Failure:
    try:
        error = json.loads(body)["error"]
        message = str(error["message"])
    except (ValueError, KeyError, TypeError):
        return Failure(_stranger(answer))
    if answer.status == 401:
        return Failure(f"{message} (here: --key, or AURA_KEY in the environment)")
    parameter = error.get("parameter")
    if answer.status in (404, 405):
        what = message.removeprefix(f"GET {answer.url.path}: ")
        return Failure(_stranger(answer) if what == answer.reason else what)
    if answer.status != 400:
        return Failure(message)
    if parameter == "q" and "position" in error:
        place = error["position"]
        return Misuse(explained(query, place["line"], place["column"], message))
    option = OPTIONS.get(parameter)
    return Misuse(f"{option}: {message}" if option else message)


def _stranger(answer: aiohttp.ClientResponse) -> str:
    return (
        f"{answer.url.origin()} answers, but not as Aura does (status {answer.status}): --url is "
        "to name the address of its query API, usually port 8081"
    )
