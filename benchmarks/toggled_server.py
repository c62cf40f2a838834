"""Starling's server in which half of the completion requests, by chance, are observed, with notes of all.

`benchmarks.observation` starts it with the name of a file, to which each request adds a JSON line: whether it was
observed, its milliseconds, and those of the process's processor time meanwhile. Both kinds
meet the same index, the same caches and the same load of the machine. Start at `Toggle`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from agents.completion import sources, statistics
from agents.ports.tracing import NO_SPAN
from server.lsp import language_server
from server.lsp.serving.stdio import serve_stdio
from server.lsp.session import completion_requests
from server.lsp.wire.observed_requests import observe_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[Any], Awaitable[Any]]

PLACES = (
    (sources, "open_span", lambda *_, **__: NO_SPAN),
    (sources, "carry_span", lambda call: call),
    (completion_requests, "carry_span", lambda call: call),
    (completion_requests, "_describe", lambda *_: None),
    (statistics, "_add_to_total", lambda *_: None),
)
"""What observation calls on the path of a key, each with what takes its place."""


class Toggle:
    """Observes half of the completion requests, and writes notes.

    Args:
        notes: the file.
    """

    def __init__(self, notes: Path) -> None:
        self._file = notes.open("a", encoding="utf-8", buffering=1)
        self._chance = random.Random(0)  # noqa: S311 (turns would always meet the same keys of a line)
        self._own = [getattr(module, name) for module, name, _ in PLACES]

    def observe_request(
        self, handle: Handler, name_request: Callable[[Any], str], get_id: Callable[[], Any]
    ) -> Handler:
        """Return the handler of a request; takes the place of `observe_request`."""
        observed = observe_request(handle, name_request, get_id)

        async def answer(params: Any) -> Any:  # noqa: ANN401 (each method has its own)
            if name_request(params) != types.TEXT_DOCUMENT_INLINE_COMPLETION:
                return await observed(params)
            on = self._chance.random() < 0.5
            for (module, name, fake), own in zip(PLACES, self._own, strict=True):
                setattr(module, name, own if on else fake)
            processor, begun = time.process_time(), time.perf_counter()
            try:
                return await (observed if on else handle)(params)
            finally:
                took_ms, processor_ms = (time.perf_counter() - begun) * 1e3, (time.process_time() - processor) * 1e3
                self._file.write(json.dumps({"on": on, "took_ms": took_ms, "processor_ms": processor_ms}) + "\n")

        return answer


if __name__ == "__main__":
    language_server.observe_request = Toggle(Path(sys.argv[1])).observe_request  # type: ignore[attr-defined]
    serve_stdio()
