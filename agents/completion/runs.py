"""Model runs under way: a newer request joins the run of its document that it fits, or ends it at the next token.

A run belongs to no request: a cancelled request is answered at once, and its run goes on for a moment, so that the
request of the next key can join it. Knows nothing of prompts or text rules. Start at `Runs.start` and `Run.wait`.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.syntax.documents import Document

_POLL_S = 0.005
_WORKERS = 4
# A request may wait for a run if the person has typed at most this many characters more than the run has decoded.
_BLIND_CHARACTERS = 6
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a run, with hashes of the text around it; `reach` is the extent and number of wanted texts."""

    uri: str
    offset: int
    head: int
    tail: int
    reach: tuple[str, int]

    @classmethod
    def of(cls, document: Document, offset: int, reach: tuple[str, int]) -> Place:
        """Return the place at `offset` of `document`."""
        text = document.text
        return cls(document.uri, offset, hash(text[:offset]), hash(text[offset:]), reach)


class Ending(StrEnum):
    """The reason why a wait for a run has ended."""

    DONE = "done"
    LEFT = "left"  # the caller's condition to leave became true, or the run was ended
    LATE = "late"  # the time was over


class Run(Generic[R]):
    """A computation that any number of requests can wait for; `place` is where it began, `text` its text so far."""

    def __init__(self, place: Place, linger_s: float) -> None:
        self.place = place
        self.text = ""  # decoded so far
        self.result: R | None = None
        self.started = time.monotonic()
        self.ended = 0.0
        self._done = Event()
        self._ended_early = False
        self._linger_s = linger_s
        self._wanted = math.inf  # when the last waiting request left; infinite before
        self._watchers = 0
        self._lock = Lock()

    @property
    def is_done(self) -> bool:
        """Whether the run has ended, with or without a result."""
        return self._done.is_set()

    @property
    def is_abandoned(self) -> bool:
        """Whether all requests that waited for the run have left."""
        return not self._watchers and self._wanted < math.inf

    def should_stop(self) -> bool:
        """Return whether to stop at the next token: the run was ended, or abandoned for longer than its linger time."""
        return self._ended_early or (self.is_abandoned and time.monotonic() - self._wanted > self._linger_s)

    def end(self) -> None:
        """Make the run stop at the next token and its waiting requests leave."""
        self._ended_early = True

    def extend_linger(self, seconds: float) -> None:
        """Let the run go on for at least `seconds` after the last waiting request has left, unless it is ended."""
        self._linger_s = max(self._linger_s, seconds)

    def wait(self, *, until: float, leave: Callable[[], bool]) -> Ending:
        """Wait until the run is done and return why the wait ended.

        The wait also ends if the run is ended early, `leave` returns true or the moment `until` (monotonic clock) has
        passed.
        """
        with self._lock:
            self._watchers += 1
        try:
            while not self._done.wait(_POLL_S):
                if self._ended_early or leave():
                    return Ending.LEFT
                if time.monotonic() > until:
                    return Ending.LATE
            return Ending.DONE
        finally:
            with self._lock:
                self._watchers -= 1
                self._wanted = time.monotonic()

    def finish(self, result: R | None) -> None:
        """Set the result, None for none, and wake the waiting requests; the worker calls this once."""
        self.result = result
        self.ended = time.monotonic()
        self._done.set()

    def find_typed_text(self, document: Document, offset: int, reach: tuple[str, int]) -> str | None:
        """Return the text typed since the run began, up to `offset`; None if the run cannot answer a request there."""
        if self._ended_early or document.uri != self.place.uri or reach != self.place.reach:
            return None
        text = document.text
        typed = text[self.place.offset : offset]
        if offset < self.place.offset or not self.is_consistent_with(typed):
            return None
        if hash(text[offset:]) != self.place.tail or hash(text[: self.place.offset]) != self.place.head:
            return None
        return typed

    def is_consistent_with(self, typed: str) -> bool:
        """Return whether the run's text may continue `typed`, the text typed since the run began.

        True if one of the two begins with the other; while the run goes on, `typed` may be a little ahead.
        """
        text = self.text
        if len(text) >= len(typed):
            return text.startswith(typed)
        return typed.startswith(text) and not self.is_done and len(typed) - len(text) <= _BLIND_CHARACTERS


class Runs(Generic[R]):
    """The runs of one generator, at most one for a document, besides ended ones. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_uri: dict[str, Run[R]] = {}
        self._workers: ThreadPoolExecutor | None = None
        self._closed = False

    def find_joinable(self, document: Document, offset: int, reach: tuple[str, int]) -> tuple[Run[R], str] | None:
        """Return the document's run that can answer a request at `offset`, with the text typed since the run began.

        If the run cannot answer the request, it is ended and the result is None, as it is without a run.
        """
        with self._lock:
            run = self._by_uri.get(document.uri)
        if run is None:
            return None
        typed = run.find_typed_text(document, offset, reach)
        if typed is None or (run.is_done and run.result is None):
            run.end()
            return None
        return run, typed

    def has_joinable_run(self, document: Document, offset: int) -> bool:
        """Return whether a run under way fits the text up to `offset`; never ends a run."""
        run = self._by_uri.get(document.uri)
        return (
            run is not None and not run.is_done and run.find_typed_text(document, offset, run.place.reach) is not None
        )

    def start(self, place: Place, work: Callable[[Run[R]], R | None], *, linger_s: float) -> Run[R]:
        """Start `work` on another thread, end the document's older run, and return the new run.

        After `close`, the run is done at once and without a result.
        """
        run: Run[R] = Run(place, linger_s)
        with self._lock:
            if (older := self._by_uri.get(place.uri)) is not None:
                older.end()
            if self._closed:
                run.finish(None)
                return run
            self._by_uri[place.uri] = run
            if self._workers is None:
                self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="completion-run")
            self._workers.submit(self._do_work, run, work)
        return run

    def _do_work(self, run: Run[R], work: Callable[[Run[R]], R | None]) -> None:
        """Do `work`, finish `run` with its result (None if it fails or `run` was stopped before), and remove `run`."""
        result = None
        try:
            if not run.should_stop():
                result = work(run)
        finally:
            run.finish(result)
            with self._lock:
                if self._by_uri.get(run.place.uri) is run:
                    del self._by_uri[run.place.uri]

    def end(self) -> None:
        """Make all runs stop at their next token."""
        with self._lock:
            for run in self._by_uri.values():
                run.end()

    def close(self) -> None:
        """End all runs and wait for their threads; later runs do not start."""
        self.end()
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, None
        if workers is not None:
            workers.shutdown(wait=True)
