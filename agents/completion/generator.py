"""The path of a keystroke: reuse, gate, plan, context, recall, decode, polish, record, in this order.

Each step has its own module; this one holds their order and the state that outlives a request. It never raises for bad
code or a broken model, and works with less when there is no model or no index. Start at `Generator.complete`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from agents.completion import confidence
from agents.completion.answers import Answers, Request
from agents.completion.candidates import Candidate, Rank, prepend_text
from agents.completion.completion_policy import CompletionPolicy
from agents.completion.context import ContextGatherer
from agents.completion.cursor import Cursor, keep_first_line
from agents.completion.decoding import Decoder, Outcome, RequestControl
from agents.completion.eligibility import find_refusal
from agents.completion.plan import Extent, Plan, needs_syntax, plan
from agents.completion.polish import Polisher
from agents.completion.runs import Ending, Place, Run, Runs
from agents.completion.shaping.indentation import compute_padding, move_to
from agents.suggestions import Completion, Origin, Trigger
from indexing.syntax.trees import SyntaxTrees

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.completion.statistics import CompletionStatistics
    from indexing.index import Index
    from indexing.records import Recalled
    from indexing.syntax import layout
    from indexing.syntax.documents import Document
    from models.completion import CompletionModel, Snippet

_DEFAULT_POLICY = CompletionPolicy()
_RECALL_LIMIT = 5
# A smaller window is best filled with the file itself: with 512 tokens, pieces of other files left the share of exact
# lines at 15.0 % of 440 places and doubled the time.
_LEAST_WINDOW = 1024


class Generator:
    """Completes code at a cursor from the workspace and from a model. Thread-safe."""

    def __init__(
        self,
        index: Index,
        model: CompletionModel | None,
        *,
        quick: CompletionModel | None = None,
        policy: CompletionPolicy = _DEFAULT_POLICY,
        trees: SyntaxTrees | None = None,
    ) -> None:
        """Remember what to complete from.

        Args:
            index: of the workspace.
            model: None for none.
            quick: a small model that answers while `model` is loading or too slow; None for none.
            policy: what a person decided.
            trees: the parse cache, whose owner drops the trees of closed documents; None for one of its own.
        """
        self._index = index
        self._model = model
        self._quick = quick
        self._policy = policy
        self._answers = Answers()
        self._trees = trees if trees is not None else SyntaxTrees()
        self._context = ContextGatherer()
        self._runs: Runs[Outcome] = Runs()

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
        """Return the suggestions at `offset` (code points) of `document`.

        Blocks until there is an answer; call it off the event loop.

        Args:
            document: as it stands in the editor.
            offset: the cursor.
            trigger: typing gets only what is sure enough, a person who asks gets all.
            selected: text of the item selected in the editor's completion popup; suggestions begin with it.
            cancelled: true once nobody wants the answer; asked every few milliseconds.
            limit: most suggestions to return to a person who asks.
        """
        started = time.monotonic()
        lacking = "" if selected else compute_padding(Cursor.at(document, offset))
        if lacking is None:
            completion = Completion((), "indentation")
        elif selected:
            completion = self._complete_selected(document, offset, selected, trigger, cancelled, limit)
        elif lacking:  # as if it stood there already
            completion = self._complete_behind(document, offset, lacking, trigger, cancelled, limit)
        else:
            completion = self._complete(document, offset, trigger, cancelled, limit)
        completion = replace(completion, total_ms=(time.monotonic() - started) * 1000)
        self._answers.recorder.record_answer(document.uri, completion)
        return completion

    def is_on(self, document: Document) -> bool:
        """Whether completion is on for this document; callers ask once, before `reuse` and `complete`, which do not."""
        return self._policy.is_on(document.language)

    def prepare(self, document: Document) -> None:
        """Read a document that was just opened, so that its first key need not wait for the parser; blocking."""
        if self.is_on(document):
            self._trees.of(document)
            self._index.read_ahead(document)

    def reuse(self, document: Document, offset: int) -> Completion | None:
        """Return the rest of a suggestion that is being typed, None if there is none; microseconds, for a loop."""
        started = time.monotonic()
        rest = self._answers.cache.find(document, offset)
        if rest is None:
            return None
        completion = Completion((rest,), total_ms=(time.monotonic() - started) * 1000)
        self._answers.recorder.record_answer(document.uri, completion)
        return completion

    def has_joinable_run(self, document: Document, offset: int) -> bool:
        """Whether a model run under way may still be the answer, so that asking now starts no other."""
        return self._runs.has_joinable_run(document, offset)

    def record_shown(self, suggestion_id: str) -> None:
        """Record that an editor showed the suggestion."""
        self._answers.recorder.record_shown(suggestion_id)

    def record_accepted(self, suggestion_id: str, length: int | None = None) -> None:
        """Record that a person accepted the suggestion, or its first `length` characters."""
        self._answers.recorder.record_accepted(suggestion_id, length)

    def record_rejected(self, suggestion_id: str) -> None:
        """Record that a person rejected the suggestion, which is then not suggested there again unasked."""
        given = self._answers.recorder.record_rejected(suggestion_id)
        if given is not None:
            self._answers.cache.reject(*given)

    def set_model(self, model: CompletionModel | None, quick: CompletionModel | None = None) -> None:
        """Use other models from the next request on; runs of the old ones end at the next token."""
        self._model, self._quick = model, quick
        self._runs.end()

    def set_policy(self, policy: CompletionPolicy) -> None:
        """Follow another policy from the next request on."""
        self._policy = policy

    def compute_statistics(self) -> CompletionStatistics:
        """Return counts and latencies since the start."""
        return self._answers.recorder.compute_statistics()

    def forget(self, uri: str) -> None:
        """Drop the suggestions and the context kept of a closed document."""
        self._answers.cache.forget(uri)
        self._context.forget(uri)

    def close(self) -> None:
        """End all model runs and wait until they have ended; the model itself is the caller's to close."""
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
        """Complete behind the popup's item as if it stood in the text already."""
        cursor = Cursor.at(document, offset)
        start = cursor.offset - _count_typed(selected, cursor)
        text = document.text[:start] + selected + document.text[cursor.offset :]
        shift = len(text) - len(document.text)
        completion = self._complete(replace(document, text=text), cursor.offset + shift, trigger, cancelled, limit)
        moved = tuple(prepend_text(one, start=start, shift=shift, selected=selected) for one in completion.suggestions)
        return replace(completion, suggestions=moved)

    def _complete_behind(  # noqa: PLR0913, PLR0917 - as above
        self,
        document: Document,
        offset: int,
        added: str,
        trigger: Trigger,
        cancelled: Callable[[], bool],
        limit: int,
    ) -> Completion:
        """Complete behind white space that the line lacks; suggestions begin with it."""
        offset = Cursor.at(document, offset).offset
        text = document.text[:offset] + added + document.text[offset:]
        completion = self._complete(replace(document, text=text), offset + len(added), trigger, cancelled, limit)
        shift = len(added)
        moved = tuple(prepend_text(one, start=offset, shift=shift, selected=added) for one in completion.suggestions)
        return replace(completion, suggestions=moved)

    def _complete(
        self, document: Document, offset: int, trigger: Trigger, cancelled: Callable[[], bool], limit: int
    ) -> Completion:
        policy = self._policy
        cursor = Cursor.at(document, offset)
        if why := find_refusal(cursor, trigger=trigger, policy=policy, withheld=self._index.find_withholding):
            return Completion((), why)
        # found by now: a run may have ended while the request waited, and a shifted text was not asked about by `reuse`
        if trigger is Trigger.AUTOMATIC and (rest := self._answers.cache.find(document, cursor.offset)) is not None:
            return Completion((rest,))
        model, quick = self._model, self._quick
        if model is not None and quick is not None and not _is_ready(model):
            model, quick = quick, None  # nobody waits for a large model to load
        large = self._model is not None and self._model.entry.large
        request = Request(cursor, trigger, cancelled, limit, policy, model, time.monotonic(), quick, large)
        place = self._place(cursor) if needs_syntax(cursor, trigger=trigger) else None
        the_plan = plan(cursor, place, trigger=trigger, policy=policy)
        if the_plan.extent is Extent.NOTHING:
            return Completion((), "finished")
        if cancelled():
            return Completion((), "cancelled")
        self._context.remember_place(cursor)
        return self._offer(request, the_plan)

    def _place(self, cursor: Cursor) -> layout.Surroundings | None:
        """Return the cursor's place in the syntax tree; None without a tree."""
        syntax = self._trees.of(cursor.document)
        return syntax.find_surroundings(cursor.offset, names=False) if syntax.available else None

    def _offer(self, request: Request, the_plan: Plan) -> Completion:
        """Recall, then the model unless recall is sure enough."""
        cursor, policy = request.cursor, request.policy
        recalled = self._recall(request, the_plan)
        polisher = Polisher(cursor, the_plan)
        least = 0.0 if request.trigger is Trigger.INVOKED else min(policy.threshold, confidence.LEAST)
        likely = [(one, sure) for one in recalled if (sure := confidence.estimate_recalled(one)) >= least]
        candidates = [Candidate(polisher.polish(one.text), Origin.RECALL, sure) for one, sure in likely]
        large = request.model is not None and request.model.entry.large
        sure = _is_sure(candidates, policy.early_first if large else policy.recall_first)
        if request.model is None or (request.trigger is Trigger.AUTOMATIC and sure):
            return self._answers.choose(request, polisher, candidates, why="unsure" if recalled and not likely else "")
        reach = (the_plan.extent, request.limit if request.trigger is Trigger.INVOKED else 1)
        small = self._small(request, the_plan, polisher, recalled)
        joined = self._runs.find_joinable(cursor.document, cursor.offset, reach)
        if joined is not None:
            early = _ask_small(small, request, joined[0])
            if request.trigger is Trigger.AUTOMATIC and _is_sure(early, policy.early_first):
                return self._answers.choose(request, polisher, [*early, *candidates])
            if (answer := self._join(request, *joined, polisher, [*early, *candidates])) is not None:
                return answer
        snippets: tuple[Snippet, ...] = ()
        if request.model.entry.context_tokens >= _LEAST_WINDOW:
            syntax = self._trees.of(cursor.document)
            snippets = self._context.gather(cursor, syntax, self._index, policy, large_ms=request.budget_ms)
        decoder = Decoder(
            request.model,
            polisher,
            the_plan.tokens,
            snippets,
            recalled,
            alternatives=reach[1],
            block_threshold=policy.block_threshold if request.trigger is Trigger.AUTOMATIC else 0.0,
            budget_ms=request.budget_ms,
            partial=request.trigger is Trigger.INVOKED,
        )
        if request.cancelled():
            return Completion((), "cancelled")
        self._answers.recorder.record_model_run()
        place = Place.of(cursor.document, cursor.offset, reach)
        work = partial(self._work, request, decoder)
        run = self._runs.start(place, work, linger_s=policy.linger_ms / 1000)
        polisher.prepare()  # while the model reads the prompt
        early = _ask_small(small, request, run)
        if request.trigger is Trigger.AUTOMATIC and _is_sure(early, policy.early_first):
            run.end()
            return self._answers.choose(request, polisher, [*early, *candidates])
        return self._await(request, run, polisher, candidates, early)

    def _small(
        self, request: Request, the_plan: Plan, polisher: Polisher, recalled: Sequence[Recalled]
    ) -> Decoder | None:
        """Return what asks the small model beside a large one; None without one."""
        if request.quick is None:
            return None
        threshold = request.policy.block_threshold if request.trigger is Trigger.AUTOMATIC else 0.0
        return Decoder(request.quick, polisher, the_plan.tokens, (), recalled, block_threshold=threshold)

    def _work(self, request: Request, decoder: Decoder, run: Run[Outcome]) -> Outcome:
        """Run the model in the run's thread; a result that is too late for its request is kept for the next key."""
        outcome = decoder.decode(run)
        if run.abandoned and not outcome.problem:
            self._answers.choose(request, outcome.polisher, outcome.candidates)
        return outcome

    def _recall(self, request: Request, the_plan: Plan) -> Sequence[Recalled]:
        """Return the workspace's continuations after the same tokens; unasked, blocks only with high confidence."""
        policy = request.policy
        if not policy.recall:
            return ()
        found = self._index.recall(
            request.cursor.document,
            request.cursor.offset,
            whole_block=the_plan.extent is Extent.BLOCK,
            limit=_RECALL_LIMIT,
            deadline=time.monotonic() + policy.recall_ms / 1000,
        )
        placed = ((one, move_to(one.column, one.text, request.cursor)) for one in found)
        found = tuple(replace(one, text=text) for one, text in placed if text)
        if request.trigger is Trigger.INVOKED:
            return found
        return [
            one
            if confidence.estimate_recalled(one) >= policy.block_threshold
            else replace(one, text=keep_first_line(one.text))
            for one in found
        ]

    def _join(
        self, request: Request, run: Run[Outcome], typed: str, polisher: Polisher, candidates: list[Candidate]
    ) -> Completion | None:
        """Wait for a run under way as long as it fits what was typed since; None when it no longer helps."""
        began = time.monotonic()
        ending = run.wait(
            until=request.deadline, leave=lambda: request.cancelled() or not run.is_consistent_with(typed)
        )
        waited_ms = (time.monotonic() - began) * 1000
        if request.cancelled():
            return Completion((), "cancelled", model_ms=waited_ms)
        if ending is Ending.LATE:
            return self._answers.choose(request, polisher, candidates, why="slow", model_ms=waited_ms)
        outcome = run.result
        if ending is not Ending.DONE or outcome is None or outcome.problem:
            run.end()
            return None
        given = self._answers.choose(request, outcome.polisher, outcome.candidates).suggestions
        rests = [self._answers.cache.find(request.cursor.document, request.cursor.offset)] if given else []
        fitting = tuple(rest for rest in rests if rest is not None)
        if not fitting:
            return None
        self._answers.recorder.record_join()
        return Completion(fitting, model_ms=waited_ms)

    def _await(
        self,
        request: Request,
        run: Run[Outcome],
        polisher: Polisher,
        candidates: list[Candidate],
        early: Sequence[Candidate] = (),
    ) -> Completion:
        """Wait for an own run; when the model takes too long or fails, answer with what is known without it."""
        ending = run.wait(until=request.deadline, leave=request.cancelled)
        waited_ms = (time.monotonic() - run.started) * 1000
        outcome = run.result
        if ending is Ending.LATE:
            if request.budget_ms:
                run.extend_linger(request.policy.late_ms / 1000)
            return self._answers.choose(request, polisher, [*early, *candidates], why="slow", model_ms=waited_ms)
        if ending is not Ending.DONE or outcome is None or outcome.problem == "cancelled":
            return Completion((), "cancelled", model_ms=waited_ms)
        if outcome.error is not None:
            self._answers.report_failure(outcome.error)
        said = {one.insertion.text for one in outcome.candidates}
        rest = [one for one in candidates if one.insertion.text not in said]
        if request.budget_ms and said - {""}:  # a large model was not asked what it thinks of the rest
            rest = [
                replace(one, rank=Rank.SURE)
                if _outranks(one, request.policy.early_first)
                else replace(one, confidence=confidence.lower_disputed(one.confidence))
                for one in (*candidates, *early)
                if one.insertion.text not in said or _outranks(one, request.policy.early_first)
            ]
        else:
            rest += early
        model_ms = min(outcome.model_ms, waited_ms)
        return self._answers.choose(
            request, polisher, [*outcome.candidates, *rest], why=outcome.problem, model_ms=model_ms
        )


def _is_sure(candidates: Sequence[Candidate], least: float) -> bool:
    """Whether one of the candidates is sure enough to answer without the model."""
    return any(one.confidence >= least and one.insertion.text for one in candidates)


def _outranks(candidate: Candidate, least: float) -> bool:
    """Whether a candidate comes before a large model's own line; what a small model thinks of it counts for nothing."""
    return candidate.origin is Origin.RECALL and candidate.confidence >= least


def _ask_small(small: Decoder | None, request: Request, run: Run[Outcome]) -> tuple[Candidate, ...]:
    """Return what the small model writes while `run` asks the large one, as long as there is time.

    A person who asks gets it only where the large model is late, so it waits until half of the time is over: until then
    the processor is the large one's.
    """
    if small is None:
        return ()

    def enough() -> bool:
        return run.done or request.cancelled() or time.monotonic() > request.deadline

    if request.trigger is Trigger.INVOKED:
        run.wait(until=(request.began + request.deadline) / 2, leave=request.cancelled)
    return () if enough() else small.decode(RequestControl(enough)).candidates


def _is_ready(model: CompletionModel) -> bool:
    """Whether a model answers without being loaded first; starts loading one that does not."""
    ready = bool(getattr(model, "ready", True))  # of those that load when they are needed
    if not ready and (warm := getattr(model, "warm", None)) is not None:
        warm()
    return ready


def _count_typed(selected: str, cursor: Cursor) -> int:
    """Return how many characters before the cursor the popup item replaces: its typed beginning, else the word."""
    line = cursor.before
    for length in range(min(len(selected), len(line)), len(cursor.word), -1):
        if line.endswith(selected[:length]):
            return length
    return len(cursor.word)
