"""The sources of suggestions: recall, and the models where recalled text is not sure enough.

Asks them for one request, one after the other or at once, and makes an answer of their texts.
Start at `Sources.answer`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from agents.completion import confidence
from agents.completion.beginnings import list_best
from agents.completion.candidates import Candidate, Rank, compute_least_confidence
from agents.completion.cursor import keep_first_line
from agents.completion.decoding import Decoder, RequestControl
from agents.completion.plan import Extent
from agents.completion.polish import Polisher
from agents.completion.resolved.resolver import NOTHING, Resolved
from agents.completion.runs import Ending, Place
from agents.completion.shaping.indentation import move_to_column
from agents.ports.tracing import carry_span, open_span
from agents.suggestions import Completion, Origin, Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.completion.answers import Answers, Request
    from agents.completion.completion_policy import CompletionPolicy
    from agents.completion.context import ContextGatherer
    from agents.completion.decoding import Outcome
    from agents.completion.plan import Plan
    from agents.completion.resolved.resolver import Resolver
    from agents.completion.runs import Run, Runs
    from indexing.index import Index
    from indexing.records import Recalled
    from indexing.syntax.trees import SyntaxTrees
    from models.completion import CompletionModel, Snippet

_RECALL_LIMIT = 5  # for a person who asks
_BEGINNING_LIMIT = 16  # recalled lines that may be suggested, or their beginnings
_LOOSER = 0.1  # of the threshold, when candidates are made
# A smaller window is best filled with the file itself: with 512 tokens, pieces of other files left the share of exact
# lines at 15.0 % of 440 places and doubled the time.
_LEAST_WINDOW = 1024


@dataclass(frozen=True)
class _Recollection:
    """A request with the recalled text for it.

    Attributes:
        request: the request.
        plan: the plan of its suggestions.
        polisher: the polisher of its place.
        recalled: recalled texts, best first.
        candidates: those of the recalled texts, and of their beginnings, that are likely enough, polished.
        resolved: what resolution says about the place.
    """

    request: Request
    plan: Plan
    polisher: Polisher
    recalled: Sequence[Recalled]
    candidates: Sequence[Candidate] = ()
    resolved: Resolved = NOTHING

    @property
    def reach(self) -> tuple[Extent, int]:
        """Extent and number of the wanted suggestions; a request can only join a run of the same reach."""
        return self.plan.extent, self.request.limit if self.request.trigger is Trigger.INVOKED else 1

    @property
    def block_threshold(self) -> float:
        """Least mean probability of a model's tokens for more than the first line; 0 if a person asked."""
        return self.request.policy.block_threshold if self.request.trigger is Trigger.AUTOMATIC else 0.0

    @property
    def least_beginning(self) -> float | None:
        """Least confidence of a beginning of a model's line; None for no beginnings, if a person asked."""
        return _compute_least(self.request, Origin.MODEL) if self.request.trigger is Trigger.AUTOMATIC else None

    def contradicts(self, text: str) -> bool:
        """Return whether `text` begins with a member that the receiver before the cursor surely does not have."""
        return self.resolved.contradicts(self.request.cursor, text)


@dataclass(frozen=True)
class Sources:
    """Recall and the models of one generator. Thread-safe.

    Attributes:
        index: the workspace's index.
        trees: the cache of syntax trees.
        answers: makes suggestions of candidates.
        context: gathers code of other files for the prompts.
        runs: the model runs under way.
        resolver: finds out what names at a cursor mean.
    """

    index: Index
    trees: SyntaxTrees
    answers: Answers
    context: ContextGatherer
    runs: Runs[Outcome]
    resolver: Resolver

    def answer(self, request: Request, plan: Plan) -> Completion:
        """Return suggestions in the extent of `plan`, of recalled text and of the models' text.

        While a person types, recalled text that is sure enough is the answer. Otherwise blocks until a run under way,
        or a new one, has an answer, or until the request's time is over.
        """
        recollection = self._recall(request, plan)
        recalled, candidates = recollection.recalled, recollection.candidates
        model, policy, automatic = request.model, request.policy, request.trigger is Trigger.AUTOMATIC
        large = model is not None and model.entry.large
        sure_enough = policy.early_first if large else _compute_first(policy)
        if model is None or (automatic and _has_sure(candidates, sure_enough, beginnings=not large)):
            why = "unsure" if recalled and not candidates else ""
            return self.answers.choose(request, recollection.polisher, candidates, why=why)
        small = _make_small_decoder(recollection)
        if (answer := self._join_run(recollection, small)) is not None:
            return answer
        decoder = self._make_decoder(recollection, model)
        if request.cancelled():
            return Completion((), "cancelled")
        run = self._start_run(recollection, decoder)
        early = _ask_small(small, request, run)
        if automatic and _has_sure(early, policy.early_first):
            run.end()
            return self.answers.choose(request, recollection.polisher, [*early, *candidates])
        return self._wait_run(recollection, run, early)

    def _recall(self, request: Request, plan: Plan) -> _Recollection:
        """Recall text for `request`; while a person types, several lines only with a high confidence."""
        cursor, policy = request.cursor, request.policy
        polisher = Polisher(cursor, plan)
        if not policy.recall:
            return _Recollection(request, plan, polisher, ())
        with open_span("recall") as span:
            found = self.index.recall(
                cursor.document,
                cursor.offset,
                whole_block=plan.extent is Extent.BLOCK,
                limit=_RECALL_LIMIT if request.trigger is Trigger.INVOKED else _BEGINNING_LIMIT,
                deadline=time.monotonic() + policy.recall_ms / 1000,
            )
            span.set(found=len(found))
        placed = ((one, move_to_column(one.column, one.text, cursor)) for one in found)
        recalled = [replace(one, text=text) for one, text in placed if text]
        if request.trigger is Trigger.AUTOMATIC:
            recalled = [
                one
                if confidence.estimate_recalled(one) >= policy.block_threshold
                else replace(one, text=keep_first_line(one.text))
                for one in recalled
            ]
        if request.trigger is Trigger.AUTOMATIC:
            candidates = _make_beginnings(request, polisher, recalled)
        else:
            sure = ((one, confidence.estimate_recalled(one)) for one in recalled)
            candidates = [Candidate(polisher.polish(one.text), Origin.RECALL, likely) for one, likely in sure]
        limit_ms = policy.resolve_asking_ms if request.trigger is Trigger.INVOKED else policy.resolve_ms
        with open_span("resolve"):
            resolved = self.resolver.resolve(cursor, limit_ms) if policy.resolve_ms else NOTHING
        merged = _add_resolved(request, polisher, candidates, resolved)
        return _Recollection(request, plan, polisher, recalled, merged, resolved)

    def _make_decoder(self, recollection: _Recollection, model: CompletionModel) -> Decoder:
        """Return the parameters of a run of `model`, with code of other files if its window is large enough."""
        request, plan, polisher = recollection.request, recollection.plan, recollection.polisher
        snippets: tuple[Snippet, ...] = ()
        if model.entry.context_tokens >= _LEAST_WINDOW:
            with open_span("context") as span:
                syntax = self.trees.of(request.cursor.document)
                snippets = self.context.gather(
                    request.cursor, syntax, self.index, request.policy, large_ms=request.budget_ms
                )
                span.set(snippets=len(snippets))
        return Decoder(
            model,
            polisher,
            plan.tokens,
            snippets,
            recollection.recalled,
            alternatives=recollection.reach[1],
            block_threshold=recollection.block_threshold,
            budget_ms=request.budget_ms,
            partial=request.trigger is Trigger.INVOKED,
            contradicts=recollection.contradicts,
            least_beginning=recollection.least_beginning,
        )

    def _start_run(self, recollection: _Recollection, decoder: Decoder) -> Run[Outcome]:
        """Start a model run on another thread, which ends the document's older one, and count it."""
        request = recollection.request
        self.answers.recorder.record_model_run()
        place = Place.of(request.cursor.document, request.cursor.offset, recollection.reach)
        decode = carry_span(partial(self._decode, request, decoder))
        run = self.runs.start(place, decode, linger_s=request.policy.linger_ms / 1000)
        recollection.polisher.prepare()  # while the model reads the prompt
        return run

    def _decode(self, request: Request, decoder: Decoder, run: Run[Outcome]) -> Outcome:
        """Decode on the run's thread; if nobody waits for the outcome any more, cache it for the next request."""
        with open_span("model", model=decoder.model.entry.name) as span:
            outcome = decoder.decode(run)
            span.set(model_ms=round(outcome.model_ms, 1), candidates=len(outcome.candidates), problem=outcome.problem)
        if run.is_abandoned and not outcome.problem:
            self.answers.choose(request, outcome.polisher, outcome.candidates, shown=False)
        return outcome

    def _join_run(self, recollection: _Recollection, small: Decoder | None) -> Completion | None:
        """Answer from the document's run under way if the request fits it; None if no run gives an answer.

        Asks the `small` model meanwhile. A run that does not fit the request is ended.
        """
        request, polisher, cursor = recollection.request, recollection.polisher, recollection.request.cursor
        joined = self.runs.find_joinable(cursor.document, cursor.offset, recollection.reach)
        if joined is None:
            return None
        run, typed = joined
        early = _ask_small(small, request, run)
        candidates = [*early, *recollection.candidates]
        if request.trigger is Trigger.AUTOMATIC and _has_sure(early, request.policy.early_first):
            return self.answers.choose(request, polisher, candidates)
        return self._wait_joined_run(recollection, run, typed, candidates)

    def _wait_joined_run(
        self, recollection: _Recollection, run: Run[Outcome], typed: str, candidates: Sequence[Candidate]
    ) -> Completion | None:
        """Wait for a run that an older request started, and answer with the rest of its text after `typed`.

        If the run takes too long, the answer is the best of `candidates`; if the request is cancelled, it is empty; the
        run goes on in both cases. If the run fails, or its text does not continue `typed`, returns None and ends the
        run. Also returns None if the finished run leaves nothing to suggest at the cursor.
        """
        request, polisher, cursor = recollection.request, recollection.polisher, recollection.request.cursor
        began = time.monotonic()
        ending = run.wait(
            until=request.deadline, leave=lambda: request.cancelled() or not run.is_consistent_with(typed)
        )
        waited_ms = (time.monotonic() - began) * 1000
        if request.cancelled():
            return Completion((), "cancelled", model_ms=waited_ms)
        if ending is Ending.LATE:
            return self.answers.choose(request, polisher, candidates, why="slow", model_ms=waited_ms)
        outcome = run.result
        if ending is not Ending.DONE or outcome is None or outcome.problem:
            run.end()
            return None
        # The outcome is for the place where the run began; the cache returns the part that is still to be typed.
        chosen = self.answers.choose(request, outcome.polisher, outcome.candidates, shown=False).suggestions
        rest = self.answers.cache.find(cursor.document, cursor.offset) if chosen else None
        if rest is None:
            return None
        self.answers.recorder.record_join()
        return Completion((rest,), model_ms=waited_ms)

    def _wait_run(self, recollection: _Recollection, run: Run[Outcome], early: Sequence[Candidate]) -> Completion:
        """Wait for the request's own run and answer with its text; without it if the model is too slow or fails.

        The answer is empty if the request is cancelled or the run was ended. `early` are the small model's candidates.
        A large model that is too slow goes on for a while.
        """
        request, polisher, candidates = recollection.request, recollection.polisher, recollection.candidates
        ending = run.wait(until=request.deadline, leave=request.cancelled)
        waited_ms = (time.monotonic() - run.started) * 1000
        outcome = run.result
        if ending is Ending.LATE:
            if request.budget_ms:
                run.extend_linger(request.policy.late_ms / 1000)
            return self.answers.choose(request, polisher, [*early, *candidates], why="slow", model_ms=waited_ms)
        if ending is not Ending.DONE or outcome is None or outcome.problem == "cancelled":
            return Completion((), "cancelled", model_ms=waited_ms)
        if outcome.error is not None:
            self.answers.report_failure(outcome.error)
        merged = [*outcome.candidates, *_rank_others(request, outcome, candidates, early)]
        model_ms = min(outcome.model_ms, waited_ms)
        return self.answers.choose(request, polisher, merged, why=outcome.problem, model_ms=model_ms)


def _add_resolved(
    request: Request, polisher: Polisher, candidates: Sequence[Candidate], resolved: Resolved
) -> list[Candidate]:
    """Return `candidates` with the proposals of `resolved`; while a person types, only with those that are sure enough.

    Candidates that begin with a member which the receiver does not have lose confidence.
    """
    judged = [
        replace(one, confidence=confidence.lower_contradicted_confidence(one.confidence))
        if resolved.contradicts(request.cursor, one.insertion.text)
        else one
        for one in candidates
    ]
    least = _compute_least(request, Origin.RESOLVED) if request.trigger is Trigger.AUTOMATIC else 0.0
    proposed = [
        Candidate(
            polisher.polish(one.text),
            Origin.RESOLVED,
            one.confidence,
            rank=Rank.LAST if one.beginning else Rank.USUAL,
        )
        for one in resolved.proposals
        if one.confidence >= least and (not one.beginning or request.trigger is Trigger.INVOKED)
    ]
    return [*judged, *proposed]


def _make_beginnings(request: Request, polisher: Polisher, recalled: Sequence[Recalled]) -> list[Candidate]:
    """Return the recalled lines and beginnings of lines that are likely enough, as candidates.

    Beside a large model, lines keep the confidence of recall, because what comes before its own line depends on that.
    """
    found = list_best(recalled, _compute_least(request, Origin.RECALL))
    lines = {keep_first_line(one.text).rstrip(): one for one in reversed(recalled)}
    candidates = []
    for one, likely in found:
        line = lines.get(one.text) if one.is_line else None
        sure = confidence.estimate_recalled(line) if line is not None and request.expects_large else likely
        text = one.text if line is None else line.text
        candidates.append(Candidate(polisher.polish(text), Origin.RECALL, sure, is_line=one.is_line))
    return candidates


def _compute_least(request: Request, origin: Origin) -> float:
    """Return the least confidence of a candidate while a person types; the choice may be a little stricter."""
    return compute_least_confidence(max(0.0, request.policy.threshold - _LOOSER), origin, Rank.USUAL)


def _make_small_decoder(recollection: _Recollection) -> Decoder | None:
    """Return the parameters of a run of the small model beside a large one; None without a small model."""
    quick = recollection.request.quick
    if quick is None:
        return None
    return Decoder(
        quick,
        recollection.polisher,
        recollection.plan.tokens,
        (),
        recollection.recalled,
        block_threshold=recollection.block_threshold,
        contradicts=recollection.contradicts,
        least_beginning=recollection.least_beginning,
    )


def _ask_small(small: Decoder | None, request: Request, run: Run[Outcome]) -> tuple[Candidate, ...]:
    """Return the small model's candidates, decoded on this thread until `run`, the large model's, is done.

    If a person asked, the small model starts only after half of the request's time, to leave the processor to the large
    one until then. Stops when the request is cancelled or its time is over. There are no candidates without a small
    model or if no time is left.
    """
    if small is None:
        return ()

    def is_over() -> bool:
        """Return whether the small model has to stop."""
        return run.is_done or request.cancelled() or time.monotonic() > request.deadline

    if request.trigger is Trigger.INVOKED:
        run.wait(until=(request.began + request.deadline) / 2, leave=request.cancelled)
    return () if is_over() else small.decode(RequestControl(is_over)).candidates


def _rank_others(
    request: Request, outcome: Outcome, candidates: Sequence[Candidate], early: Sequence[Candidate]
) -> list[Candidate]:
    """Return the recalled `candidates` and the small model's `early` ones, to be merged with the model's `outcome`.

    Texts that the model wrote too are left out. A large model has not scored the others: recalled text with a high
    confidence is ranked before the model's text (and kept if the model wrote it too), other text gets less confidence.
    """
    written = {one.insertion.text for one in outcome.candidates}
    if not request.budget_ms or not written - {""}:
        return [*(one for one in candidates if one.insertion.text not in written), *early]
    least = request.policy.early_first
    return [
        replace(one, rank=Rank.SURE)
        if _outranks(one, least)
        else replace(one, confidence=confidence.lower_disputed_confidence(one.confidence))
        for one in (*candidates, *early)
        if one.insertion.text not in written or _outranks(one, least)
    ]


def _compute_first(policy: CompletionPolicy) -> float:
    """Return the confidence from which recalled text is suggested without asking a small model."""
    return max(policy.recall_first, compute_least_confidence(policy.threshold, Origin.RECALL, Rank.USUAL))


def _has_sure(candidates: Sequence[Candidate], least: float, *, beginnings: bool = False) -> bool:
    """Return whether a candidate has some text and at least the confidence `least`.

    Only whole lines, or more, count, unless `beginnings` is true.
    """
    return any(one.confidence >= least and one.insertion.text and (one.is_line or beginnings) for one in candidates)


def _outranks(candidate: Candidate, least: float) -> bool:
    """Return whether `candidate` is a recalled line, or more, with at least the confidence `least`."""
    return candidate.origin is Origin.RECALL and candidate.is_line and candidate.confidence >= least
