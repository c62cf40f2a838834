"""Cost of observation for a request: counting it, the ids for its log records, and traces that are off.

`measure` has the processor time of one thread, so that other work on the machine does not count; `measure_keys` types
in a real server of which half of the requests are observed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from agents.ports.tracing import carry_span, get_span, open_span
from benchmarks import servers, workspaces
from benchmarks.client import Client, TextBuffer
from benchmarks.record import Record, Reference, compute_percentile, summarize
from server.lsp.wire.observed_requests import observe_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 9
KEYS = 14_000
KEYS_OF_A_PLACE = 20
WARM = 400
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


def type_keys(client: Client, workspace: Path) -> None:
    """Type `KEYS` keys at places of the workspace one after the other, each with a request that is waited for."""
    places = workspaces.choose_typing_places(workspace, 40)
    for number in range((KEYS + WARM) // KEYS_OF_A_PLACE):
        place = places[number % len(places)]
        text = place.path.read_bytes().decode("utf-8")
        buffer = TextBuffer(client, place.path.as_uri(), text[: place.start] + text[place.start + len(place.line) :])
        for at, character in enumerate(place.line[:KEYS_OF_A_PLACE], place.start):
            buffer.replace(at, at, character)
            buffer.ask(at + 1)[1].wait()
        buffer.close()


def measure_keys() -> Record:
    """Measure keys in a workspace of 1,000 files without a model, observed or not by chance."""
    workspace, home = servers.index_thousand_files()
    environment = {**servers.make_environment(home), "PYTHONPATH": str(servers.REPOSITORY)}
    options = {**servers.NO_MODEL, "review": {"enabled": False}}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "notes.jsonl")
        command = [sys.executable, "-m", "benchmarks.toggled_server", str(file)]
        with Client(command, environment=environment, folder=workspace) as client:
            client.initialize(workspace, options)
            servers.wait_for_index(client)
            type_keys(client, workspace)
        notes = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()][WARM:]
    took = {on: [note["took_ms"] for note in notes if note["on"] is on] for on in (True, False)}
    spent = {on: [note["processor_ms"] for note in notes if note["on"] is on] for on in (True, False)}
    return Record(
        what="from a request to its answer in the server, with metrics and with traces that are off, no model, p95",
        unit="ms",
        value=compute_percentile(took[True], 95),
        n=len(took[True]),
        reference=Reference("requests of the same server that are not observed", compute_percentile(took[False], 95)),
        most=1.02,
        judged="ratio",
        details={
            "observed": summarize(took[True]),
            "not_observed": summarize(took[False]),
            "processor_ms_observed": round(mean(spent[True]), 4),
            "processor_ms_not_observed": round(mean(spent[False]), 4),
        },
    )
