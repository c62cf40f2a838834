"""Time until a cancelled or superseded completion request is answered while the model computes.

Only requests that were still open at the moment of cancelling count.
"""

from __future__ import annotations

import threading
import time
from itertools import pairwise

from benchmarks import servers, workspaces
from benchmarks.client import Client, TextBuffer
from benchmarks.record import Record, Reference, compute_percentile, summarize
from models.completion import FillRequest
from models.local.loading import load
from tests.models import bundled

PLACES = 120
TOKENS = 300
RUNS = 60
FIRST_S, LATEST_S = 0.1, 0.2  # a run reads for 60 ms first, and ends by itself after 250
HEAD_START_S = 0.01  # time for the older request to begin computing


def time_cancelling(client: Client, place: workspaces.TypingPlace, *, supersede: bool) -> float | None:
    """Return the milliseconds from cancelling a request at `place` to its answer; None if the answer came first.

    With `supersede`, a newer request at the next key cancels it instead of `$/cancelRequest`. Exits if the cancelled
    request gets no answer.
    """
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
        raise SystemExit("a cancelled request was never answered")
    buffer.close()
    return (older.done_s - before) * 1000


def measure() -> Record:
    """Measure the time until cancelled and superseded requests, in turn, are answered."""
    workspace, home = servers.index_thousand_files()
    cancelled: list[float] = []
    superseded: list[float] = []
    before_it = 0
    with servers.open_session(workspace, home) as client:
        for index, place in enumerate(workspaces.choose_typing_places(workspace, PLACES)):
            took = time_cancelling(client, place, supersede=bool(index % 2))
            if took is None:
                before_it += 1
            elif index >= 4:  # the first wait for the model to be loaded
                (superseded if index % 2 else cancelled).append(took)
    both = cancelled + superseded
    return Record(
        what="a request is cancelled or superseded while the model works: until it is answered, p95",
        unit="ms",
        value=compute_percentile(both, 95),
        n=len(both),
        most=50.0,
        details={
            "cancelled": summarize(cancelled),
            "superseded": summarize(superseded),
            "answered_before_anyone_said_so": before_it,
        },
    )


def measure_model() -> Record:
    """Measure, in this process, the time from cancelling a run of the bundled model to its last token."""
    model = load(bundled.entry(), device="cpu", threads=1)
    prefix = "".join(f"def function_{number}(first, second):\n    return first + second\n\n\n" for number in range(12))
    request = FillRequest("functions.py", prefix, "", max_tokens=TOKENS)
    last: list[float] = []
    returned: list[float] = []
    tokens: list[float] = []
    for turn in range(RUNS):
        run = _Run()
        later = threading.Timer(FIRST_S + (LATEST_S - FIRST_S) * turn / RUNS, run.cancel)
        later.start()
        model.generate(request, stop=run.note_token, cancelled=run.is_cancelled)
        ended = time.perf_counter()
        later.cancel()
        if run.heard_s and len(run.tokens_s) > 1:
            last.append((run.heard_s - run.told_s) * 1000)
            returned.append((ended - run.told_s) * 1000)
            tokens += [(after - before) * 1000 for before, after in pairwise(run.tokens_s)]
    model.close()
    return Record(
        what="a model that writes is told to stop: until its last token, median",
        unit="ms",
        value=compute_percentile(last, 50),
        n=len(last),
        reference=Reference("one token of the same runs", compute_percentile(tokens, 50)),
        most=1.0,
        judged="ratio",
        details={"last_token": summarize(last), "call_returned": summarize(returned), "token": summarize(tokens)},
    )


class _Run:
    """Times of one run of the model, in seconds of `time.perf_counter`.

    Attributes:
        told_s: time at which the run was cancelled; 0 before.
        heard_s: time of the model's first check after that; 0 before.
        tokens_s: time of each token.
    """

    def __init__(self) -> None:
        self.told_s = self.heard_s = 0.0
        self.tokens_s: list[float] = []

    def cancel(self) -> None:
        """Cancel the run, and note the time."""
        self.told_s = time.perf_counter()

    def is_cancelled(self) -> bool:
        """Return whether the run is cancelled; note the time of the first check after that."""
        if self.told_s and not self.heard_s:
            self.heard_s = time.perf_counter()
        return self.told_s > 0

    def note_token(self, _: str) -> None:
        """Note the time of a token."""
        self.tokens_s.append(time.perf_counter())
