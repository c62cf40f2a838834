"""What our own work adds to the model's: from the keystroke to the answer, less the time the model computed for it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks import keystroke, servers, workspaces
from benchmarks.client import Client
from benchmarks.record import Record, Reference, percentile, spread


def measure() -> Record:
    """With the bundled model in a workspace of 1,000 files, each key at another place."""
    workspace, home = servers.thousand_files()
    places = workspaces.typing_places(workspace, keystroke.PLACES + keystroke.WARM)
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch, "notes.jsonl")
        command = [sys.executable, "-m", "benchmarks.timed_server", str(notes)]
        environment = {**servers.environment(home), "PYTHONPATH": str(servers.REPOSITORY)}
        with Client(command, environment=environment, folder=workspace) as client:
            client.initialize(workspace)
            servers.wait_for_index(client)
            for place in places:
                took[place.path.as_uri()] = keystroke.type_at(client, place)[0]
        said = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    answered = [note for note in said[keystroke.WARM :] if note["uri"] in took]
    overhead = [took[note["uri"]] - note["model_ms"] for note in answered]
    return Record(
        what="keystroke to answer less the model's time, bundled model, 1,000 files, p95",
        unit="ms",
        value=percentile(overhead, 95),
        n=len(overhead),
        reference=Reference(servers.REFERENCE, percentile(keystroke.reference(workspace, home), 95)),
        most=10.0,
        details={
            "ours": spread(overhead),
            "answer": spread([took[note["uri"]] for note in answered]),
            "model": spread([note["model_ms"] for note in answered]),
            "answers_with_a_model_run": sum(note["model_ms"] > 0 for note in answered),
        },
    )
