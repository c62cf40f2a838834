"""When a document is reviewed: when it is opened, when it is saved, after a pause of typing; only its newest version.

Runs on the event loop and never blocks it; the reviewer computes in two threads, one for the layer that answers at once
and one for those that ask a model. A completion goes before either. Decides nothing about what is found. Start at
`Reviews.changed` and `Reviews.review`.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.findings import Layer
from agents.reviewer.layers import QUICK
from agents.reviewer.notebook_cells import filter_cell_findings
from server.assembly import policies
from server.lsp.session.cancellation import Tickets

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from agents.findings import Finding
    from server.assembly.core import Core, Cores
    from server.lsp.session.cancellation import Ticket
    from server.lsp.session.open_documents import Documents, OpenText
    from server.lsp.wire.guard import Guard

START_WAIT_S = 120.0  # for what is opened while the program still loads
SLOW_PAUSE_S = 2.0  # longest part of a pause of typing: a model is asked about what somebody has come to rest at
HELD_STEP_S = 0.003
MOST_HELD_S = 5.0  # for completions, in one review; a model that hangs must not hold up reviews for ever


@dataclass(frozen=True, slots=True)
class Review:
    """What is known of one version of a document.

    Attributes:
        document: that version.
        quick: findings of the static layer.
        slow: findings of the layers that ask a model.
        finished: whether those were asked, or are off.
    """

    document: OpenText
    quick: tuple[Finding, ...] = ()
    slow: tuple[Finding, ...] = ()
    finished: bool = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, by place."""
        if not self.slow:
            return self.quick
        return tuple(sorted((*self.quick, *self.slow), key=lambda finding: (finding.span.start, finding.span.end)))


class Reviews:
    """The reviews of one session's open documents."""

    def __init__(  # noqa: PLR0913 (what it works with, and whom it tells)
        self,
        cores: Cores,
        documents: Documents,
        guard: Guard,
        *,
        busy: Callable[[], bool],
        show: Callable[[Review], None],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`busy`: whether a completion is being computed; `show`: is told of each newer review of what is open.

        `tell` is told why the review gives less than it should.
        """
        self._cores = cores
        self._documents = documents
        self._guard = guard
        self._busy = busy
        self._show = show
        self._tell = tell
        self._tickets = Tickets()
        self._known: dict[str, Review] = {}
        self._attending: dict[str, asyncio.Future[None]] = {}
        self._waiting: dict[str, list[asyncio.Future[Review | None]]] = {}
        self._quick = ThreadPoolExecutor(1, thread_name_prefix="review")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="model-review")
        self._closed = False

    # What requests ask

    def known(self, document: OpenText) -> Review | None:
        """The review of exactly this version, None where there is none yet; at once."""
        review = self._known.get(document.uri)
        return review if review is not None and review.document is document else None

    def last(self, uri: str) -> Review | None:
        """The newest review of that document, of whatever version; at once."""
        return self._known.get(uri)

    async def review(self, document: OpenText) -> Review | None:
        """The review of this version, waited for; None when a newer one has come, or it was closed."""
        if (review := self.known(document)) is not None:
            return review
        if self._closed or self._documents.get(document.uri) is not document:
            return None
        arrival: asyncio.Future[Review | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(document.uri, []).append(arrival)
        if document.uri not in self._attending:
            self._begin(document)
        return await arrival

    # What changes

    def changed(self, document: OpenText, *, opened: bool) -> None:
        """A document was opened, or its text is another now: what runs for the older text is of no use."""
        self._release(document.uri, None)
        self._begin(document, pauses=not opened)

    def saved(self, uri: str) -> None:
        """It was saved: nobody types in it just now."""
        if (document := self._documents.get(uri)) is not None:
            review = self.known(document)
            if review is None or not review.finished:
                self._begin(document)

    def closed(self, uri: str) -> None:
        """It was closed."""
        self._tickets.forget(uri)
        self._known.pop(uri, None)
        self._release(uri, None)

    def again(self) -> None:
        """What is found may be something else now: settings have changed, or a model has come."""
        self._known.clear()
        for document in self._documents:
            self._begin(document)

    def close(self) -> None:
        """End everything; who waits is answered."""
        self._closed = True
        self._tickets.cancel_all()
        for uri in tuple(self._waiting):
            self._release(uri, None)
        for pool in (self._quick, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)

    # One document

    def _begin(self, document: OpenText, *, pauses: bool = False) -> None:
        if self._closed:
            return
        uri = document.uri
        self._tickets.cancel(uri)
        nothing = Review(document, finished=True)
        work = self._attend(document, pauses=pauses)
        task = self._guard.background("review", work, otherwise=lambda: self._keep(nothing))
        self._attending[uri] = task
        task.add_done_callback(lambda done: self._attending.get(uri) is done and self._attending.pop(uri))

    async def _attend(self, document: OpenText, *, pauses: bool) -> None:
        with self._tickets.open(document.uri) as ticket:
            core = await self._cores.ready(START_WAIT_S, ticket)
            if core is None or core.reviewer is None:
                self._keep(Review(document, finished=True), ticket)
                return
            if (review := self._kept(document)) is None:
                if not await ticket.sleep(core.settings.review.delay_ms / 1000 if pauses else 0):
                    return
                quick = await self._look(core, document, layers_of(core) & QUICK, ticket)
                review = Review(document, quick, finished=not layers_of(core) - QUICK)
            self._keep(review, ticket)
            if not review.finished and await ticket.sleep(SLOW_PAUSE_S if pauses else 0):
                slow = await self._look(core, document, layers_of(core) - QUICK, ticket)
                self._keep(replace(review, slow=slow, finished=True), ticket)

    async def _look(
        self, core: Core, document: OpenText, layers: frozenset[Layer], ticket: Ticket
    ) -> tuple[Finding, ...]:
        """What those layers find; nothing as soon as the ticket is called in."""
        if not layers:
            return ()
        pool = self._quick if layers <= QUICK else self._slow
        work = pool.submit(_call, core, document, layers, Held(ticket.cancelled, self._busy))
        findings = await ticket.first_of(work)
        if ticket.cancelled():
            work.add_done_callback(self._count)
        elif core.reviewer is not None and core.reviewer.problem:
            self._tell(core.reviewer.problem)
        return findings or ()

    def _kept(self, document: OpenText) -> Review | None:
        """What is known of the same text under another version number, or of the very same."""
        review = self._known.get(document.uri)
        if review is None or (review.document.text, review.document.language) != (document.text, document.language):
            return None
        return replace(review, document=document)

    def _keep(self, review: Review, ticket: Ticket | None = None) -> None:
        """Remember and show it, unless the document is another by now."""
        uri = review.document.uri
        if (ticket is not None and ticket.cancelled()) or self._documents.get(uri) is not review.document:
            return
        new = self._known.get(uri) != review
        self._known[uri] = review
        self._release(uri, review)
        if new:
            self._show(review)

    def _release(self, uri: str, review: Review | None) -> None:
        for arrival in self._waiting.pop(uri, ()):
            if not arrival.done():
                arrival.set_result(review)

    def _count(self, work: Future[tuple[Finding, ...]]) -> None:
        """An error that nobody waits for any more is counted all the same."""
        if not work.cancelled() and (error := work.exception()) is not None:
            self._guard.failed("review", error)


def layers_of(core: Core) -> frozenset[Layer]:
    """Return the layers that the settings want and whose model is there."""
    present = {Layer.STATIC: True, Layer.LIKELIHOOD: core.model is not None, Layer.MODEL: core.review_chat is not None}
    return frozenset(layer for layer in policies.layers_of(core.settings) if present[layer])


@dataclass(slots=True)
class Held:
    """What the reviewer asks often: whether to stop. It is held there while a completion is being computed."""

    gone: Callable[[], bool]
    busy: Callable[[], bool]
    held_s: float = 0.0

    def __call__(self) -> bool:
        """Whether to stop; after a while without waiting, for a completion that hangs must not stop reviews."""
        while self.busy() and not self.gone() and self.held_s < MOST_HELD_S:
            time.sleep(HELD_STEP_S)
            self.held_s += HELD_STEP_S
        return self.gone()


def _call(core: Core, document: OpenText, layers: frozenset[Layer], held: Held) -> tuple[Finding, ...]:
    """One call of the reviewer, for a thread of a pool."""
    unread = document.oversized or len(document.text) > core.settings.review.max_file_bytes
    if unread or core.reviewer is None or core.index.withheld(document.record):
        return ()
    syntax = core.trees.of(document.record)  # kept, so that the next completion on a blank line finds it fresh
    found = core.reviewer.review(document.record, layers=layers, cancelled=held, syntax=syntax, whole=False)
    return filter_cell_findings(found, document.text) if document.cell else found
