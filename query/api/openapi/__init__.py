"""The OpenAPI document: `base.yaml`, and a file for each group of routes."""

from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any

import yaml
from aiohttp import web

from query.api import answers


@cache
def described() -> dict[str, Any]:
    """Return the document (OpenAPI 3.1)."""
    whole: dict[str, Any] = _read("base")
    whole["info"]["version"] = version("aura")
    for file in sorted(resources.files(__name__).iterdir(), key=lambda one: one.name):
        name = file.name.removesuffix(".yaml")
        if name not in (file.name, "base"):
            part = _read(name)
            whole["paths"] |= part["paths"]
            whole["components"]["schemas"] |= part.get("schemas", {})
    return whole


@cache
def _body() -> bytes:
    return answers.encode(described())


async def document(_: web.Request) -> web.Response:
    """Answer the document; it needs no key, since it says nothing of anybody's data."""
    return answers.respond(_body())


def _read(name: str) -> Any:
    return yaml.safe_load((resources.files(__name__) / f"{name}.yaml").read_text())
