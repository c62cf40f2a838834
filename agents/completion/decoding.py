"""One model run: the model scores recalled text in one pass, or writes text of its own under the stop rules.

Never raises: a failed model gives an outcome with a problem. Start at `Decoder.decode`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from agents.completion import confidence, drafts
from agents.completion.cursor import keep_first_line
from agents.completion.scoring import Line, make_beginnings, make_candidates
from models.completion import FillRequest, StopReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.completion.candidates import Candidate
    from agents.completion.cursor import Cursor
    from agents.completion.polish import Polisher
    from indexing.records import Recalled
    from models.completion import CompletionModel, Generation, Snippet

_MOST_DRAFTS = 1  # each costs a pass over the prompt; a second one changed nothing in 1,080 places


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a model run.

    Attributes:
        polisher: the polisher of the run's place.
        candidates: the model's texts, polished for that place.
        model_ms: time in the model, milliseconds.
        problem: why there are no candidates, "cancelled" or "model-failed"; "" if the run ended normally.
        error: the exception of a failed model.
    """

    polisher: Polisher
    candidates: tuple[Candidate, ...] = ()
    model_ms: float = 0.0
    problem: str = ""
    error: Exception | None = None


class RunControl(Protocol):
    """Control of a model run: receives the text decoded so far and can stop the run.

    Attributes:
        text: the text decoded so far; the run sets it.
    """

    text: str

    def should_stop(self) -> bool:
        """Return whether the run should stop at the next token."""
        ...


@dataclass
class RequestControl:
    """A `RunControl` for a run in the request's own thread; `should_stop` is the request's own condition."""

    should_stop: Callable[[], bool]
    text: str = ""


@dataclass(frozen=True)
class Decoder:
    """The parameters of a model run; made by the request, used on the run's thread.

    Attributes:
        model: the model to ask.
        polisher: the polisher of the cursor's place.
        tokens: budget of new tokens.
        snippets: code of other files for the prompt.
        recalled: recalled texts, best first.
        alternatives: how many different texts the model should write.
        block_threshold: least mean probability of the tokens for more than the first line.
        budget_ms: time that the model may take, milliseconds; 0 for no limit.
        partial: keep the text that is written when the time is over, even in the middle of a line.
        contradicts: returns whether a text surely names a member that does not exist.
        least_beginning: the least confidence of a beginning of the model's lines; None for no beginnings.
    """

    model: CompletionModel
    polisher: Polisher
    tokens: int
    snippets: tuple[Snippet, ...]
    recalled: Sequence[Recalled]
    alternatives: int = 1
    block_threshold: float = 0.0
    budget_ms: float = 0.0
    partial: bool = False
    contradicts: Callable[[str], bool] = lambda _: False
    least_beginning: float | None = None

    def decode(self, run: RunControl) -> Outcome:
        """Run the model until it has finished or `run` stops it; return the outcome, also if the model fails."""
        started = time.monotonic()
        candidates: list[Candidate] = []
        problem, error = "", None
        try:
            candidates, problem = self._ask_model(run)
        except Exception as failure:  # noqa: BLE001 - the edge to whatever a model is made of; completion goes on
            problem, error = "model-failed", failure
        return Outcome(self.polisher, tuple(candidates), (time.monotonic() - started) * 1000, problem, error)

    def _ask_model(self, run: RunControl) -> tuple[list[Candidate], str]:
        """Return the candidates and a problem: "cancelled" if `run` stopped the model before a text was complete.

        The problem is "" otherwise.

        Raises the model's errors. The model writes nothing if it agrees with recalled text and one text is enough.
        """
        cursor = self.polisher.cursor
        path = _make_prompt_path(cursor)
        request = FillRequest(
            path, cursor.prefix, cursor.suffix, self.snippets, self.tokens, self.budget_ms, self.partial
        )
        lines, accepted = self._score_drafts(request, run)
        if run.should_stop():
            return [], "cancelled"
        if accepted and self.alternatives <= 1:
            return self._make_candidates(lines), ""

        def stop(text: str) -> int | None:
            """Record the text decoded so far; return the offset where it has to end, None to go on."""
            run.text = text
            return self.polisher.stop_rules(text)

        generations = self.model.generate(
            request, stop=stop, cancelled=run.should_stop, alternatives=max(self.alternatives, 1)
        )
        finished = [one for one in generations if one.stop is not StopReason.CANCELLED]
        problem = "cancelled" if not finished and (generations or run.should_stop()) else ""
        return self._make_candidates([*lines, *(self._make_line(one) for one in finished)]), problem

    def _make_candidates(self, lines: Sequence[Line]) -> list[Candidate]:
        """Return the candidates for `lines` and their beginnings, with the confidence in each."""
        entry = self.model.entry
        candidates = make_candidates(lines, self.recalled, self.polisher.cursor, entry)
        if self.least_beginning is not None:
            candidates += make_beginnings(lines, self.recalled, self.polisher, entry, self.least_beginning)
        return [
            replace(one, confidence=confidence.lower_contradicted_confidence(one.confidence))
            if self.contradicts(one.insertion.text)
            else one
            for one in candidates
        ]

    def _score_drafts(self, request: FillRequest, run: RunControl) -> tuple[list[Line], bool]:
        """Have the model score the best recalled text; return that as at most one line, and whether the model agrees.

        The model agrees if it would write at least the first line; the text is then cut after the last line that the
        model would write. There is no line with a large model, which takes as long to score a token as to write one,
        and none if no recalled text is likely enough. Text of a library is not sent to a model of a server.
        """
        if self.model.entry.large:
            return [], False
        likely = [
            one
            for one in self.recalled
            if one.text.strip()
            and confidence.estimate_recalled(one) >= confidence.LEAST
            and (self.model.entry.has_weights or not one.is_library)
        ]
        likely = likely[:_MOST_DRAFTS]
        if not likely:
            return [], False
        scores = self.model.score(request, [one.text for one in likely], cancelled=run.should_stop)
        lines, accepted = [], False
        for recalled, score in zip(likely, scores, strict=False):
            length = drafts.count_accepted_characters(score)
            text = recalled.text[:length] if length else recalled.text
            accepted = accepted or length > 0
            log_probs = drafts.list_first_line_log_probs(score)
            first = keep_first_line(recalled.text)
            ends = score.token_ends[: len(log_probs)]
            lines.append(Line(self.polisher.polish(text), first, log_probs, recalled, ends))
        return lines, accepted

    def _make_line(self, generation: Generation) -> Line:
        """Return the model's text as a line; only its first line if the mean token probability is too low."""
        text, log_probs, ends = generation.text, generation.log_probs, generation.token_ends
        first = keep_first_line(text)
        if len(first) < len(text):
            if confidence.compute_mean_probability(log_probs) < self.block_threshold:
                text = first
            log_probs = log_probs[: self.model.count_tokens(first)]
        return Line(self.polisher.polish(text), first, log_probs, ends=ends[: len(log_probs)])


def _make_prompt_path(cursor: Cursor) -> str:
    """Return the document's path for the prompt, its last folder and its name; "" for a document without a path."""
    path = cursor.document.path
    return "/".join(path.parts[-2:]) if path is not None else ""
