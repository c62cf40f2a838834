"""One model run: drafts judged in one pass, else text decoded under the stop rules.

Never raises: a broken model ends up as an outcome with a problem. Start at `Decoder.decode`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agents.completion import confidence, drafts
from agents.completion.cursor import keep_first_line
from agents.completion.scoring import Line, score_lines
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
        polisher: of the place of the run.
        candidates: polished for that place.
        model_ms: time in the model, milliseconds.
        problem: one word when it gave nothing ("cancelled", "model-failed"), "" otherwise.
        error: what a failed model raised.
    """

    polisher: Polisher
    candidates: tuple[Candidate, ...] = ()
    model_ms: float = 0.0
    problem: str = ""
    error: Exception | None = None


class RunControl(Protocol):
    """The observer of a model run: receives the text so far and says whether to go on."""

    text: str

    def should_stop(self) -> bool:
        """Whether to stop at the next token."""
        ...


@dataclass
class RequestControl:
    """Implements `RunControl` for a run that one request alone waits for.

    Attributes:
        should_stop: as in `RunControl`.
    """

    should_stop: Callable[[], bool]
    text: str = ""


@dataclass(frozen=True)
class Decoder:
    """All that a model run needs to know; made by the request, used on the run's thread.

    Attributes:
        model: what to ask.
        polisher: what makes a text ready for the place.
        tokens: budget of new tokens.
        snippets: context from other files.
        recalled: what the workspace wrote after the same tokens, best first.
        alternatives: how many different texts are wanted.
        block_threshold: least probability of a token, on average, for more than the first line.
        budget_ms: time that the answer should take; 0 for as long as it takes.
        partial: whether the time's end ends the answer too, within a line if need be.
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

    def decode(self, run: RunControl) -> Outcome:
        """Ask the model; `run` says when to stop and is told the text so far."""
        started = time.monotonic()
        candidates: list[Candidate] = []
        problem, error = "", None
        try:
            candidates, problem = self._ask(run)
        except Exception as failure:  # noqa: BLE001 - the edge to whatever a model is made of; completion goes on
            problem, error = "model-failed", failure
        return Outcome(self.polisher, tuple(candidates), (time.monotonic() - started) * 1000, problem, error)

    def _ask(self, run: RunControl) -> tuple[list[Candidate], str]:
        cursor = self.polisher.cursor
        path = _prompt_path(cursor)
        request = FillRequest(
            path, cursor.prefix, cursor.suffix, self.snippets, self.tokens, self.budget_ms, self.partial
        )
        lines, accepted = self._judge_drafts(request, run)
        if run.should_stop():
            return [], "cancelled"
        if accepted and self.alternatives <= 1:
            return self._judge_lines(lines), ""

        def stop(text: str) -> int | None:
            run.text = text
            return self.polisher.stop_rules(text)

        generations = self.model.generate(
            request, stop=stop, cancelled=run.should_stop, alternatives=max(self.alternatives, 1)
        )
        finished = [one for one in generations if one.stop is not StopReason.CANCELLED]
        problem = "cancelled" if not finished and (generations or run.should_stop()) else ""
        return self._judge_lines([*lines, *(self._read_generation(one) for one in finished)]), problem

    def _judge_lines(self, lines: Sequence[Line]) -> list[Candidate]:
        return score_lines(lines, self.recalled, self.polisher.cursor, self.model.entry)

    def _judge_drafts(self, request: FillRequest, run: RunControl) -> tuple[list[Line], bool]:
        """Return the drafts with the model's opinion, and whether one is what decoding would give.

        None for a large model: to judge one token takes it as long as to write one, and what it writes says whether it
        would have written the draft.
        """
        if self.model.entry.large:
            return [], False
        likely = [
            one for one in self.recalled if one.text.strip() and confidence.estimate_recalled(one) >= confidence.LEAST
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
            lines.append(Line(self.polisher.polish(text), keep_first_line(recalled.text), log_probs, recalled))
        return lines, accepted

    def _read_generation(self, generation: Generation) -> Line:
        text, log_probs = generation.text, generation.log_probs
        first = keep_first_line(text)
        if len(first) < len(text):
            if confidence.compute_mean_probability(log_probs) < self.block_threshold:
                text = first
            log_probs = log_probs[: self.model.count_tokens(first)]
        return Line(self.polisher.polish(text), first, log_probs)


def _prompt_path(cursor: Cursor) -> str:
    """Return the document's folder and name for the prompt's file marker; "" for a document without a path."""
    path = cursor.document.path
    return "/".join(path.parts[-2:]) if path is not None else ""
