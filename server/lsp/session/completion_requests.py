"""Completion requests: superseding older ones, reusing suggestions, debouncing, and running the generator in a thread.

Both completion methods of LSP take this path. Runs on the event loop and never blocks it; the generator computes in a
small thread pool. Decides nothing about the suggested text. Start at `CompletionRequests.complete`.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.tracing import carry_span, get_span
from agents.suggestions import Completion, Trigger
from models.local import allocator
from server.lsp.session.cancellation import Tickets
from server.lsp.session.pace import Pace

if TYPE_CHECKING:
    from concurrent.futures import Future

    from agents.ports.tracing import Span
    from server.assembly.core import Core, CoreHolder
    from server.lsp.session.cancellation import Ticket
    from server.lsp.session.next_edit_requests import NextEditRequests
    from server.lsp.session.open_documents import OpenText
    from server.lsp.wire.guard import Guard

logger = logging.getLogger(__name__)

THREADS = 8  # one computes; the others hold superseded calls that have not noticed yet
UNREAD = ("excluded", "off", "starting", "too-large", "cancelled")  # given before the document passed all filters
LOGGED_LINES = 3  # most lines before the cursor in a log record
LOGGED_CHARACTERS = 500  # most characters of these lines
START_WAIT_S = 3.0  # for the program to load; later a request is answered with nothing


class CompletionRequests:
    """The completion requests of one session."""

    def __init__(self, cores: CoreHolder, guard: Guard, next_edits: NextEditRequests) -> None:
        self._cores = cores
        self._next_edits = next_edits
        self._guard = guard
        self._tickets = Tickets()
        self._pace = Pace()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="completion")

    async def complete(
        self, document: OpenText, offset: int, *, trigger: Trigger, selected: str | None = None
    ) -> Completion:
        """Return the suggestions at `offset` in `document`.

        The completion is empty, with the reason, if nothing may be suggested there, if a newer request or a change of
        the document superseded this one, or if the core is not loaded within `START_WAIT_S`.

        Where nothing is suggested, a next edit in the cursor's line is the suggestion if the client shows next edits in
        no other way.

        Args:
            document: the document as it was when the request came.
            offset: the cursor, in code points.
            trigger: whether a person asked, or the editor did while typing.
            selected: text that is selected in the editor's own popup, None if none is.
        """
        came = time.monotonic()
        completion = await self._answer(document, offset, trigger, selected, came)
        if not completion.suggestions and selected is None and completion.why_empty not in UNREAD:
            edit = await self._next_edits.suggest_in_line(document, offset)
            completion = completion if edit is None else Completion((edit,))
        _describe(get_span(), document, trigger, completion)
        if logger.isEnabledFor(logging.DEBUG):
            _log_request(document, offset, trigger, completion, (time.monotonic() - came) * 1000)
        return completion

    async def _answer(
        self, document: OpenText, offset: int, trigger: Trigger, selected: str | None, came: float
    ) -> Completion:
        """Return a suggestion that can be reused, else debounce the request and compute suggestions in a thread.

        A person's request always computes new ones. Counts the first suggestion as shown. `came` is the time of the
        request in monotonic seconds.
        """
        with self._tickets.open(document.uri) as ticket:
            core = await self._cores.wait(START_WAIT_S, ticket)
            if core is None:
                return _make_empty("cancelled" if ticket.is_cancelled() else "starting")
            if why := _find_refusal(core, document, trigger):
                return _make_empty(why)
            completion = core.generator.reuse(document.record, offset) if selected is None else None
            if completion is None or trigger is Trigger.INVOKED:
                expected = ticket.superseded_another and core.generator.has_joinable_run(document.record, offset)
                superseded = ticket.superseded_another
                delay_s = self._pace.compute_delay_s(came, superseded=superseded, expected=expected)
                if not await ticket.sleep(_compute_wait_s(core, trigger, delay_s)):
                    return _make_empty("cancelled")
                work = self._pool.submit(carry_span(_Call(core, document, offset, trigger, selected, ticket)))
                work.add_done_callback(lambda _: allocator.note_work())
                completion = await ticket.wait_result(work)
                if ticket.is_cancelled():
                    work.add_done_callback(self._record_failure)
            if completion is None:
                return _make_empty("cancelled")
            for suggestion in completion.suggestions[:1]:
                core.generator.record_shown(suggestion.id)
            return completion

    def wants_popup(self) -> bool:
        """Return whether the settings want suggestions in the editor's popup too; true until settings are loaded."""
        core = self._cores.current
        return core is None or core.settings.completion.popup

    def cancel(self, uri: str) -> None:
        """Cancel the running request about the document `uri`; it is answered with no suggestions."""
        self._tickets.cancel(uri)

    def forget(self, uri: str) -> None:
        """Cancel the running request about the closed document `uri`, and forget the document."""
        self._tickets.forget(uri)

    def is_busy(self) -> bool:
        """Return whether a completion is being computed, so that other work should wait; any thread may call this."""
        return self._tickets.has_running()

    def close(self) -> None:
        """Cancel all running requests, which are answered with no suggestions, and accept no more."""
        self._tickets.cancel_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _record_failure(self, work: Future[Completion]) -> None:
        """Record the error of `work` if it failed; its request was cancelled, so nobody else sees the error."""
        if not work.cancelled() and (error := work.exception()) is not None:
            self._guard.record_failure("completion", error)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of the generator, to be run in a thread of the pool."""

    core: Core
    document: OpenText
    offset: int
    trigger: Trigger
    selected: str | None
    ticket: Ticket

    def __call__(self) -> Completion:
        """Return the generator's completion; none for a document that is withheld from models."""
        core, document = self.core, self.document
        if core.index.find_withholding_reason(document.record):
            return _make_empty("excluded")
        return core.generator.complete(
            document.record,
            self.offset,
            trigger=self.trigger,
            selected=self.selected,
            cancelled=self.ticket.is_cancelled,
            limit=core.settings.completion.alternatives if self.trigger is Trigger.INVOKED else 1,
        )


def _find_refusal(core: Core, document: OpenText, trigger: Trigger) -> str:
    """Return why nothing is suggested in `document` ("too-large", "excluded", "off"), "" if completion is allowed."""
    if document.oversized:
        return "too-large"
    path = document.path or document.container
    if path is not None and core.is_completion_excluded(path):
        return "excluded"
    wanted = core.settings.completion.automatic or trigger is Trigger.INVOKED
    return "" if wanted and core.generator.is_on(document.record) else "off"


def _compute_wait_s(core: Core, trigger: Trigger, delay_s: float) -> float:
    """Return the seconds to wait before the generator is called: `delay_s`, or the configured delay if that is longer.

    0 without a model and for a person's request.
    """
    if core.model is None or trigger is Trigger.INVOKED:
        return 0.0
    return max(delay_s, core.settings.completion.debounce_ms / 1000)


def _describe(span: Span, document: OpenText, trigger: Trigger, completion: Completion) -> None:
    """Set the figures of an answer on the span of its request."""
    span.set(language=document.language, trigger=trigger.value, suggestions=len(completion.suggestions),
             model_ms=round(completion.model_ms, 1))  # fmt: skip
    for suggestion in completion.suggestions[:1]:
        span.set(origin=suggestion.origin.value, confidence=round(suggestion.confidence, 3))
    if completion.why_empty:
        span.set(why_empty=completion.why_empty)


def _log_request(document: OpenText, offset: int, trigger: Trigger, completion: Completion, answer_ms: float) -> None:
    """Log one record for a request: figures, and texts in fields that `server.assembly.log` withholds by name."""
    fields: dict[str, object] = {
        "language": document.language,
        "trigger": trigger.value,
        "model_ms": round(completion.model_ms, 1),
        "total_ms": round(completion.total_ms, 1),
        "answer_ms": round(answer_ms, 1),  # with all waiting: for the pace, a thread, the start of the program
    }
    for suggestion in completion.suggestions[:1]:
        fields |= {
            "origin": suggestion.origin.value,
            "confidence": round(suggestion.confidence, 3),
            "characters": len(suggestion.text),
            "suggestions": len(completion.suggestions),
            "suggestion_text": _mask_secrets(suggestion.text),
        }
    if completion.why_empty:
        fields["why_empty"] = completion.why_empty
    if completion.why_empty not in UNREAD:  # the text of a withheld file must not be logged
        before = document.text[max(offset - LOGGED_CHARACTERS, 0) : offset]
        fields["prompt_end"] = _mask_secrets("".join(before.splitlines(keepends=True)[-LOGGED_LINES:]))
    logger.debug("completion", extra=fields)


def _mask_secrets(text: str) -> str:
    """Return `text` with "…" in place of its secrets."""
    from indexing.workspace.secrets.literals import replace_secrets  # noqa: PLC0415 (for a log at its finest level)

    return replace_secrets(text, "…")


def _make_empty(why: str) -> Completion:
    """Return a completion without suggestions, for the reason `why`."""
    return Completion((), why)
