"""200 keys, one every 30 ms, each with a request: every request is answered, and the model soon stops."""

from __future__ import annotations

import time

import psutil

from benchmarks import servers, workspaces
from benchmarks.client import TextBuffer, read_items
from benchmarks.record import Record, compute_percentile, summarize

KEYS = 200
GAP_S = 0.030
AFTERWARDS_S = 2.0


def measure() -> Record:
    """Delete lines of real files, type them again with a request for each key, and count unanswered requests."""
    workspace, home = servers.index_thousand_files()
    places = workspaces.choose_typing_places(workspace, 40)
    with servers.open_session(workspace, home) as client:
        process = psutil.Process(client.process.pid)
        warm = places.pop()
        opened = TextBuffer(client, warm.path.as_uri(), warm.path.read_bytes().decode("utf-8"))
        opened.ask(warm.start + 6, invoked=True)[1].wait()  # the model is loaded
        before = client.run_command("starling.stats")["completion"]
        keys = 0
        pending = []
        due = time.perf_counter()
        for place in places:
            text = place.path.read_bytes().decode("utf-8")
            end = place.start + len(place.line)
            buffer = TextBuffer(client, place.path.as_uri(), text[: place.start] + text[end:])
            for index, key in enumerate(place.line[: KEYS - keys]):
                at = place.start + index
                buffer.replace(at, at, key)
                pending.append(buffer.ask(at + 1)[1])
                keys += 1
                due += GAP_S
                time.sleep(max(0.0, due - time.perf_counter()))
            if keys == KEYS:
                break
        answered = sum(request.event.wait(30) for request in pending)
        errors = sum(request.error is not None for request in pending)
        after = client.run_command("starling.stats")["completion"]
        time.sleep(0.2)
        busy = process.cpu_times()
        time.sleep(AFTERWARDS_S)
        still = process.cpu_times()
        took = [request.took_ms for request in pending if request.event.is_set()]
        shown = sum(bool(read_items(request.result)) for request in pending)
    runs = after["model_runs"] - before["model_runs"]
    return Record(
        what="200 keys at 30 ms with a request each: requests never answered",
        unit="requests",
        value=float(KEYS - answered),
        n=KEYS,
        most=0.0,
        details={
            "answer_ms": summarize(took),
            "answered_with_an_error": errors,
            "with_a_suggestion": shown,
            "model_runs": runs,
            "model_runs_per_key": runs / KEYS,
            "cpu_share_after_the_last_answer": (still.user + still.system - busy.user - busy.system) / AFTERWARDS_S,
            "p50_ms": compute_percentile(took, 50),
        },
    )
