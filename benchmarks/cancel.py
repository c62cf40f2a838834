"""A request that is no longer wanted is answered at once: after `$/cancelRequest`, and when a newer one comes.

The model is at work when that happens: only requests that were still open at that moment count.
"""

from __future__ import annotations

import time

from benchmarks import servers, workspaces
from benchmarks.client import Client, TextBuffer
from benchmarks.record import Record, percentile, spread

PLACES = 120
HEAD_START_S = 0.01  # the older request gets so long to begin computing


def unwanted(client: Client, place: workspaces.TypingPlace, *, supersede: bool) -> float | None:
    """Milliseconds from saying so until the older request is answered; None if it was answered before."""
    text = place.path.read_bytes().decode("utf-8")
    at = place.start + 1
    buffer = TextBuffer(client, place.path.as_uri(), text[:at] + text[place.start + len(place.line) :])
    number, older = buffer.ask(at, invoked=True)
    time.sleep(HEAD_START_S)
    if older.event.is_set():
        buffer.close()
        return None
    before = time.perf_counter()
    if supersede:
        buffer.replace(at, at, place.line[1])
        newer = buffer.ask(at + 1, invoked=True)[1]
        newer.wait()
    else:
        client.cancel(number)
    if not older.event.wait(30):
        raise SystemExit("a request that is no longer wanted was never answered")
    buffer.close()
    return (older.done_s - before) * 1000


def measure() -> Record:
    """Every other one is cancelled, every other one superseded."""
    workspace, home = servers.thousand_files()
    cancelled: list[float] = []
    superseded: list[float] = []
    before_it = 0
    with servers.session(workspace, home) as client:
        for index, place in enumerate(workspaces.typing_places(workspace, PLACES)):
            took = unwanted(client, place, supersede=bool(index % 2))
            if took is None:
                before_it += 1
            elif index >= 4:  # the first wait for the model to be loaded
                (superseded if index % 2 else cancelled).append(took)
    both = cancelled + superseded
    return Record(
        what="a request is cancelled or superseded while the model works: until it is answered, p95",
        unit="ms",
        value=percentile(both, 95),
        n=len(both),
        most=50.0,
        details={
            "cancelled": spread(cancelled),
            "superseded": spread(superseded),
            "answered_before_anyone_said_so": before_it,
        },
    )
