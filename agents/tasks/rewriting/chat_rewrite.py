"""A piece of a document written anew by a chat model: asked with what stands around, aligned, and asked once more.

What comes back has to parse and to bring no error; when it does not, the model hears why, once. Start at `rewritten`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents import outlines, prompting, related_code
from agents.completion.cursor import Cursor
from agents.edits import Edit, ProposedEdit, apply_edits
from agents.pieces import Piece
from agents.tasks import edit_ranking
from agents.tasks.filling import Cancelled
from agents.tasks.functions import list_functions
from agents.tasks.proposals import build_change, list_notes
from agents.tasks.rewriting import alignment, definitions, importing, placeholders, reindenting, removals, reply_parsing
from agents.tasks.rewriting.definition_writing import Target
from agents.tasks.rewriting.line_edits import line_edits
from agents.tasks.task import Nothing
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax
from models.chat import ChatRequest, Message, ReplyEnd, Speaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.tasks.edit_ranking import RankedCandidate, RejectedCandidate
    from agents.tasks.task import Means, Result, Scene
    from models.chat import ChatModel, Reply

# Tokens of what stands around: small models read slowly, and follow a task the worse the more there is beside it.
_CONTEXT_TOKENS = 1000
_WHOLE_FILE_TOKENS = 500
_BEFORE_TOKENS, _AFTER_TOKENS = 400, 200
_CONTEXT_SHARE = 0.25  # of the window, where that is less
_SPARE_TOKENS = 800  # for the prompt's own words
_LEAST_ANSWER_TOKENS = 512
_WORDS_TOKENS = 300
_MOST_CHARACTERS = 40  # of a token, on average; what is beyond is not looked at
_ALL = 100_000
_UNDEFINED = re.compile(r"[`']([^\W\d]\w*)[`']")
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants of some lines.

    Attributes:
        span: the lines, or something in them.
        task: for the model.
        title: for the person who decides.
        accepts: whether a candidate does what it is for, beyond parsing.
        missed: what to tell the model of one that does not.
        words: what is to be done, without words of ours, "" for what the person left to the model.
    """

    span: Span
    task: str
    title: str
    accepts: Callable[[RankedCandidate], bool] = lambda _: True
    missed: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class _Judged:
    """What can be used of a reply, what it says beside its code, and what to complain of, "" for nothing."""

    best: RankedCandidate | None
    said: str
    complaint: str = ""
    notes: tuple[str, ...] = ()


def rewritten(wish: Wish, scene: Scene, means: Means) -> Result:
    """The best of what the model makes of the lines, as a proposal.

    Raises:
        Cancelled: nobody wants it any more.
        models.chat.ChatError: the model did not answer.
    """
    chat = means.chat
    assert chat is not None  # noqa: S101 - `running` lets no task begin without what it needs
    work = _Work(chat, scene, means, whole_lines(scene.document.text, wish.span), wish)
    if not work.fits:
        return Nothing(f"This is too long for {chat.name}; select less, or set `chat.contextTokens` to what it has.")
    means.report(f"{chat.name} writes")
    request = work.request()
    answers: list[_Judged] = []
    for _ in range(2):
        reply = chat.chat(request, cancelled=means.cancelled)
        if reply.end is ReplyEnd.CANCELLED or means.cancelled():
            raise Cancelled
        answers.append(work.judged(reply))
        if not answers[-1].complaint:
            break
        means.report(f"{chat.name} writes it once more")
        request = _again(request, reply.text[: work.longest], answers[-1].complaint)
    usable = [one for one in answers if one.best is not None]
    if not usable:
        return Nothing(_refusal(chat.name, answers[-1]))
    chosen = min(usable, key=lambda one: len(one.best.new) if one.best is not None else 0)
    assert chosen.best is not None  # noqa: S101 - it is usable
    return ProposedEdit(
        title=wish.title,
        why=chosen.said or wish.task,
        by="generator",
        changes=(build_change(scene.document, chosen.best.candidate.edits),),
        model=chat.name,
        notes=(*list_notes(chosen.best), *chosen.notes),
    )


def _refusal(name: str, answer: _Judged) -> str:
    """Say why nothing is proposed, with what the model said."""
    why = answer.complaint.rstrip(".").partition(";")[0]
    because = f" ({why})" if why else ""
    return f"{name} wrote nothing that can be used here{because}; nothing was changed. It says: {answer.said or '-'}"


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

    def __init__(self, chat: ChatModel, scene: Scene, means: Means, span: Span, wish: Wish) -> None:
        self._chat = chat
        self._scene = scene
        self._means = means
        self._wish = wish
        self._piece = Piece(scene.document, scene.syntax, span)
        text = scene.document.text
        self._before, self._after = text[: span.start], text[span.end :].removeprefix("\r").removeprefix("\n")
        size = chat.count_tokens(self._piece.text)
        self._answer_tokens = max(_LEAST_ANSWER_TOKENS, 2 * size) + _WORDS_TOKENS
        self.longest = _MOST_CHARACTERS * self._answer_tokens  # characters
        self._room = chat.context_tokens - 2 * self._answer_tokens - _SPARE_TOKENS  # for one more turn too
        self.fits = size < self._room
        self._context = min(_CONTEXT_TOKENS, int(chat.context_tokens * _CONTEXT_SHARE), self._room - size)
        self._shown_before, self._shown_after = self._around()

    def request(self) -> ChatRequest:
        """Return the first question."""
        piece, index, count = self._piece, self._means.index, self._chat.count_tokens
        left = self._context
        whole = self._shows_all()
        imports = "" if whole else outlines.select_imports(piece, lambda more: count(more) <= left // 3)
        left -= count(imports)
        head = "" if whole else outlines.outline_classes(piece, lambda more: count(more) <= left // 2)
        left -= count(head)
        context = related_code.collect_signatures(piece, index, lambda more: count(more) <= left, whole=whole)
        messages = prompting.build_messages(
            "rewrite",
            task=self._wish.task,
            what=self._what(),
            language=self._scene.document.language,
            imports=_section(imports),
            head=_section(head),
            context=context,
            before=_section(self._shown_before),
            code=_section(piece.text, piece.title),
            after=_section(self._shown_after),
        )
        return ChatRequest(messages, max_tokens=self._answer_tokens)

    def judged(self, reply: Reply) -> _Judged:
        """Return what can be used of a reply."""
        cut_off = reply.end is ReplyEnd.LENGTH or len(reply.text) > self.longest
        document = self._scene.document
        counted = "" if document.entry.is_prose else document.language  # prose may hold anything
        found = reply_parsing.code_in(reply.text[: self.longest], cut_off=cut_off, language=counted)
        if found.code is None:
            why = "it was cut off; be shorter." if cut_off else "there is no fenced code block in it."
            return _Judged(None, found.words, why)
        made, notes, complaint = self._fitted(self._join_blocks(found.blocks) or found.code)
        if complaint:
            return _Judged(None, found.words, complaint)
        if not made:  # code may be as good as it can be, but an instruction is not done by saying so
            settled = found.words and not self._wish.words
            asked = f"do what the task asks for: {self._wish.words.rstrip('.')}".removesuffix(": ")
            return _Judged(None, found.words, "" if settled else f"it changes nothing; {asked}.")
        outcomes = edit_ranking.judge(self._complete_imports(made), self._scene, self._means)
        usable = [one for one in outcomes if isinstance(one, edit_ranking.RankedCandidate)]
        best = min(usable, key=lambda one: (len(one.new), -one.candidate.likelihood), default=None)
        if best is None:
            dropped = next(one for one in outcomes if isinstance(one, edit_ranking.RejectedCandidate))
            return _Judged(None, found.words, f"{dropped.why}.")
        if why := self._lacking(best):
            return _Judged(None, found.words, why)
        new = "; ".join(one.message for one in best.new[:3])
        return _Judged(best, found.words, f"it brings what was not there before: {new}" if new else "", notes)

    # what is asked

    def _what(self) -> str:
        """Say what the model is to write, in its prompt's words."""
        span, text = self._piece.span, self._scene.document.text
        if not self._piece.text.strip():
            return "the lines that are missing here"
        found = definitions.outermost(definitions.within(definitions.definitions_of(self._scene.syntax), span))
        named = [one for one in found if one.sort != "value"]
        if len(named) != 1 or text[span.start : named[0].lead].strip() or text[named[0].span.end : span.end].strip():
            return "these lines" if text[: span.start].strip() or text[span.end :].strip() else "the file"
        return f"the {'class' if named[0].sort == 'type' else 'function'} `{named[0].name}`"

    def _around(self) -> tuple[str, str]:
        """Return the lines above and below to show: of a short file all, else some where only lines are meant."""
        count = self._chat.count_tokens
        if self._context >= _WHOLE_FILE_TOKENS and count(self._before + self._after) <= _WHOLE_FILE_TOKENS:
            return self._before, self._after
        known = definitions.within(definitions.definitions_of(self._scene.syntax), self._piece.span)
        if any(one.sort != "value" for one in known):
            return "", ""
        share = max(1, self._context) / _CONTEXT_TOKENS
        before = _nearest(self._before, lambda kept: count(kept) <= _BEFORE_TOKENS * share, first=False)
        return before, _nearest(self._after, lambda kept: count(kept) <= _AFTER_TOKENS * share, first=True)

    def _shows_all(self) -> bool:
        return len(self._shown_before) == len(self._before) and len(self._shown_after) == len(self._after)

    def _seen(self) -> tuple[Span, ...]:
        """Return which spans of the document are shown beside the piece."""
        start, end = self._piece.span.start, len(self._scene.document.text) - len(self._after)
        return Span(start - len(self._shown_before), start), Span(end, end + len(self._shown_after))

    # what came back

    def _join_blocks(self, blocks: tuple[str, ...]) -> str:
        """Join blocks that define different things: a function in one, what it calls in the next; else return ""."""
        named = [
            {(one.path, one.sort) for one in definitions.definitions_of(self._syntax_of(block))} for block in blocks
        ]
        defining = [names for names in named if names]
        apart = len(set().union(*defining)) == sum(map(len, defining))
        parts = [block for block, names in zip(blocks, named, strict=True) if names or self._syntax_of(block).imports]
        return "\n\n\n".join(parts) if apart and len(defining) > 1 else ""

    def _syntax_of(self, code: str) -> Syntax:
        return Syntax.of(replace(self._scene.document, text=code))

    def _fitted(self, code: str) -> tuple[list[tuple[Edit, ...]], tuple[str, ...], str]:
        """Return the edits that the code may come to, what to say of them, and what to complain of."""
        scene = self._scene
        prose = scene.document.entry.is_prose or not scene.syntax.available
        if not prose:
            target = Target(scene.document, scene.syntax, self._piece.span, self._seen(), self._wish.words)
            found = alignment.aligned(code, target)
            if found is not None:
                return [found.edits] if found.edits else [], found.notes, found.complaint
        return (*self._fit_lines(code, prose=prose),)

    def _fit_lines(self, code: str, *, prose: bool) -> tuple[list[tuple[Edit, ...]], tuple[str, ...], str]:
        """Return edits for code that defines nothing which is to be written anew: lines for the place of the piece."""
        scene, piece, span = self._scene, self._piece.text, self._piece.span
        more: tuple[Edit, ...] = ()
        if not prose:
            if why := self._misses(code):
                return [], (), why
            answer = self._syntax_of(code)
            inner = any(
                one.span is not None and span.start <= one.span.start < span.end for one in scene.syntax.imports
            )
            if not inner and self._before.strip():
                used = set(_WORD.findall(importing.without_imports(code, answer)))
                more = importing.import_edits(answer, scene.syntax, used, language=scene.document.language)
                code = importing.without_imports(code, answer)
        lines = reply_parsing.own_lines(code, before=self._before, after=self._after)
        if self._empties("\n".join(lines), prose=prose):
            return [], (), "there is no code in it for these lines; write them as they have to be."
        if not lines:
            return [(Edit(span.start, span.end, ""), *more)] if piece else [], (), ""
        unit = reindenting.unit_at(piece, self._before, self._after, Cursor.at(scene.document, span.start).unit)
        made: list[tuple[Edit, ...]] = []
        for depth in _depths(piece, self._before, "\n".join(lines), unit):
            placed = reindenting.reindented(lines, scene.document, piece=piece, indentation=depth, unit=unit)
            whole = placed if prose else placeholders.filled(placed, piece)
            if whole is None:
                left = placeholders.first_of(placed, piece)
                return [], (), f"`{left}` stands for code that would be lost; write out all of it."
            text = newline_of(scene.document.text).join(whole)
            if text != piece:
                edits = (*(one for one in more if one.end <= span.start), Edit(span.start, span.end, text))
                made.append(edits)
        return made, (), ""

    def _empties(self, code: str, *, prose: bool) -> bool:
        """Return whether code goes for nothing, or for a comment, though nobody asked for that."""
        if removals.ask_to_remove(self._wish.words):
            return False
        if prose:
            return bool(self._piece.text.strip()) and not code.strip()
        answer, held = self._syntax_of(code), self._scene.syntax
        said = definitions.tokens_of(answer, Span(0, len(answer.text)))
        return not said and bool(definitions.tokens_of(held, self._piece.span))

    def _misses(self, code: str) -> str:
        """Say what lines alone lack or repeat, "" for nothing: a whole file does not answer a question about lines."""
        scene, span = self._scene, self._piece.span
        known = definitions.definitions_of(scene.syntax)
        named = [one for one in definitions.within(known, span) if one.sort != "value"]
        if named:
            return f"it leaves out the head of `{named[0].name}`; give the whole of it."
        written = definitions.definitions_of(self._syntax_of(code))
        names = {(one.name, one.sort) for one in known if one.sort != "value"}
        again = next((one.name for one in written if (one.name, one.sort) in names and one.sort != "value"), "")
        return f"it repeats `{again}`, which is there already; give what is to be changed alone." if again else ""

    def _complete_imports(self, made: list[tuple[Edit, ...]]) -> list[edit_ranking.Candidate]:
        """Return the candidates; if one lacks only an import that everybody knows, with that import."""
        candidates = [edit_ranking.Candidate(edits, -place) for place, edits in enumerate(made)]
        if not self._scene.document.entry.python_parser:
            return candidates
        outcomes = edit_ranking.judge(candidates, self._scene, self._means)
        return [self._imported(one, outcome) for one, outcome in zip(candidates, outcomes, strict=True)]

    def _imported(
        self, candidate: edit_ranking.Candidate, outcome: RankedCandidate | RejectedCandidate
    ) -> edit_ranking.Candidate:
        errors = outcome.errors if isinstance(outcome, edit_ranking.RejectedCandidate) else ()
        text = apply_edits(self._scene.document.text, candidate.edits)
        for one in errors:
            name = _UNDEFINED.search(one.message)
            if one.code == edit_ranking.UNDEFINED and name is not None:
                syntax = Syntax.of(replace(self._scene.document, text=text))
                text = apply_edits(text, importing.known_import(name[1], syntax))
        if not errors:
            return candidate
        newline = newline_of(self._scene.document.text)
        text = re.sub(r"(?<!\r)\n", newline, text)
        return replace(candidate, edits=line_edits(self._scene.document.text, text))

    def _lacking(self, best: RankedCandidate) -> str:
        """Return what a candidate that parses lacks, "" for nothing."""
        after = Syntax.of(best.after)
        if emptied := _emptied(self._scene.syntax, after):
            return f"it leaves out what `{emptied}` does; write it out."
        return "" if self._wish.accepts(best) else self._wish.missed


def _emptied(before: Syntax, after: Syntax) -> str:
    """Return the name of a function that did something and does nothing any more, "" for none."""
    busy = {one.qualified for one in list_functions(before) if not one.is_stub(before.text)}
    idle = {one.qualified for one in list_functions(before) if one.is_stub(before.text)}
    found = list_functions(after, _ALL)
    now = [one.qualified for one in found if one.is_stub(after.text)]
    bodies = {one.qualified for one in found}
    defined = definitions.definitions_of(after)
    heads = [".".join(one.path[-2:]) for one in defined if one.sort == "function"]
    now += [name for name in heads if name not in bodies]  # Ruby's grammar has no body where it is empty
    return next((name.rpartition(".")[2] for name in now if name in busy and name not in idle), "")


def _section(text: str, title: str = "") -> str:
    """Return a text between marks, "" for no text."""
    return prompting.fence(text, title) if text.strip() else ""


def _again(request: ChatRequest, reply: str, complaint: str) -> ChatRequest:
    said = Message(Speaker.ASSISTANT, reply or "(nothing)")
    return replace(request, messages=(*request.messages, said, *prompting.build_messages("again", complaint=complaint)))


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


def _depths(piece: str, before: str, code: str, unit: str) -> list[str]:
    """How deep the code may have to stand: as the piece does; in an empty place as the line above says, or itself."""
    first = next((line for line in piece.splitlines() if line.strip()), None)
    if first is not None:
        return [reply_parsing.depth_of(first)]
    above = next((line for line in reversed(before.splitlines()) if line.strip()), "")
    outer = reply_parsing.depth_of(above)
    own = reply_parsing.depth_of(next((line for line in code.splitlines() if line.strip()), ""))
    inner = outer + unit if "\t" in outer + unit else own or outer + unit
    opened = above.rstrip().endswith((":", "{", "(", "["))
    return list(dict.fromkeys([piece, inner, outer] if opened else [outer, piece, inner]))
