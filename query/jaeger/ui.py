"""A built Jaeger UI, served from a folder: its page with what this Aura is and can."""

import json
import re
from html import escape
from pathlib import Path
from typing import Any, Final

from aiohttp import hdrs, web

from pipeline.errors import Setup
from query.jaeger.config import JaegerConfig
from query.jaeger.wrong import nothing

_CONFIG: Final = "JAEGER_CONFIG = DEFAULT_CONFIG;"
_VERSION: Final = "JAEGER_VERSION = DEFAULT_VERSION;"
_CAPABILITIES: Final = "JAEGER_BACKEND_CAPABILITIES = DEFAULT_BACKEND_CAPABILITIES;"
_OLD_CAPABILITIES: Final = "JAEGER_STORAGE_CAPABILITIES = DEFAULT_STORAGE_CAPABILITIES;"
_SCRIPT: Final = re.compile(r"[^\n]*// JAEGER_CONFIG_JS[^\n]*\n[^\n]*")
_BASE: Final = '<base href="/"'

_WITHOUT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Aura: Jaeger's API</title></head><body>
<h1>Aura answers Jaeger's API here</h1>
<p>To see the Jaeger UI on this page, name the folder of a built one (where its
<code>index.html</code> lies) in <code>query.jaeger.ui_dir</code> and start Aura anew. Jaeger
publishes it with every release, and <code>npm run build</code> in jaeger-ui makes it.</p>
<p>The API: <a href="{base}/api/services">{base}/api/services</a>,
<a href="{base}/api/v3/services">{base}/api/v3/services</a></p>
</body></html>
"""


class Ui:
    """The pages; all of them are one page, which finds its way by its address."""

    def __init__(self, config: JaegerConfig, version: str) -> None:
        """Read the page; raises Setup where it cannot be read."""
        self._static: Path | None = None
        if config.ui_dir is None:
            self._page = _WITHOUT.format(base=escape(config.base_path)).encode()
            return
        index = _read(config.ui_dir / "index.html", "query.jaeger.ui_dir")
        self._page = _injected(index, config, version).encode()
        self._static = (config.ui_dir / "static").resolve()

    async def page(self, _: web.Request) -> web.Response:
        """Answer the page; it is not kept, as what is in it changes with the settings."""
        return web.Response(
            body=self._page,
            content_type="text/html",
            charset="utf-8",
            headers={hdrs.CACHE_CONTROL: "no-cache, no-store, max-age=0, must-revalidate"},
        )

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Answer a file of the bundle; nothing outside of its folder is one."""
        if self._static is not None:
            try:
                path = (self._static / request.match_info["file"]).resolve()
                if path.is_relative_to(self._static) and path.is_file():
                    return web.FileResponse(path)
            except (OSError, ValueError):  # a name that no file can have
                pass
        return await nothing(request)


def _injected(page: str, config: JaegerConfig, version: str) -> str:
    archive, metrics = config.archive_for > 0, config.monitor
    kept = {"archiveStorage": archive, "metricsStorage": metrics}
    more = kept | {"searchWithoutServiceName": True, "aiAssistant": False}
    told = {"gitCommit": "", "gitVersion": f"aura {version}", "buildDate": ""}
    page = page.replace(_VERSION, f"JAEGER_VERSION = {_json(told)};")
    page = page.replace(_CAPABILITIES, f"JAEGER_BACKEND_CAPABILITIES = {_json(more)};")
    page = page.replace(_OLD_CAPABILITIES, f"JAEGER_STORAGE_CAPABILITIES = {_json(kept)};")
    if config.base_path:
        page = page.replace(_BASE, f'<base href="{escape(config.base_path)}/"')
    if config.ui_config is None:
        return page
    own = _read(config.ui_config, "query.jaeger.ui_config")
    if config.ui_config.suffix == ".js":
        if "function UIConfig(" not in own:
            raise Setup(f"query.jaeger.ui_config: {config.ui_config} has no function UIConfig()")
        return _SCRIPT.sub(lambda _: own, page, count=1)
    try:
        parsed = json.loads(own)
    except ValueError as error:
        raise Setup(f"query.jaeger.ui_config: {config.ui_config} is no JSON: {error}") from None
    return page.replace(_CONFIG, f"JAEGER_CONFIG = {_json(parsed)};")


def _json(said: Any) -> str:
    """Return JSON that can stand in a script of a page."""
    return json.dumps(said).replace("<", "\\u003c")


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Setup(f"{setting}: cannot read {path}: {reason}") from None
