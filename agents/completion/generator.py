"""The path of a keystroke: reuse, eligibility, plan, recall, context, decoding, polishing, recording.

Each step has its own module; this one calls the first and the last ones and holds the state that outlives a request;
`sources` calls those between. Never raises for bad code or a broken model, and works without a model or without an
index. Start at `Generator.complete`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.completion.answers import Answers, Request
from agents.completion.candidates import prepend_text
from agents.completion.completion_policy import CompletionPolicy
from agents.completion.context import ContextGatherer
from agents.completion.cursor import Cursor
from agents.completion.eligibility import find_refusal
from agents.completion.plan import Extent, needs_syntax, plan
from agents.completion.resolved.resolver import Resolver
from agents.completion.runs import Runs
from agents.completion.shaping.indentation import compute_padding
from agents.completion.sources import Sources
from agents.suggestions import Completion, Trigger
from indexing.syntax.trees import SyntaxTrees

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.completion.decoding import Outcome
    from agents.completion.statistics import CompletionStatistics
    from indexing.index import Index
    from indexing.syntax import layout
    from indexing.syntax.documents import Document
    from models.completion import CompletionModel

_DEFAULT_POLICY = CompletionPolicy()


class Generator:
    """Completes code at a cursor with text of the workspace and of a model. Thread-safe."""

    def __init__(
        self,
        index: Index,
        model: CompletionModel | None,
        *,
        quick: CompletionModel | None = None,
        policy: CompletionPolicy = _DEFAULT_POLICY,
        trees: SyntaxTrees | None = None,
    ) -> None:
        """Set the sources of suggestions and the policy.

        Args:
            index: the workspace's index.
            model: the model to ask; None to use recall alone.
            quick: a small model that answers while `model` is loading or too slow; None for none.
            policy: the settings of completion.
            trees: the cache of syntax trees, whose owner drops the trees of closed documents; None for a new cache.
        """
        self._index = index
        self._model = model
        self._quick = quick
        self._policy = policy
        self._answers = Answers()
        self._trees = trees if trees is not None else SyntaxTrees()
        self._context = ContextGatherer()
        self._runs: Runs[Outcome] = Runs()
        self._resolver = Resolver(index)
        self._sources = Sources(index, self._trees, self._answers, self._context, self._runs, self._resolver)

    def complete(  # noqa: PLR0913 - the request as the editor sends it
        self,
        document: Document,
        offset: int,
        *,
        trigger: Trigger,
        selected: str | None = None,
        cancelled: Callable[[], bool],
        limit: int = 1,
    ) -> Completion:
        """Return the suggestions at a cursor, or the reason why there are none, and record the answer.

        Blocks until there is an answer, so it must not be called on the event loop.

        Args:
            document: the document with the text that the editor shows.
            offset: the cursor's code-point offset.
            trigger: while a person types, the answer is at most one suggestion with a high confidence.
            selected: text of the item selected in the editor's completion popup; suggestions begin with it.
            cancelled: returns true once the request is cancelled; called every few milliseconds.
            limit: the most suggestions to return to a person who asks.
        """
        started = time.monotonic()
        lacking = "" if selected else compute_padding(Cursor.at(document, offset))
        if lacking is None:
            completion = Completion((), "indentation")
        elif selected:
            completion = self._complete_selected(document, offset, selected, trigger, cancelled, limit)
        elif lacking:
            completion = self._complete_padded(document, offset, lacking, trigger, cancelled, limit)
        else:
            completion = self._complete(document, offset, trigger, cancelled, limit)
        completion = replace(completion, total_ms=(time.monotonic() - started) * 1000)
        self._answers.recorder.record_answer(document.uri, completion)
        return completion

    def is_on(self, document: Document) -> bool:
        """Return whether completion is on for the document's language; `reuse` and `complete` do not check this."""
        return self._policy.is_on(document.language)

    def prepare(self, document: Document) -> None:
        """Parse and index a newly opened document, unless completion is off for it, so that its first key is fast."""
        if self.is_on(document):
            self._trees.of(document)
            self._index.cache_tokens(document)

    def reuse(self, document: Document, offset: int) -> Completion | None:
        """Return the rest of a cached suggestion that the person is typing, and record the answer; None without one.

        Takes microseconds, so it may be called on the event loop.
        """
        started = time.monotonic()
        rest = self._answers.cache.find(document, offset)
        if rest is None:
            return None
        completion = Completion((rest,), total_ms=(time.monotonic() - started) * 1000)
        self._answers.recorder.record_answer(document.uri, completion)
        return completion

    def has_joinable_run(self, document: Document, offset: int) -> bool:
        """Return whether a request at `offset` can be answered by a model run under way instead of a new one."""
        return self._runs.has_joinable_run(document, offset)

    def record_shown(self, suggestion_id: str) -> None:
        """Count a suggestion as shown; only the first call for a suggestion counts."""
        self._answers.recorder.record_shown(suggestion_id)

    def record_accepted(self, suggestion_id: str, length: int | None = None) -> None:
        """Count a suggestion as accepted, or only its first `length` characters."""
        self._answers.recorder.record_accepted(suggestion_id, length)

    def record_rejected(self, suggestion_id: str) -> None:
        """Count a suggestion as rejected; while a person types, its text is not suggested at that place again."""
        given = self._answers.recorder.record_rejected(suggestion_id)
        if given is not None:
            self._answers.cache.reject(*given)

    def set_model(self, model: CompletionModel | None, quick: CompletionModel | None = None) -> None:
        """Use other models from the next request on; runs of the old models end at their next token."""
        self._model, self._quick = model, quick
        self._runs.end()

    def set_policy(self, policy: CompletionPolicy) -> None:
        """Use other settings from the next request on."""
        self._policy = policy

    def compute_statistics(self) -> CompletionStatistics:
        """Return the counts since the start, and the latencies of the last 1,000 answers."""
        return self._answers.recorder.compute_statistics()

    def forget(self, uri: str) -> None:
        """Drop the cached suggestions, the snippets and the recently edited places of the closed document `uri`."""
        self._answers.cache.forget(uri)
        self._context.forget(uri)

    def close(self) -> None:
        """Stop all model runs and wait until they have ended; does not close the models."""
        self._resolver.close()
        self._runs.close()

    def _complete_selected(  # noqa: PLR0913, PLR0917 - as above
        self,
        document: Document,
        offset: int,
        selected: str,
        trigger: Trigger,
        cancelled: Callable[[], bool],
        limit: int,
    ) -> Completion:
        """Complete after `selected`, the popup's item, as if it were in the text; suggestions begin with it."""
        cursor = Cursor.at(document, offset)
        start = cursor.offset - _count_typed(selected, cursor)
        text = document.text[:start] + selected + document.text[cursor.offset :]
        shift = len(text) - len(document.text)
        completion = self._complete(replace(document, text=text), cursor.offset + shift, trigger, cancelled, limit)
        moved = tuple(prepend_text(one, selected, start=start, shift=shift) for one in completion.suggestions)
        return replace(completion, suggestions=moved)

    def _complete_padded(  # noqa: PLR0913, PLR0917 - as above
        self,
        document: Document,
        offset: int,
        padding: str,
        trigger: Trigger,
        cancelled: Callable[[], bool],
        limit: int,
    ) -> Completion:
        """Complete after `padding`, the missing indentation, as if it were in the text; suggestions begin with it."""
        offset = Cursor.at(document, offset).offset
        text = document.text[:offset] + padding + document.text[offset:]
        shift = len(padding)
        completion = self._complete(replace(document, text=text), offset + shift, trigger, cancelled, limit)
        moved = tuple(prepend_text(one, padding, start=offset, shift=shift) for one in completion.suggestions)
        return replace(completion, suggestions=moved)

    def _complete(
        self, document: Document, offset: int, trigger: Trigger, cancelled: Callable[[], bool], limit: int
    ) -> Completion:
        """Complete at a cursor whose line lacks no indentation.

        Asks the sources, and remembers the place as recently edited, only if no rule refuses the place and, while a
        person types, no cached suggestion fits, declined or not.
        """
        policy = self._policy
        cursor = Cursor.at(document, offset)
        if why := find_refusal(
            cursor, trigger=trigger, policy=policy, find_withholding_reason=self._index.find_withholding_reason
        ):
            return Completion((), why)
        # `reuse` found nothing, but a run may have ended since, and it has not seen the popup's item or the padding.
        if trigger is Trigger.AUTOMATIC and (rest := self._answers.cache.find(document, cursor.offset)) is not None:
            return Completion((rest,))
        if trigger is Trigger.AUTOMATIC and self._answers.cache.is_declined(document, cursor.offset):
            return Completion((), "declined")
        model, quick = self._model, self._quick
        if model is not None and quick is not None and not _ensure_loading(model):
            model, quick = quick, None
        large = self._model is not None and self._model.entry.large
        request = Request(cursor, trigger, cancelled, limit, policy, model, time.monotonic(), quick, large)
        place = self._locate(cursor) if needs_syntax(cursor, trigger=trigger) else None
        the_plan = plan(cursor, place, trigger=trigger, policy=policy)
        if the_plan.extent is Extent.NOTHING:
            return Completion((), "finished")
        if cancelled():
            return Completion((), "cancelled")
        self._context.remember_place(cursor)
        return self._sources.answer(request, the_plan)

    def _locate(self, cursor: Cursor) -> layout.Surroundings | None:
        """Return the place of `cursor` in the syntax tree; None if the text was not parsed."""
        syntax = self._trees.of(cursor.document)
        return syntax.find_surroundings(cursor.offset, names=False) if syntax.available else None


def _ensure_loading(model: CompletionModel) -> bool:
    """Start loading `model` if it is not loaded yet; return whether it is loaded."""
    ready = bool(getattr(model, "is_settled", True))  # only models that are loaded on demand have the attribute
    if not ready and (warm := getattr(model, "warm", None)) is not None:
        warm()
    return ready


def _count_typed(selected: str, cursor: Cursor) -> int:
    """Return how many characters before the cursor are the beginning of `selected`, the popup's item.

    At least the length of the partial word, which the item replaces in any case.
    """
    line = cursor.before
    for length in range(min(len(selected), len(line)), len(cursor.word), -1):
        if line.endswith(selected[:length]):
            return length
    return len(cursor.word)
