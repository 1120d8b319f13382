"""`aura trace`: one trace as a waterfall."""

import json
from urllib.parse import quote

import click

from aura.shell import options
from aura.shell.api import Api
from aura.shell.failure import Failure
from aura.shell.spans import read
from aura.shell.waterfall import Waterfall


@click.command()
@click.argument("trace_id")
@options.formats("table", "json")
@options.asks
def trace(trace_id: str, form: str, url: str, key: str) -> None:
    """Print a trace: its spans as a tree, with bars to scale."""
    api = Api(url, key)
    answer, headers = options.run(api.json(f"/v1/traces/{quote(trace_id, safe='')}", {}))
    if form == "json":
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        spans = read(answer)
        if not spans:
            raise Failure(f"no spans of trace {trace_id}")
        Waterfall(options.console(), spans).print(trace_id.lower())
    if headers.get("Aura-Truncated") == "true":
        options.note("the trace has more spans than are answered (query.limits.trace_spans_max)")
