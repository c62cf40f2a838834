"""A trace as a tree of text, made from the lines of a file of traces. Start at `render_trees`."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.server.observation.test_trace_file import read_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LEFT_OUT = ("rpc.jsonrpc.request_id", "session.id", "starling.model_ms")
"""Attributes that differ from run to run."""
TIME = re.compile(r" +\d+\.\d ms")
CHANGING = re.compile(r"\b(snippets|found|confidence|characters)=\S+")
"""Figures that depend on the speed of the machine."""


def render_trees(path: Path, root: str) -> list[str]:
    """Return a tree for each trace whose root is named `root`, with times and attributes."""
    spans = read_spans(path)
    children: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for span in sorted(spans, key=lambda one: int(one["startTimeUnixNano"])):
        children[span.get("parentSpanId", "")].append(span)
    return ["\n".join(_render(one, children, "", "")) for one in children[""] if one["name"] == root]


def remove_times(tree: str) -> str:
    """Return a tree without the times and figures that differ from run to run."""
    return CHANGING.sub(r"\1", TIME.sub("", tree))


def _render(
    span: Mapping[str, Any], children: Mapping[str, Sequence[dict[str, Any]]], lead: str, rest: str
) -> Iterator[str]:
    """Yield the line of a span, which begins with `lead`, and those of all spans below it, which begin with `rest`."""
    took = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e6
    shown = {name: value for name, value in span["attributes"].items() if name not in LEFT_OUT}
    words = " ".join(f"{name.removeprefix('starling.')}={value}" for name, value in shown.items() if value != "")
    title = f"{lead}{span['name']}"
    yield f"{title:<36}{took:>10.1f} ms  {words}".rstrip()
    inner = children.get(span["spanId"], ())
    for number, one in enumerate(inner, 1):
        last = number == len(inner)
        yield from _render(one, children, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
