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
from statistics import mean, median, stdev
from typing import TYPE_CHECKING

from agents.ports.tracing import carry_span, get_span, open_span
from benchmarks import servers, workspaces
from benchmarks.client import Client, TextBuffer
from benchmarks.record import Record, Reference, compute_percentile, summarize
from server.lsp.wire.observed_requests import observe_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any

ROUNDS = 9
KEYS = 15_000
KEYS_OF_A_PLACE = 20
PLACES = 40
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
    places = workspaces.choose_typing_places(workspace, PLACES)
    for number in range(KEYS // KEYS_OF_A_PLACE):
        place = places[number % len(places)]
        text = place.path.read_bytes().decode("utf-8")
        buffer = TextBuffer(client, place.path.as_uri(), text[: place.start] + text[place.start + len(place.line) :])
        for at, character in enumerate(place.line[:KEYS_OF_A_PLACE], place.start):
            buffer.replace(at, at, character)
            buffer.ask(at + 1)[1].wait()
        buffer.close()


def list_same_keys(notes: Sequence[Mapping[str, Any]], cycle: int) -> list[tuple[float, float]]:
    """Return for each key of each place the median milliseconds of its observed requests, and of the others.

    `notes` are those of all requests, which come to the same keys again after `cycle` of them. A key with fewer than
    three requests of a kind is left out.
    """
    keys: dict[int, dict[bool, list[float]]] = {}
    for number, note in enumerate(notes):
        keys.setdefault(number % cycle, {True: [], False: []})[note["on"]].append(note["took_ms"])
    full = [key for key in keys.values() if min(len(key[True]), len(key[False])) >= 3]
    return [(median(key[True]), median(key[False])) for key in full]


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
        notes = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    cycle = sum(len(place.line[:KEYS_OF_A_PLACE]) for place in workspaces.choose_typing_places(workspace, PLACES))
    notes = notes[cycle:]  # the first time at each place loads grammars and caches
    same = list_same_keys(notes, cycle)
    observed, others = [one for one, _ in same], [other for _, other in same]
    added = [one - other for one, other in same]
    return Record(
        what="request to answer in the server with metrics and traces that are off, no model; median of each key, p95",
        unit="ms",
        value=compute_percentile(observed, 95),
        n=len(same),
        reference=Reference("the same keys, not observed", compute_percentile(others, 95)),
        most=1.02,
        judged="ratio",
        details={
            "requests": len(notes),
            "observed": summarize(observed),
            "not_observed": summarize(others),
            "added_ms": round(mean(added), 4),
            "added_plus_minus_ms": round(1.96 * stdev(added) / len(added) ** 0.5, 4),
        },
    )
