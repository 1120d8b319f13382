"""The spans of a trace, as a tree."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_ERROR: Final = 2
"""OTLP's Status.StatusCode of a span that failed."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span; times are Unix nanoseconds."""

    id: str
    parent: str
    service: str
    name: str
    start_ns: int
    end_ns: int
    failed: bool
    message: str


@dataclass(frozen=True, slots=True)
class Place:
    """A span's place in the tree: for each level below the root, whether a sibling follows."""

    span: Span
    follows: tuple[bool, ...]
    orphan: bool
    """It names a parent that is not there."""


def read(traces: Mapping[str, Any]) -> list[Span]:
    """Return the spans of OTLP/JSON TracesData, by their start."""
    spans = [
        _span(raw, _service(group))
        for group in traces.get("resourceSpans", ())
        for scope in group.get("scopeSpans", ())
        for raw in scope.get("spans", ())
    ]
    return sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))


def tree(spans: Sequence[Span]) -> Iterator[Place]:
    """Yield every span once, parents before their children, those in the order they came in."""
    known = {span.id for span in spans}
    children: defaultdict[str, list[int]] = defaultdict(list)
    for at, span in enumerate(spans):
        children[span.parent if span.parent in known else ""].append(at)
    done: set[int] = set()
    yield from _below(spans, children, children[""], done)
    for at in range(len(spans)):  # parents that are each other's children
        yield from _below(spans, children, [at], done)


def _below(
    spans: Sequence[Span],
    children: Mapping[str, list[int]],
    roots: Sequence[int],
    done: set[int],
) -> Iterator[Place]:
    # By hand: a trace may be deeper than Python's stack.
    waiting: list[tuple[int, tuple[bool, ...]]] = [(at, ()) for at in reversed(roots)]
    while waiting:
        at, follows = waiting.pop()
        if at in done:
            continue
        done.add(at)
        span = spans[at]
        yield Place(span, follows, orphan=not follows and bool(span.parent))
        below = [one for one in children.get(span.id, ()) if one not in done]
        last = len(below) - 1
        waiting += [
            (one, (*follows, number < last)) for number, one in reversed(list(enumerate(below)))
        ]


def _span(raw: Mapping[str, Any], service: str) -> Span:
    status = raw.get("status", {})
    start_ns = int(raw.get("startTimeUnixNano", 0))
    return Span(
        id=raw.get("spanId", ""),
        parent=raw.get("parentSpanId", ""),
        service=service,
        name=raw.get("name", ""),
        start_ns=start_ns,
        end_ns=max(start_ns, int(raw.get("endTimeUnixNano", 0))),
        failed=status.get("code") == _ERROR,
        message=status.get("message", ""),
    )


def _service(group: Mapping[str, Any]) -> str:
    for attribute in reversed(group.get("resource", {}).get("attributes", ())):
        if attribute.get("key") == "service.name":
            return str(attribute.get("value", {}).get("stringValue", ""))
    return ""
