"""Model runs under way: a newer request joins the one it still fits, or ends it at the next token.

A run belongs to no request, so a cancelled request is answered at once and its run lives on only for a moment, in case
the next key fits. Knows nothing of prompts or text rules. Start at `Runs.start` and `Run.wait`.
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
# A run whose text is not known yet is waited for by a person who is at most so many characters ahead.
_BLIND_CHARACTERS = 6
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Place:
    """Place of a run, compared by hashes of the text around it; `reach` is how much was requested."""

    uri: str
    offset: int
    head: int
    tail: int
    reach: tuple[str, int]

    @classmethod
    def of(cls, document: Document, offset: int, reach: tuple[str, int]) -> Place:
        """Return the place of a request."""
        text = document.text
        return cls(document.uri, offset, hash(text[:offset]), hash(text[offset:]), reach)


class Ending(StrEnum):
    """The end of the wait for a run."""

    DONE = "done"
    LEFT = "left"  # nobody wants it any more
    LATE = "late"  # it takes too long


class Run(Generic[R]):
    """One computation, watched by any number of requests."""

    def __init__(self, place: Place, linger_s: float) -> None:
        self.place = place
        self.text = ""  # what has been decoded so far
        self.result: R | None = None
        self.started = time.monotonic()
        self.ended = 0.0
        self._done = Event()
        self._ended_early = False
        self._linger_s = linger_s
        self._wanted = math.inf  # when the last one left; a run is wanted until its first one leaves
        self._watchers = 0
        self._lock = Lock()

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._done.is_set()

    @property
    def abandoned(self) -> bool:
        """Whether all who waited for it have left."""
        return not self._watchers and self._wanted < math.inf

    def should_stop(self) -> bool:
        """Whether to stop at the next token: the run was superseded, or no request has waited for some time."""
        return self._ended_early or (self.abandoned and time.monotonic() - self._wanted > self._linger_s)

    def end(self) -> None:
        """Stop at the next token, whoever waits."""
        self._ended_early = True

    def extend_linger(self, seconds: float) -> None:
        """Let the run continue for so long when nobody waits for it any more, unless it is superseded."""
        self._linger_s = max(self._linger_s, seconds)

    def wait(self, *, until: float, leave: Callable[[], bool]) -> Ending:
        """Wait for the result, until `leave` says so or `until` (monotonic clock) has passed."""
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
        """Set the result and wake the waiting requests; the worker calls this once."""
        self.result = result
        self.ended = time.monotonic()
        self._done.set()

    def find_typed_text(self, document: Document, offset: int, reach: tuple[str, int]) -> str | None:
        """Return the text typed since the run began if its result may still continue it; else None."""
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
        """Whether what was decoded so far may still become what a person has typed since the run began."""
        text = self.text
        if len(text) >= len(typed):
            return text.startswith(typed)
        return typed.startswith(text) and not self.done and len(typed) - len(text) <= _BLIND_CHARACTERS


class Runs(Generic[R]):
    """The runs of one generator, at most one a document that is still wanted. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_uri: dict[str, Run[R]] = {}
        self._workers: ThreadPoolExecutor | None = None
        self._closed = False

    def find_joinable(self, document: Document, offset: int, reach: tuple[str, int]) -> tuple[Run[R], str] | None:
        """Return the document's run that may still answer the request, and the text typed since; end any other."""
        with self._lock:
            run = self._by_uri.get(document.uri)
        if run is None:
            return None
        typed = run.find_typed_text(document, offset, reach)
        if typed is None or (run.done and run.result is None):
            run.end()
            return None
        return run, typed

    def has_joinable_run(self, document: Document, offset: int) -> bool:
        """Whether a run under way may still give what the person types on; ends nothing and waits for nothing."""
        run = self._by_uri.get(document.uri)
        return run is not None and not run.done and run.find_typed_text(document, offset, run.place.reach) is not None

    def start(self, place: Place, work: Callable[[Run[R]], R | None], *, linger_s: float) -> Run[R]:
        """Begin `work` on another thread; the document's older run ends."""
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
            self._workers.submit(self._work, run, work)
        return run

    def _work(self, run: Run[R], work: Callable[[Run[R]], R | None]) -> None:
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
        """Stop all runs at their next token."""
        with self._lock:
            for run in self._by_uri.values():
                run.end()

    def close(self) -> None:
        """End all runs and wait for their threads."""
        self.end()
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, None
        if workers is not None:
            workers.shutdown(wait=True)
