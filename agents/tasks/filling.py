"""A hole in a document and the completion model's texts for it: how tasks without a chat model write code.

Texts come back ready to insert (indented, brackets closed, nothing repeated), likeliest first. Whether a text is any
good is decided in `edit_ranking`. Start at `Hole` and `fill_block`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.context import ContextGatherer
from agents.completion.cursor import Cursor
from agents.completion.plan import Extent, Plan
from agents.completion.polish import Polisher
from agents.completion.shaping.cleaning import clean
from agents.edits import Edit
from models.completion import FillRequest, StopReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.tasks.task import Resources, Scene
    from indexing.syntax.documents import Document
    from models.completion import CompletionModel, Generation, Snippet

ALTERNATIVES = 4
_LEAST_WINDOW = 1024  # tokens; smaller windows are filled best with the file itself (`agents.completion.sources`)
_TOKENS_PER_LINE = 16


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """The request was cancelled, or a newer one superseded it."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a document that the model fills.

    Attributes:
        document: the document around the hole.
        start: code-point offset where the hole begins.
        end: code-point offset where it ends; the text between is replaced, and the model does not see it.
        before: written before the model's text, and shown to the model (an opening quote, an indentation).
        after: written after the model's text, and shown to the model.
        hint: shown to the model before `before`, but never written (a comment that says what is wanted).
    """

    document: Document
    start: int
    end: int
    before: str = ""
    after: str = ""
    hint: str = ""

    @property
    def cursor(self) -> Cursor:
        """A cursor in the hole, in the document as the model sees it: with `hint`, without the replaced text."""
        text = self.document.text
        head = text[: self.start] + self.hint + self.before
        return Cursor.at(replace(self.document, text=head + self.after + text[self.end :]), len(head))

    def make_edit(self, text: str) -> Edit:
        """Return the edit that fills the hole with `text`."""
        return Edit(self.start, self.end, self.before + text + self.after)


@dataclass(frozen=True, slots=True)
class Filling:
    """A text for a hole; `likelihood` is the mean log-probability of its tokens, 0 at best."""

    text: str
    likelihood: float


def fill_block(
    hole: Hole, resources: Resources, plan: Plan, *, scene: Scene | None = None, whole: bool = False
) -> list[Filling]:
    """Return different texts of one or more lines for the hole, likeliest first, in the shape that `plan` gives.

    With `scene`, the model also sees related snippets of other files. Leaves out texts that the polisher drops, or that
    would replace code after the hole; with `whole` also those that are cut off by the limits of `plan`.

    Raises:
        Cancelled: the request was cancelled.
    """
    cursor = hole.cursor
    polisher = Polisher(cursor, plan)
    snippets = _gather_snippets(cursor, resources, scene)
    found = _generate(cursor, resources, polisher.stop_rules, plan.tokens, ALTERNATIVES, snippets)
    if whole:
        found = tuple(one for one in found if one.stop is not StopReason.LENGTH and _has_room(one.text, plan))
    polished = ((polisher.polish(one.text), one) for one in found)
    return _deduplicate([Filling(text.text, _average(one.log_probs)) for text, one in polished if not text.end])


def _has_room(text: str, plan: Plan) -> bool:
    """Return whether `text` has fewer lines than `plan` allows."""
    return text.rstrip().count("\n") + 1 < plan.lines


def plan_block(indentation: int, *, lines: int, one_statement: bool = False) -> Plan:
    """Return the plan for a block of at most `lines` lines, indented by at least `indentation` columns.

    With `one_statement`, the block ends after one statement with its body and branches.
    """
    return Plan(Extent.BLOCK, indentation, one_statement, lines, min(1024, lines * _TOKENS_PER_LINE))


def fill_words(
    hole: Hole, resources: Resources, *, until: Sequence[str], tokens: int = 32, alternatives: int = ALTERNATIVES
) -> list[Filling]:
    """Return different texts for the hole that end before the first of `until` or at the line's end, likeliest first.

    Texts that reach `tokens` without such an end are dropped.

    Raises:
        Cancelled: the request was cancelled.
    """
    ends = ("\n", *until)

    def find_end(text: str) -> int | None:
        """Return the offset of the first of `ends` in `text`; None if it has none of them."""
        found = [at for end in ends if (at := text.find(end)) >= 0]
        return min(found) if found else None

    found = _generate(hole.cursor, resources, find_end, tokens, alternatives)
    whole = (one for one in found if one.stop is not StopReason.LENGTH)
    return _deduplicate([Filling(clean(one.text).strip(), _average(one.log_probs)) for one in whole])


def score_texts(hole: Hole, resources: Resources, texts: Sequence[str]) -> list[float]:
    """Return the likelihood of each of `texts` in the hole, as in `Filling.likelihood`.

    Raises:
        Cancelled: the request was cancelled.
    """
    cursor = hole.cursor
    scores = _get_model(resources).score(_build_request(cursor, 1), list(texts), cancelled=resources.cancelled)
    _raise_if_cancelled(resources)
    return [_average(score.log_probs) for score in scores]


def _generate(  # noqa: PLR0913, PLR0917 - the parameters of one request
    cursor: Cursor,
    resources: Resources,
    stop: Callable[[str], int | None],
    tokens: int,
    alternatives: int,
    snippets: tuple[Snippet, ...] = (),
) -> tuple[Generation, ...]:
    """Return the model's texts at the cursor, without those that were cancelled.

    Raises:
        Cancelled: the request was cancelled.
    """
    found = _get_model(resources).generate(
        _build_request(cursor, tokens, snippets), stop=stop, cancelled=resources.cancelled, alternatives=alternatives
    )
    _raise_if_cancelled(resources)
    return tuple(one for one in found if one.stop is not StopReason.CANCELLED)


def _get_model(resources: Resources) -> CompletionModel:
    """Return the completion model of a running task; raise Cancelled if the task was cancelled."""
    _raise_if_cancelled(resources)
    assert resources.model is not None  # noqa: S101 - `running` starts no task without its model
    return resources.model


def _raise_if_cancelled(resources: Resources) -> None:
    """Raise Cancelled if the request was cancelled."""
    if resources.cancelled():
        raise Cancelled


def _build_request(cursor: Cursor, tokens: int, snippets: tuple[Snippet, ...] = ()) -> FillRequest:
    """Return the request to the model for at most `tokens` tokens at the cursor."""
    path = cursor.document.path
    name = "/".join(path.parts[-2:]) if path is not None else ""
    return FillRequest(name, cursor.prefix, cursor.suffix, snippets, tokens)


def _gather_snippets(cursor: Cursor, resources: Resources, scene: Scene | None) -> tuple[Snippet, ...]:
    """Return related snippets of other files; none without `scene` or with a model of a small window."""
    if scene is None or _get_model(resources).entry.context_tokens < _LEAST_WINDOW:
        return ()
    syntax = scene.syntax if scene.syntax.available else None
    patient = replace(CompletionPolicy(), context_ms=500.0)  # ms; a person has chosen the task and waits for it
    return tuple(ContextGatherer().gather(cursor, syntax, resources.index, patient))


def _average(log_probs: Sequence[float]) -> float:
    """Return the mean of `log_probs`; minus infinity for none."""
    return sum(log_probs) / len(log_probs) if log_probs else float("-inf")


def _deduplicate(fillings: Sequence[Filling]) -> list[Filling]:
    """Return the fillings likeliest first, without blank texts and repeated ones."""
    best: dict[str, Filling] = {}
    for filling in sorted(fillings, key=lambda one: -one.likelihood):
        if filling.text.strip():
            best.setdefault(filling.text, filling)
    return list(best.values())
