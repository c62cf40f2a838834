"""From a request for completion to its answer, in time: supersession, reuse, pace, and a thread for the core call.

The one path that both completion methods take. Runs on the event loop and never blocks it; the generator computes in a
small pool. Decides nothing about what is suggested. Start at `CompletionRequests.complete`.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.suggestions import Completion, Trigger
from models.local import allocator
from server.lsp.session.cancellation import Tickets
from server.lsp.session.pace import Pace

if TYPE_CHECKING:
    from concurrent.futures import Future

    from server.assembly.core import Core, Cores
    from server.lsp.session.cancellation import Ticket
    from server.lsp.session.open_documents import OpenText
    from server.lsp.wire.guard import Guard

logger = logging.getLogger(__name__)

THREADS = 8  # one computes; the others hold calls that were called in and are about to notice
UNREAD = ("excluded", "off", "starting", "too-large", "cancelled")  # answers from before any filter has let it pass
LOGGED_LINES = 3  # of what stands before the cursor
LOGGED_CHARACTERS = 500
START_WAIT_S = 3.0  # for requests that come while the program still loads; then they are answered with nothing


class CompletionRequests:
    """The completion requests of one session."""

    def __init__(self, cores: Cores, guard: Guard) -> None:
        self._cores = cores
        self._guard = guard
        self._tickets = Tickets()
        self._pace = Pace()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="completion")

    async def complete(
        self, document: OpenText, offset: int, *, trigger: Trigger, selected: str | None = None
    ) -> Completion:
        """What to suggest at `offset`; empty when a newer request or a change of the text makes the answer useless."""
        came = time.monotonic()
        completion = await self._answer(document, offset, trigger, selected, came)
        if logger.isEnabledFor(logging.DEBUG):
            _record(document, offset, trigger, completion, (time.monotonic() - came) * 1000)
        return completion

    async def _answer(
        self, document: OpenText, offset: int, trigger: Trigger, selected: str | None, came: float
    ) -> Completion:
        with self._tickets.open(document.uri) as ticket:
            core = await self._cores.ready(START_WAIT_S, ticket)
            if core is None:
                return _nothing("cancelled" if ticket.cancelled() else "starting")
            if why := _refusal(core, document, trigger):
                return _nothing(why)
            completion = core.generator.reuse(document.record, offset) if selected is None else None
            if completion is None or trigger is Trigger.INVOKED:
                expected = ticket.overtook and core.generator.expects(document.record, offset)
                delay_s = self._pace.delay_s(came, overtook=ticket.overtook, expected=expected)
                if not await ticket.sleep(_wait_s(core, trigger, delay_s)):
                    return _nothing("cancelled")
                work = self._pool.submit(_Call(core, document, offset, trigger, selected, ticket))
                work.add_done_callback(lambda _: allocator.note_work())
                completion = await ticket.first_of(work)
                if ticket.cancelled():
                    work.add_done_callback(self._count)
            if completion is None:
                return _nothing("cancelled")
            for suggestion in completion.suggestions[:1]:
                core.generator.shown(suggestion.id)
            return completion

    def popup(self) -> bool:
        """Whether the ordinary list is wanted too; at once, and true as long as no settings are known."""
        core = self._cores.current
        return core is None or core.settings.completion.popup

    def cancel(self, uri: str) -> None:
        """Answer what runs for that document with nothing: its text is another now, or it was closed."""
        self._tickets.cancel(uri)

    def forget(self, uri: str) -> None:
        """Answer what runs for a document that was closed with nothing, and remember nothing of it."""
        self._tickets.forget(uri)

    def busy(self) -> bool:
        """Whether a completion is being computed, for which other work stands back; for any thread."""
        return self._tickets.running()

    def close(self) -> None:
        """Answer everything with nothing, and take no more."""
        self._tickets.cancel_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _count(self, work: Future[Completion]) -> None:
        """An error that nobody waits for any more is counted all the same."""
        if not work.cancelled() and (error := work.exception()) is not None:
            self._guard.failed("completion", error)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the generator, for a thread of the pool."""

    core: Core
    document: OpenText
    offset: int
    trigger: Trigger
    selected: str | None
    ticket: Ticket

    def __call__(self) -> Completion:
        core, document = self.core, self.document
        if core.index.withheld(document.record):
            return _nothing("excluded")
        return core.generator.complete(
            document.record,
            self.offset,
            trigger=self.trigger,
            selected=self.selected,
            cancelled=self.ticket.cancelled,
            limit=core.settings.completion.alternatives if self.trigger is Trigger.INVOKED else 1,
        )


def _refusal(core: Core, document: OpenText, trigger: Trigger) -> str:
    if document.oversized:
        return "too-large"
    path = document.path or document.container
    if path is not None and core.unoffered(path):
        return "excluded"
    wanted = core.settings.completion.automatic or trigger is Trigger.INVOKED
    return "" if wanted and core.generator.is_on(document.record) else "off"


def _wait_s(core: Core, trigger: Trigger, delay_s: float) -> float:
    """How long to wait before the core call; nobody waits for an answer that needs no model."""
    if core.model is None or trigger is Trigger.INVOKED:
        return 0.0
    return max(delay_s, core.settings.completion.debounce_ms / 1000)


def _record(document: OpenText, offset: int, trigger: Trigger, completion: Completion, answer_ms: float) -> None:
    """One record for a request: figures, and in fields that `assembly.log` withholds by their names the texts."""
    fields: dict[str, object] = {
        "language": document.language,
        "trigger": trigger.value,
        "model_ms": round(completion.model_ms, 1),
        "total_ms": round(completion.total_ms, 1),
        "answer_ms": round(answer_ms, 1),  # with what the request waited for: its pace, a thread, the start
    }
    for suggestion in completion.suggestions[:1]:
        fields |= {
            "origin": suggestion.origin.value,
            "confidence": round(suggestion.confidence, 3),
            "characters": len(suggestion.text),
            "suggestions": len(completion.suggestions),
            "suggestion_text": _masked(suggestion.text),
        }
    if completion.why_empty:
        fields["why_empty"] = completion.why_empty
    if completion.why_empty not in UNREAD:  # a secret file's text is no text for a log either
        before = document.text[max(offset - LOGGED_CHARACTERS, 0) : offset]
        fields["prompt_end"] = _masked("".join(before.splitlines(keepends=True)[-LOGGED_LINES:]))
    logger.debug("completion", extra=fields)


def _masked(text: str) -> str:
    """Return a text for the log, its secrets left out."""
    from indexing.workspace.secrets.literals import secret_literals  # noqa: PLC0415 (for a log at its finest level)

    for start, end in reversed(secret_literals(text)):
        text = f"{text[:start]}…{text[end:]}"
    return text


def _nothing(why: str) -> Completion:
    return Completion((), why)
