"""Overhead of the server: time from a keystroke to its answer, less the time that the model computed.

In each of many files the first keys of one line are typed, with a request for each key.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import keystroke, servers, workspaces
from benchmarks.client import Client, TextBuffer
from benchmarks.record import Record, Reference, compute_percentile, summarize

PLACES = 60
WARM = 5
KEYS = 8


def type_along(client: Client, place: workspaces.TypingPlace) -> dict[tuple[str, int], float]:
    """Type the first `KEYS` characters of the line; return the milliseconds of each answer by URI and version."""
    text = place.path.read_bytes().decode("utf-8")
    buffer = TextBuffer(client, place.path.as_uri(), text[: place.start] + text[place.start + len(place.line) :])
    time.sleep(keystroke.LOOKS_S)
    took = {}
    for at, character in enumerate(place.line[:KEYS], place.start):
        buffer.replace(at, at, character)
        pending = buffer.ask(at + 1)[1]
        pending.wait()
        took[buffer.uri, buffer.version] = pending.took_ms
    buffer.close()
    return took


def measure() -> Record:
    """Measure the overhead with the bundled model in a workspace of 1,000 files."""
    workspace, home = servers.index_thousand_files()
    places = workspaces.choose_typing_places(workspace, PLACES + WARM)
    took: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch, "notes.jsonl")
        command = [sys.executable, "-m", "benchmarks.timed_server", str(notes)]
        environment = {**servers.make_environment(home), "PYTHONPATH": str(servers.REPOSITORY)}
        with Client(command, environment=environment, folder=workspace) as client:
            client.initialize(workspace)
            servers.wait_for_index(client)
            for place in places[:WARM]:
                type_along(client, place)
            for place in places[WARM:]:
                took |= type_along(client, place)
        said = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    answered = {key: note["model_ms"] for note in said if (key := (note["uri"], note["version"])) in took}
    overhead = {key: took[key] - model_ms for key, model_ms in answered.items()}
    first = {uri: min(version for other, version in overhead if other == uri) for uri, _ in overhead}
    return Record(
        what=f"keystroke to answer less the model's time, bundled model, 1,000 files, {KEYS} keys at a place, p95",
        unit="ms",
        value=compute_percentile(list(overhead.values()), 95),
        n=len(overhead),
        reference=Reference(servers.REFERENCE, compute_percentile(keystroke.measure_reference(workspace, home), 95)),
        most=10.0,
        details={
            "ours": summarize(list(overhead.values())),
            "first_key_at_a_place": summarize([overhead[key] for key in first.items()]),
            "answer": summarize([took[key] for key in answered]),
            "model": summarize(list(answered.values())),
            "answers_with_a_model_run": sum(model_ms > 0 for model_ms in answered.values()),
        },
    )
