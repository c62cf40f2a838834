"""Scheduling of reviews of open documents: when opened, when saved, and after a pause of typing.

Only the newest version of a document is reviewed. Runs on the event loop and never blocks it; the reviewer computes in
two threads, one for the static layer and one for the layers that ask a model, and both wait while a completion is
computed. Decides nothing about findings. Start at `Reviews.schedule` and `Reviews.review`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.findings import QUICK, Layer
from agents.reviewer.notebook_cells import filter_cell_findings
from server.assembly import policies
from server.lsp.session.cancellation import Tickets
from server.observation.figures import figures

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from agents.findings import Finding
    from server.assembly.core import Core, CoreHolder
    from server.lsp.session.cancellation import Ticket
    from server.lsp.session.open_documents import Documents, OpenText
    from server.lsp.wire.guard import Guard

START_WAIT_S = 120.0  # for the program to load
SLOW_PAUSE_S = 2.0  # further pause of typing before the layers that ask a model are run
PAUSE_STEP_S = 0.003
MOST_PAUSED_S = 5.0  # longest wait of one review for completions, which a hanging model would make endless


@dataclass(frozen=True, slots=True)
class Review:
    """The review of one version of a document, as far as it has been computed.

    Attributes:
        document: the reviewed version.
        quick: findings of the static layer.
        slow: findings of the layers that ask a model (likelihood, model).
        finished: whether all enabled layers have been run.
    """

    document: OpenText
    quick: tuple[Finding, ...] = ()
    slow: tuple[Finding, ...] = ()
    finished: bool = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, by place."""
        if not self.slow:
            return self.quick
        return tuple(sorted((*self.quick, *self.slow), key=lambda finding: (finding.span.start, finding.span.end)))


class Reviews:
    """The reviews of one session's open documents."""

    def __init__(  # noqa: PLR0913 (services and callbacks)
        self,
        cores: CoreHolder,
        documents: Documents,
        guard: Guard,
        *,
        busy: Callable[[], bool],
        show: Callable[[Review], None],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare to review.

        Args:
            cores: gives the core, once it is loaded.
            documents: the open documents.
            guard: runs background work and counts failures.
            busy: returns whether a completion is being computed; called from any thread.
            show: called with each newer review of an open document.
            tell: called with a sentence when the reviewer cannot do all it should.
        """
        self._cores = cores
        self._documents = documents
        self._guard = guard
        self._busy = busy
        self._show = show
        self._tell = tell
        self._tickets = Tickets()
        self._known: dict[str, Review] = {}
        self._running: dict[str, asyncio.Future[None]] = {}
        self._waiting: dict[str, list[asyncio.Future[Review | None]]] = {}
        self._quick = ThreadPoolExecutor(1, thread_name_prefix="review")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="model-review")
        self._closed = False

    # For requests

    def get_current(self, document: OpenText) -> Review | None:
        """Return the review of exactly this version of `document`, None if there is none yet."""
        review = self._known.get(document.uri)
        return review if review is not None and review.document is document else None

    def list_static_findings(self, document: OpenText) -> tuple[Finding, ...]:
        """Return the static layer's findings in exactly this version of `document`; () if there is no review yet."""
        review = self.get_current(document)
        return review.quick if review is not None else ()

    def get_newest(self, uri: str) -> Review | None:
        """Return the newest review of the document `uri`, which may be of an older version; None if there is none."""
        return self._known.get(uri)

    async def review(self, document: OpenText) -> Review | None:
        """Return the review of this version, once the static layer has run; starts it if necessary.

        None if a newer version came, or the document was closed.
        """
        if (review := self.get_current(document)) is not None:
            return review
        if self._closed or self._documents.get(document.uri) is not document:
            return None
        arrival: asyncio.Future[Review | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(document.uri, []).append(arrival)
        if document.uri not in self._running:
            self._start(document)
        return await arrival

    def count_findings(self) -> dict[str, int]:
        """Return the numbers of findings in open documents by severity; any thread may call this."""
        return Counter(finding.severity.value for review in list(self._known.values()) for finding in review.findings)

    # For notifications

    def schedule(self, document: OpenText, *, opened: bool) -> None:
        """Cancel the review of the older version, and start to review `document` in the background.

        The review begins after a pause of typing; at once for a document that was just `opened`.
        """
        self._answer_waiting(document.uri, None)
        self._start(document, pauses=not opened)

    def review_saved(self, uri: str) -> None:
        """Start to review the saved document `uri` now, unless its review is finished."""
        if (document := self._documents.get(uri)) is not None:
            review = self.get_current(document)
            if review is None or not review.finished:
                self._start(document)

    def forget(self, uri: str) -> None:
        """Cancel the review of the closed document `uri`, and forget its findings."""
        self._tickets.forget(uri)
        self._known.pop(uri, None)
        self._answer_waiting(uri, None)

    def review_all(self) -> None:
        """Forget all findings and review all open documents, because settings or models have changed."""
        self._known.clear()
        for document in self._documents:
            self._start(document)

    def close(self) -> None:
        """Cancel all reviews, answer waiting requests with None, and accept no more."""
        self._closed = True
        self._tickets.cancel_all()
        for uri in tuple(self._waiting):
            self._answer_waiting(uri, None)
        for pool in (self._quick, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)

    # One document

    def _start(self, document: OpenText, *, pauses: bool = False) -> None:
        """Start the review of `document` in the background; with `pauses`, after pauses of typing."""
        if self._closed:
            return
        uri = document.uri
        self._tickets.cancel(uri)
        empty = Review(document, finished=True)
        work = self._run_all_layers(document, pauses=pauses)
        task = self._guard.run_in_background("review", work, otherwise=lambda: self._store(empty))
        self._running[uri] = task
        task.add_done_callback(lambda done: self._running.get(uri) is done and self._running.pop(uri))

    async def _run_all_layers(self, document: OpenText, *, pauses: bool) -> None:
        """Run the static layer, then the layers that ask a model, and store the review after each."""
        with self._tickets.open(document.uri) as ticket:
            core = await self._cores.wait(START_WAIT_S, ticket)
            if core is None or core.reviewer is None:
                self._store(Review(document, finished=True), ticket)
                return
            if (review := self._find_reusable(document)) is None:
                if not await ticket.sleep(core.settings.review.delay_ms / 1000 if pauses else 0):
                    return
                quick = await self._run_layers(core, document, list_available_layers(core) & QUICK, ticket)
                review = Review(document, quick, finished=not list_available_layers(core) - QUICK)
            self._store(review, ticket)
            if not review.finished and await ticket.sleep(SLOW_PAUSE_S if pauses else 0):
                slow = await self._run_layers(core, document, list_available_layers(core) - QUICK, ticket)
                self._store(replace(review, slow=slow, finished=True), ticket)

    async def _run_layers(
        self, core: Core, document: OpenText, layers: frozenset[Layer], ticket: Ticket
    ) -> tuple[Finding, ...]:
        """Return the findings of `layers`, computed in a thread; none as soon as the ticket is cancelled.

        Also tells the person of a problem of the reviewer.
        """
        if not layers:
            return ()
        pool = self._quick if layers <= QUICK else self._slow
        work = pool.submit(_compute_findings, core, document, layers, StopCheck(ticket.is_cancelled, self._busy))
        findings = await ticket.wait_result(work)
        if ticket.is_cancelled():
            work.add_done_callback(self._record_failure)
        elif core.reviewer is not None and core.reviewer.problem:
            self._tell(core.reviewer.problem)
        return findings or ()

    def _find_reusable(self, document: OpenText) -> Review | None:
        """Return the last review, assigned to `document`, if its text and language are the same; else None."""
        review = self._known.get(document.uri)
        if review is None or (review.document.text, review.document.language) != (document.text, document.language):
            return None
        return replace(review, document=document)

    def _store(self, review: Review, ticket: Ticket | None = None) -> None:
        """Store and show `review` and answer waiting requests; ignore a `review` that is no longer wanted."""
        uri = review.document.uri
        if (ticket is not None and ticket.is_cancelled()) or self._documents.get(uri) is not review.document:
            return
        new = self._known.get(uri) != review
        if review.finished:
            figures.add("starling_reviews_total")
        self._known[uri] = review
        self._answer_waiting(uri, review)
        if new:
            self._show(review)

    def _answer_waiting(self, uri: str, review: Review | None) -> None:
        """Answer all requests that wait for a review of the document `uri` with `review`."""
        for arrival in self._waiting.pop(uri, ()):
            if not arrival.done():
                arrival.set_result(review)

    def _record_failure(self, work: Future[tuple[Finding, ...]]) -> None:
        """Record the error of `work` if it failed; its review was cancelled, so nobody else sees the error."""
        if not work.cancelled() and (error := work.exception()) is not None:
            self._guard.record_failure("review", error)


def list_available_layers(core: Core) -> frozenset[Layer]:
    """Return the layers that the settings enable and whose model is available."""
    present = {Layer.STATIC: True, Layer.LIKELIHOOD: core.model is not None, Layer.MODEL: core.review_chat is not None}
    return frozenset(layer for layer in policies.select_layers(core.settings) if present[layer])


@dataclass(slots=True)
class StopCheck:
    """The reviewer's check for cancellation, which also pauses the review while a completion is computed.

    Attributes:
        gone: returns whether the review was cancelled.
        busy: returns whether a completion is being computed.
        paused_s: seconds that the review has been paused so far, at most about `MOST_PAUSED_S`.
    """

    gone: Callable[[], bool]
    busy: Callable[[], bool]
    paused_s: float = 0.0

    def __call__(self) -> bool:
        """Wait while a completion is computed, up to `MOST_PAUSED_S` in total; return whether to stop the review."""
        while self.busy() and not self.gone() and self.paused_s < MOST_PAUSED_S:
            time.sleep(PAUSE_STEP_S)
            self.paused_s += PAUSE_STEP_S
        return self.gone()


def _compute_findings(
    core: Core, document: OpenText, layers: frozenset[Layer], should_stop: StopCheck
) -> tuple[Finding, ...]:
    """Return the findings of `layers` in `document`; none for a file that is not reviewed. Blocking."""
    too_large = document.oversized or len(document.text) > core.settings.review.max_file_bytes
    if too_large or core.reviewer is None or core.index.find_withholding_reason(document.record):
        return ()
    syntax = core.trees.of(document.record)  # also caches it for the next completion
    found = core.reviewer.review(document.record, layers=layers, cancelled=should_stop, syntax=syntax, whole=False)
    return filter_cell_findings(found, document.text) if document.cell else found
