"""Cost of observation for a request: counting it, the ids for its log records, and traces that are off.

Processor time of one thread, so that other work on the machine does not count.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING

from agents.ports.tracing import carry_span, get_span, open_span
from benchmarks.record import Record
from server.lsp.wire.observed_requests import observe_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 9
REQUESTS = 20_000


async def answer_bare(params: object) -> object:
    """Return `params`: a handler without observation."""
    return params


async def answer_with_spans(params: object) -> object:
    """Return `params` after the spans, attributes and carried calls of a completion."""
    with open_span("recall") as span:
        span.set(found=3)
    with open_span("resolve"):
        pass
    with open_span("context") as span:
        span.set(snippets=3)
    with open_span("model", model="starling-mini") as span:
        span.set(model_ms=10.0, candidates=1, problem="")
    carry_span(answer_bare)
    carry_span(answer_bare)
    get_span().set(language="python", trigger="automatic", suggestions=1, model_ms=10.0)
    get_span().set(origin="model", confidence=0.9)
    return params


async def time_requests(handle: Callable[[object], Awaitable[object]]) -> float:
    """Return the processor time of a request in milliseconds."""
    begun = time.thread_time()
    for _ in range(REQUESTS):
        await handle(None)
    return (time.thread_time() - begun) * 1000 / REQUESTS


async def _measure_rounds() -> list[float]:
    """Return the milliseconds that observation adds to a request, of each round."""
    observed = observe_request(answer_with_spans, lambda _: "textDocument/inlineCompletion", lambda: 7)
    return [await time_requests(observed) - await time_requests(answer_bare) for _ in range(ROUNDS)]


def measure() -> Record:
    """Measure what metrics, ids and traces that are off cost a completion request."""
    added = asyncio.run(_measure_rounds())
    return Record(
        what="processor time that metrics, ids of log records and traces that are off add to a completion, median",
        unit="ms",
        value=median(added),
        n=ROUNDS,
        most=0.1,
        details={"least": round(min(added), 5), "highest": round(max(added), 5), "requests": REQUESTS},
    )
