"""Lines of a document written anew by a chat model: asked with what stands around, ranked, and asked once more.

What comes back has to parse and to bring no finding that was not there; when it does not, the model hears why, once.
Start at `rewritten`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents import prompting, surroundings
from agents.generator.cursor import Cursor
from agents.generator.tasks import extraction, placeholders, ranking, reindenting
from agents.generator.tasks.filling import Cancelled
from agents.generator.tasks.functions import functions_in
from agents.generator.tasks.proposals import change, notes_of
from agents.generator.tasks.records import Nothing
from agents.records import Edit, ProposedEdit
from agents.surroundings import Piece
from indexing.records import Span
from indexing.syntax import Syntax
from models.chat import ChatRequest, Message, ReplyEnd, Speaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.generator.tasks.ranking import Ranked
    from agents.generator.tasks.records import Means, Result, Scene
    from models.chat import ChatModel, Reply

_BEFORE_SHARE, _AFTER_SHARE = 0.25, 0.1  # of the window
_SPARE_TOKENS = 800  # for the prompt's own words
_LEAST_ANSWER_TOKENS = 512
_WORDS_TOKENS = 300
_PROSE = frozenset({"markdown", "text", "plaintext"})  # whose lines are no comments


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants of some lines.

    Attributes:
        span: the lines, or something in them.
        task: for the model.
        title: for the person who decides.
        accepts: whether a candidate does what it is for, beyond parsing.
        missed: what to tell the model of one that does not.
    """

    span: Span
    task: str
    title: str
    accepts: Callable[[Ranked], bool] = lambda _: True
    missed: str = ""


def rewritten(wish: Wish, scene: Scene, means: Means) -> Result:
    """The best of what the model makes of the lines, as a proposal.

    Raises:
        Cancelled: nobody wants it any more.
        models.chat.ChatError: the model did not answer.
    """
    chat = means.chat
    assert chat is not None  # noqa: S101 - `running` lets no task begin without what it needs
    work = _Work(chat, scene, means, whole_lines(scene.document.text, wish.span))
    if not work.fits:
        return Nothing(f"This is too long for {chat.name}; select less, or set `chat.contextTokens` to what it has.")
    means.report(f"{chat.name} writes")
    request = work.request(wish.task)
    best: list[tuple[Ranked, str]] = []
    said = ""
    for _ in range(2):
        reply = chat.chat(request, cancelled=means.cancelled)
        if reply.end is ReplyEnd.CANCELLED or means.cancelled():
            raise Cancelled
        found, said, complaint = work.judged(reply, wish)
        best += [(found, said)] if found is not None else []
        if not complaint:
            break
        request = _again(request, reply, complaint)
    if not best:
        return Nothing(f"{chat.name} wrote nothing that can be used here; nothing was changed. It says: {said or '-'}")
    candidate, why = min(best, key=lambda one: len(one[0].new))
    return ProposedEdit(
        title=wish.title,
        why=why or wish.task,
        by="generator",
        changes=(change(scene.document, candidate.candidate.edits),),
        model=chat.name,
        notes=notes_of(candidate),
    )


def whole_lines(text: str, span: Span) -> Span:
    """From the beginning of the first line to the end of the last, its line end left out."""
    last = max(span.start, span.end - (span.end > span.start and text[span.end - 1 : span.end] == "\n"))
    end = text.find("\n", last)
    end = len(text) if end < 0 else end
    start = text.rfind("\n", 0, span.start) + 1
    return Span(start, max(start, end - text.endswith("\r", start, end)))


def newline_of(text: str) -> str:
    """The line end that a text uses."""
    return "\r\n" if "\r\n" in text else "\n"


class _Work:
    """Some lines of a scene on their way to a model and back."""

    def __init__(self, chat: ChatModel, scene: Scene, means: Means, span: Span) -> None:
        self._chat = chat
        self._scene = scene
        self._means = means
        self._piece = Piece(scene.document, scene.syntax, span)
        text = scene.document.text
        self._before, self._after = text[: span.start], text[span.end :].removeprefix("\r").removeprefix("\n")
        size = chat.count_tokens(self._piece.text)
        self._answer_tokens = max(_LEAST_ANSWER_TOKENS, 2 * size) + _WORDS_TOKENS
        self._room = chat.context_tokens - 2 * self._answer_tokens - _SPARE_TOKENS  # for one more turn too
        self.fits = size < self._room

    def request(self, task: str) -> ChatRequest:
        """The first question."""
        count, window = self._chat.count_tokens, self._chat.context_tokens
        before = _nearest(self._before, lambda kept: count(kept) <= window * _BEFORE_SHARE, first=False)
        after = _nearest(self._after, lambda kept: count(kept) <= window * _AFTER_SHARE, first=True)
        own = self._piece.text + before + after
        context = surroundings.gathered(self._piece, self._means.index, lambda more: count(own + more) <= self._room)
        messages = prompting.messages(
            "rewrite",
            task=task,
            language=self._scene.document.language,
            before=prompting.fenced(before, self._piece.title),
            code=prompting.fenced(self._piece.text, "the piece"),
            after=prompting.fenced(after, self._piece.title),
            context=context,
        )
        return ChatRequest(messages, max_tokens=self._answer_tokens)

    def _fitted(self, code: str) -> tuple[list[str], str]:
        """Return what the code may look like in its place, or what to complain of."""
        document, piece = self._scene.document, self._piece.text
        prose = document.language in _PROSE
        code = (
            code if prose else placeholders.unwrapped(code, document, _outermost(self._scene.syntax, self._piece.span))
        )
        lines = extraction.own_lines(code, before=self._before, after=self._after)
        if not lines:
            return [""], ""
        unit = reindenting.unit_at(piece, self._before, self._after, Cursor.at(document, self._piece.span.start).unit)
        made = []
        for depth in _depths(piece, self._before, "\n".join(lines), unit):
            placed = reindenting.reindented(lines, document, piece=piece, indentation=depth, unit=unit)
            whole = placed if prose else placeholders.filled(placed, piece)
            if whole is None:
                left = placeholders.first_of(placed, piece)
                return [], f"`{left}` stands for code that would be lost; write out all of it."
            made.append(newline_of(document.text).join(whole))
        return made, ""

    def judged(self, reply: Reply, wish: Wish) -> tuple[Ranked | None, str, str]:
        """What can be used of a reply, what it says, and what to complain of, "" for nothing."""
        cut_off = reply.end is ReplyEnd.LENGTH
        found = extraction.code_in(reply.text, cut_off=cut_off)
        if found.code is None:
            return (
                None,
                found.words,
                "it was cut off; be shorter." if cut_off else "there is no fenced code block in it.",
            )
        span = self._piece.span
        made, complaint = self._fitted(found.code)
        if complaint:
            return None, found.words, complaint
        if self._piece.text in made:
            return None, found.words, "" if found.words else "it changes nothing."
        candidates = [ranking.Candidate((Edit(span.start, span.end, one),), -place) for place, one in enumerate(made)]
        best = next(iter(ranking.ranked(candidates, self._scene, self._means)), None)
        if best is None:
            return None, found.words, "the file does not parse with it, or uses names that are not there."
        if why := self._lacking(best, wish):
            return None, found.words, why
        new = "; ".join(one.message for one in best.new[:3])
        return best, found.words, f"it brings what was not there before: {new}" if new else ""

    def _lacking(self, best: Ranked, wish: Wish) -> str:
        """Return what a candidate that parses lacks, "" for nothing."""
        before, after, span = self._scene.syntax, Syntax.of(best.after), self._piece.span
        if _defines(before, span) and not _defines(after, _written(best)):
            return "it leaves out the head of the piece; give the whole piece."
        if emptied := _emptied(before, span, after, _written(best)):
            return f"it leaves out what `{emptied}` does; write it out."
        return "" if wish.accepts(best) else wish.missed


def _emptied(syntax: Syntax, span: Span, now: Syntax, written: Span) -> str:
    """Return the name of a function that did something and does nothing any more, "" for none."""
    busy = {one.name for one in functions_in(syntax) if _within(one.span, span) and not one.is_stub(syntax.text)}
    idle = (one.name for one in functions_in(now) if _within(one.span, written) and one.is_stub(now.text))
    return next((name for name in idle if name in busy), "")


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _defines(syntax: Syntax, span: Span) -> bool:
    """Whether a definition begins and ends within a span."""
    return any(span.start <= one.span.start and one.span.end <= span.end for one in syntax.symbols)


def _written(one: Ranked) -> Span:
    (edit,) = one.candidate.edits
    return Span(edit.start, edit.start + len(edit.text))


def _again(request: ChatRequest, reply: Reply, complaint: str) -> ChatRequest:
    said = Message(Speaker.ASSISTANT, reply.text or "(nothing)")
    return replace(request, messages=(*request.messages, said, *prompting.messages("again", complaint=complaint)))


def _nearest(text: str, fits: Callable[[str], bool], *, first: bool) -> str:
    """The first lines of a text, or else its last ones: as many as fit."""
    lines = text.splitlines(keepends=True)
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high + 1) // 2
        if fits("".join(lines[:middle] if first else lines[-middle:])):
            low = middle
        else:
            high = middle - 1
    return "".join(lines[:low] if first else lines[len(lines) - low :])


def _outermost(syntax: Syntax, span: Span) -> frozenset[str]:
    """Return the names of the definitions in a span that lie in no other one there."""
    inside = [one for one in syntax.symbols if _within(one.span, span)]
    return frozenset(
        one.name for one in inside if not any(one is not other and _within(one.span, other.span) for other in inside)
    )


def _depths(piece: str, before: str, code: str, unit: str) -> list[str]:
    """How deep the code may have to stand: as the piece does; in an empty place as the line above says, or itself."""
    first = next((line for line in piece.splitlines() if line.strip()), None)
    if first is not None:
        return [extraction.depth_of(first)]
    above = next((line for line in reversed(before.splitlines()) if line.strip()), "")
    outer = extraction.depth_of(above)
    own = extraction.depth_of(next((line for line in code.splitlines() if line.strip()), ""))
    inner = outer + unit if "\t" in outer + unit else own or outer + unit
    opened = above.rstrip().endswith((":", "{", "(", "["))
    return list(dict.fromkeys([piece, inner, outer] if opened else [outer, piece, inner]))
