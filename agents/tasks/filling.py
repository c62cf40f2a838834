"""A hole in a document, filled by the completion model: the one way in which tasks without a chat model write code.

Text comes back as it may be inserted (indented, brackets closed, nothing repeated), likeliest first; whether it is any
good is for `edit_ranking` to say. Start at `Hole` and `block`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.context import ContextGatherer
from agents.completion.cursor import Cursor
from agents.completion.plan import Extent, Plan
from agents.completion.polish import Polisher
from agents.completion.shaping.cleaning import cleaned
from agents.edits import Edit
from models.completion import FillRequest, StopReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.tasks.task import Means, Scene
    from indexing.syntax.documents import Document
    from models.completion import CompletionModel, Generation, Snippet

ALTERNATIVES = 4
_LEAST_WINDOW = 1024  # smaller windows are best filled with the file itself (`agents.completion.generator`)
_TOKENS_PER_LINE = 16


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """Nobody wants the result any more."""


@dataclass(frozen=True, slots=True)
class Hole:
    r"""A place to fill.

    Attributes:
        document: the text around.
        start: where the hole begins.
        end: where it ends; what stands between is not shown to the model, and replaced.
        before: written in front of what comes, and shown to the model (an opening quote, an indentation).
        after: likewise behind it.
        hint: shown to the model in front of `before`, but never written (a comment that says what is wanted).
    """

    document: Document
    start: int
    end: int
    before: str = ""
    after: str = ""
    hint: str = ""

    @property
    def cursor(self) -> Cursor:
        """The hole as a cursor in the text without what it replaces."""
        text = self.document.text
        head = text[: self.start] + self.hint + self.before
        return Cursor.at(replace(self.document, text=head + self.after + text[self.end :]), len(head))

    def edit(self, text: str) -> Edit:
        """The hole filled with `text`."""
        return Edit(self.start, self.end, self.before + text + self.after)


@dataclass(frozen=True, slots=True)
class Filling:
    """One text for a hole; `likelihood` is the mean logarithm of its tokens' probabilities, 0 at best."""

    text: str
    likelihood: float


def block(hole: Hole, means: Means, plan: Plan, *, scene: Scene | None = None) -> list[Filling]:
    """Lines of code as `plan` has them; with `scene`, written with what other files hold in view."""
    cursor = hole.cursor
    polisher = Polisher(cursor, plan)
    snippets = _snippets(cursor, means, scene)
    found = _generated(cursor, means, polisher.stop_rules, plan.tokens, ALTERNATIVES, snippets)
    polished = ((polisher.polished(one.text), one) for one in found)
    return _distinct([Filling(text.text, _mean(one.log_probs)) for text, one in polished if not text.end])


def planned(indentation: int, *, lines: int, one_statement: bool = False) -> Plan:
    """A block of at most so many lines, at least `indentation` columns deep."""
    return Plan(Extent.BLOCK, indentation, one_statement, lines, min(512, lines * _TOKENS_PER_LINE))


def words(
    hole: Hole, means: Means, *, until: Sequence[str], tokens: int = 32, alternatives: int = ALTERNATIVES
) -> list[Filling]:
    """A piece of one line, up to the first of `until` (a line's end always is one)."""
    ends = ("\n", *until)

    def stop(text: str) -> int | None:
        found = [at for end in ends if (at := text.find(end)) >= 0]
        return min(found) if found else None

    found = _generated(hole.cursor, means, stop, tokens, alternatives)
    whole = (one for one in found if one.stop is not StopReason.LENGTH)
    return _distinct([Filling(cleaned(one.text).strip(), _mean(one.log_probs)) for one in whole])


def likelihoods(hole: Hole, means: Means, texts: Sequence[str]) -> list[float]:
    """How likely the model finds each of `texts` in the hole, as `Filling.likelihood`."""
    cursor = hole.cursor
    scores = _model(means).score(_request(cursor, 1), list(texts), cancelled=means.cancelled)
    _look(means)
    return [_mean(score.log_probs) for score in scores]


def _generated(  # noqa: PLR0913, PLR0917 - what a model is asked
    cursor: Cursor,
    means: Means,
    stop: Callable[[str], int | None],
    tokens: int,
    alternatives: int,
    snippets: tuple[Snippet, ...] = (),
) -> tuple[Generation, ...]:
    found = _model(means).generate(
        _request(cursor, tokens, snippets), stop=stop, cancelled=means.cancelled, alternatives=alternatives
    )
    _look(means)
    return tuple(one for one in found if one.stop is not StopReason.CANCELLED)


def _model(means: Means) -> CompletionModel:
    _look(means)
    assert means.model is not None  # noqa: S101 - `running` lets no task begin without what it needs
    return means.model


def _look(means: Means) -> None:
    if means.cancelled():
        raise Cancelled


def _request(cursor: Cursor, tokens: int, snippets: tuple[Snippet, ...] = ()) -> FillRequest:
    path = cursor.document.path
    name = "/".join(path.parts[-2:]) if path is not None else ""
    return FillRequest(name, cursor.prefix, cursor.suffix, snippets, tokens)


def _snippets(cursor: Cursor, means: Means, scene: Scene | None) -> tuple[Snippet, ...]:
    if scene is None or _model(means).entry.context_tokens < _LEAST_WINDOW:
        return ()
    syntax = scene.syntax if scene.syntax.available else None
    patient = replace(CompletionPolicy(), context_ms=500.0)  # a person chose this and waits for it
    return tuple(ContextGatherer().gather(cursor, syntax, means.index, patient))


def _mean(log_probs: Sequence[float]) -> float:
    return sum(log_probs) / len(log_probs) if log_probs else float("-inf")


def _distinct(fillings: Sequence[Filling]) -> list[Filling]:
    """Likeliest first, each text once, empty ones left out."""
    best: dict[str, Filling] = {}
    for filling in sorted(fillings, key=lambda one: -one.likelihood):
        if filling.text.strip():
            best.setdefault(filling.text, filling)
    return list(best.values())
