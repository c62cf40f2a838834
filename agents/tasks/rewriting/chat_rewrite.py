"""Rewrites of a piece of a document by a chat model: builds the request, aligns the answer, asks once more if needed.

An answer has to parse and bring no error; otherwise the model gets the reason, once. Start at `rewrite`.
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
from agents.tasks.rewriting.line_edits import diff_lines
from agents.tasks.task import Nothing
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax
from models.chat import ChatRequest, Message, ReplyEnd, Speaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.tasks.edit_ranking import RankedCandidate, RejectedCandidate
    from agents.tasks.task import Resources, Result, Scene
    from models.chat import ChatModel, Reply

# Tokens of the code around the piece: small models read slowly, and follow a task less well with more of it.
_CONTEXT_TOKENS = 1000
_WHOLE_FILE_TOKENS = 500
_BEFORE_TOKENS, _AFTER_TOKENS = 400, 200
_CONTEXT_SHARE = 0.25  # of the context window, where that is less
_SPARE_TOKENS = 800  # for the fixed text of the prompt
_LEAST_ANSWER_TOKENS = 512
_WORDS_TOKENS = 300
_MOST_CHARACTERS = 40  # characters of a token, on average; the rest of a longer answer is ignored
_ALL = 100_000
_UNDEFINED = re.compile(r"[`']([^\W\d]\w*)[`']")
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """A rewrite that a person asks for.

    Attributes:
        span: the lines, or a part of them.
        task: the task, for the model.
        title: a title, for the person who decides.
        accepts: returns whether a candidate that parses also does its task.
        missed: a sentence for the model about a candidate that does not.
        words: the instruction without words of Starling's, "" where the person gave none.
    """

    span: Span
    task: str
    title: str
    accepts: Callable[[RankedCandidate], bool] = lambda _: True
    missed: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class _JudgedReply:
    """A judged reply: its best candidate, the words beside its code, and a problem for the model, "" for none."""

    best: RankedCandidate | None
    words: str
    problem: str = ""
    notes: tuple[str, ...] = ()


def rewrite(wish: RewriteRequest, scene: Scene, resources: Resources) -> Result:
    """Return a proposal with the best of at most two answers of the model.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the model did not answer.
    """
    chat = resources.chat
    assert chat is not None  # noqa: S101 - `running` starts no task without its model
    work = _Rewriter(chat, scene, resources, expand_to_lines(scene.document.text, wish.span), wish)
    if not work.fits:
        return Nothing(f"This is too long for {chat.name}; select less, or set `chat.contextTokens` to what it has.")
    resources.report(f"{chat.name} writes")
    request = work.build_request()
    answers: list[_JudgedReply] = []
    for _ in range(2):
        reply = chat.chat(request, cancelled=resources.cancelled)
        if reply.end is ReplyEnd.CANCELLED or resources.cancelled():
            raise Cancelled
        answers.append(work.judge_reply(reply))
        if not answers[-1].problem:
            break
        resources.report(f"{chat.name} writes it once more")
        request = _build_follow_up(request, reply.text[: work.longest], answers[-1].problem)
    usable = [one for one in answers if one.best is not None]
    if not usable:
        return Nothing(_explain_refusal(chat.name, answers[-1]))
    chosen = min(usable, key=lambda one: len(one.best.new) if one.best is not None else 0)
    assert chosen.best is not None  # noqa: S101 - the usable ones have a candidate
    return ProposedEdit(
        title=wish.title,
        why=chosen.words or wish.task,
        by="generator",
        changes=(build_change(scene.document, chosen.best.candidate.edits),),
        model=chat.name,
        notes=(*list_notes(chosen.best), *chosen.notes),
    )


def _explain_refusal(name: str, answer: _JudgedReply) -> str:
    """Return why nothing is proposed, with what the model said."""
    why = answer.problem.rstrip(".").partition(";")[0]
    because = f" ({why})" if why else ""
    return f"{name} wrote nothing that can be used here{because}; nothing was changed. It says: {answer.words or '-'}"


def expand_to_lines(text: str, span: Span) -> Span:
    """Return the span of the whole lines of `span`, without the last line's end."""
    last = max(span.start, span.end - (span.end > span.start and text[span.end - 1 : span.end] == "\n"))
    end = text.find("\n", last)
    end = len(text) if end < 0 else end
    start = text.rfind("\n", 0, span.start) + 1
    return Span(start, max(start, end - text.endswith("\r", start, end)))


def detect_newline(text: str) -> str:
    """Return the line end that a text uses."""
    return "\r\n" if "\r\n" in text else "\n"


class _Rewriter:
    """One piece of a document, which a model rewrites."""

    def __init__(self, chat: ChatModel, scene: Scene, resources: Resources, span: Span, wish: RewriteRequest) -> None:
        self._chat = chat
        self._scene = scene
        self._resources = resources
        self._wanted = wish
        self._piece = Piece(scene.document, scene.syntax, span)
        text = scene.document.text
        self._before, self._after = text[: span.start], text[span.end :].removeprefix("\r").removeprefix("\n")
        size = chat.count_tokens(self._piece.text)
        self._answer_tokens = max(_LEAST_ANSWER_TOKENS, 2 * size) + _WORDS_TOKENS
        self.longest = _MOST_CHARACTERS * self._answer_tokens  # characters
        # Tokens; leaves room for a second question and its answer.
        self._room = chat.context_tokens - 2 * self._answer_tokens - _SPARE_TOKENS
        self.fits = size < self._room
        self._context = min(_CONTEXT_TOKENS, int(chat.context_tokens * _CONTEXT_SHARE), self._room - size)
        self._shown_before, self._shown_after = self._select_surroundings()

    def build_request(self) -> ChatRequest:
        """Return the first request, with as much of the code around the piece as fits."""
        piece, index, count = self._piece, self._resources.index, self._chat.count_tokens
        left = self._context
        whole = self._shows_all()
        imports = "" if whole else outlines.select_imports(piece, lambda more: count(more) <= left // 3)
        left -= count(imports)
        head = "" if whole else outlines.outline_classes(piece, lambda more: count(more) <= left // 2)
        left -= count(head)
        context = related_code.collect_signatures(piece, index, lambda more: count(more) <= left, whole=whole)
        messages = prompting.build_messages(
            "rewrite",
            task=self._wanted.task,
            what=self._name_piece(),
            language=self._scene.document.language,
            imports=_fence_section(imports),
            head=_fence_section(head),
            context=context,
            before=_fence_section(self._shown_before),
            code=_fence_section(piece.text, piece.title),
            after=_fence_section(self._shown_after),
        )
        return ChatRequest(messages, max_tokens=self._answer_tokens)

    def judge_reply(self, reply: Reply) -> _JudgedReply:
        """Return the best candidate of a reply, or what is wrong with the reply."""
        cut_off = reply.end is ReplyEnd.LENGTH or len(reply.text) > self.longest
        document = self._scene.document
        counted = "" if document.entry.is_prose else document.language  # a text may have code of any language
        found = reply_parsing.extract_code(reply.text[: self.longest], cut_off=cut_off, language=counted)
        if found.code is None:
            why = "it was cut off; be shorter." if cut_off else "there is no fenced code block in it."
            return _JudgedReply(None, found.words, why)
        made, notes, problem = self._fit(self._join_blocks(found.blocks) or found.code)
        if problem:
            return _JudgedReply(None, found.words, problem)
        if not made:  # without an instruction, the answer may be that the code is fine
            settled = found.words and not self._wanted.words
            asked = f"do what the task asks for: {self._wanted.words.rstrip('.')}".removesuffix(": ")
            return _JudgedReply(None, found.words, "" if settled else f"it changes nothing; {asked}.")
        outcomes = edit_ranking.judge(self._complete_imports(made), self._scene, self._resources)
        usable = [one for one in outcomes if isinstance(one, edit_ranking.RankedCandidate)]
        best = min(usable, key=lambda one: (len(one.new), -one.candidate.likelihood), default=None)
        if best is None:
            dropped = next(one for one in outcomes if isinstance(one, edit_ranking.RejectedCandidate))
            return _JudgedReply(None, found.words, f"{dropped.why}.")
        if why := self._explain_lack(best):
            return _JudgedReply(None, found.words, why)
        new = "; ".join(one.message for one in best.new[:3])
        return _JudgedReply(best, found.words, f"it brings what was not there before: {new}" if new else "", notes)

    # the request

    def _name_piece(self) -> str:
        """Return what the model is to write, as the prompt calls it ("the function `area`")."""
        span, text = self._piece.span, self._scene.document.text
        if not self._piece.text.strip():
            return "the lines that are missing here"
        found = definitions.select_outermost(
            definitions.select_within(definitions.list_definitions(self._scene.syntax), span)
        )
        named = [one for one in found if one.sort != "value"]
        if len(named) != 1 or text[span.start : named[0].lead].strip() or text[named[0].span.end : span.end].strip():
            return "these lines" if text[: span.start].strip() or text[span.end :].strip() else "the file"
        return f"the {'class' if named[0].sort == 'type' else 'function'} `{named[0].name}`"

    def _select_surroundings(self) -> tuple[str, str]:
        """Return the lines before and after the piece to show.

        These are all lines of a short file; else none if a definition is rewritten, and the nearest ones otherwise.
        """
        count = self._chat.count_tokens
        if self._context >= _WHOLE_FILE_TOKENS and count(self._before + self._after) <= _WHOLE_FILE_TOKENS:
            return self._before, self._after
        known = definitions.select_within(definitions.list_definitions(self._scene.syntax), self._piece.span)
        if any(one.sort != "value" for one in known):
            return "", ""
        share = max(1, self._context) / _CONTEXT_TOKENS
        before = _take_nearest_lines(self._before, lambda kept: count(kept) <= _BEFORE_TOKENS * share, first=False)
        return before, _take_nearest_lines(self._after, lambda kept: count(kept) <= _AFTER_TOKENS * share, first=True)

    def _shows_all(self) -> bool:
        """Return whether the request shows the whole file."""
        return len(self._shown_before) == len(self._before) and len(self._shown_after) == len(self._after)

    def _list_shown_spans(self) -> tuple[Span, ...]:
        """Return the spans of the document that are shown beside the piece."""
        start, end = self._piece.span.start, len(self._scene.document.text) - len(self._after)
        return Span(start - len(self._shown_before), start), Span(end, end + len(self._shown_after))

    # the reply

    def _join_blocks(self, blocks: tuple[str, ...]) -> str:
        """Return the blocks joined if they define different things (a function, then its helper); "" otherwise."""
        named = [
            {(one.path, one.sort) for one in definitions.list_definitions(self._parse_code(block))} for block in blocks
        ]
        defining = [names for names in named if names]
        apart = len(set().union(*defining)) == sum(map(len, defining))
        parts = [block for block, names in zip(blocks, named, strict=True) if names or self._parse_code(block).imports]
        return "\n\n\n".join(parts) if apart and len(defining) > 1 else ""

    def _parse_code(self, code: str) -> Syntax:
        return Syntax.of(replace(self._scene.document, text=code))

    def _fit(self, code: str) -> tuple[list[tuple[Edit, ...]], tuple[str, ...], str]:
        """Return the candidate edits for the code, notes about them, and what is wrong with it, "" for nothing."""
        scene = self._scene
        prose = scene.document.entry.is_prose or not scene.syntax.available
        if not prose:
            target = Target(
                scene.document, scene.syntax, self._piece.span, self._list_shown_spans(), self._wanted.words
            )
            found = alignment.align(code, target)
            if found is not None:
                return [found.edits] if found.edits else [], found.notes, found.problem
        return (*self._fit_lines(code, prose=prose),)

    def _fit_lines(self, code: str, *, prose: bool) -> tuple[list[tuple[Edit, ...]], tuple[str, ...], str]:
        """Return the same as `_fit` for code without the piece's definitions: it replaces the lines of the piece."""
        scene, piece, span = self._scene, self._piece.text, self._piece.span
        more: tuple[Edit, ...] = ()
        if not prose:
            if why := self._explain_misfit(code):
                return [], (), why
            answer = self._parse_code(code)
            inner = any(
                one.span is not None and span.start <= one.span.start < span.end for one in scene.syntax.imports
            )
            if not inner and self._before.strip():
                used = set(_WORD.findall(importing.strip_imports(code, answer)))
                more = importing.build_import_edits(answer, scene.syntax, used, language=scene.document.language)
                code = importing.strip_imports(code, answer)
        lines = reply_parsing.drop_repeated_lines(code, before=self._before, after=self._after)
        if self._empties_piece("\n".join(lines), prose=prose):
            return [], (), "there is no code in it for these lines; write them as they have to be."
        if not lines:
            return [(Edit(span.start, span.end, ""), *more)] if piece else [], (), ""
        unit = reindenting.detect_unit_at(piece, self._before, self._after, Cursor.at(scene.document, span.start).unit)
        made: list[tuple[Edit, ...]] = []
        for depth in _list_indentations(piece, self._before, "\n".join(lines), unit):
            placed = reindenting.reindent(lines, scene.document, piece=piece, indentation=depth, unit=unit)
            whole = placed if prose else placeholders.fill(placed, piece)
            if whole is None:
                left = placeholders.find_first(placed, piece)
                return [], (), f"`{left}` stands for code that would be lost; write out all of it."
            text = detect_newline(scene.document.text).join(whole)
            if text != piece:
                edits = (*(one for one in more if one.end <= span.start), Edit(span.start, span.end, text))
                made.append(edits)
        return made, (), ""

    def _empties_piece(self, code: str, *, prose: bool) -> bool:
        """Return whether `code` would replace code by nothing or by a comment, although nobody asked for that."""
        if removals.asks_to_remove(self._wanted.words):
            return False
        if prose:
            return bool(self._piece.text.strip()) and not code.strip()
        answer, held = self._parse_code(code), self._scene.syntax
        said = definitions.list_tokens(answer, Span(0, len(answer.text)))
        return not said and bool(definitions.list_tokens(held, self._piece.span))

    def _explain_misfit(self, code: str) -> str:
        """Return what mere lines lack or repeat, "" for nothing: a lost head, or a definition from elsewhere."""
        scene, span = self._scene, self._piece.span
        known = definitions.list_definitions(scene.syntax)
        named = [one for one in definitions.select_within(known, span) if one.sort != "value"]
        if named:
            return f"it leaves out the head of `{named[0].name}`; give the whole of it."
        written = definitions.list_definitions(self._parse_code(code))
        names = {(one.name, one.sort) for one in known if one.sort != "value"}
        again = next((one.name for one in written if (one.name, one.sort) in names and one.sort != "value"), "")
        return f"it repeats `{again}`, which is there already; give what is to be changed alone." if again else ""

    def _complete_imports(self, made: list[tuple[Edit, ...]]) -> list[edit_ranking.Candidate]:
        """Return the candidates, each with the well-known imports that it lacks."""
        candidates = [edit_ranking.Candidate(edits, -place) for place, edits in enumerate(made)]
        if not self._scene.document.entry.python_parser:
            return candidates
        outcomes = edit_ranking.judge(candidates, self._scene, self._resources)
        return [self._add_missing_imports(one, outcome) for one, outcome in zip(candidates, outcomes, strict=True)]

    def _add_missing_imports(
        self, candidate: edit_ranking.Candidate, outcome: RankedCandidate | RejectedCandidate
    ) -> edit_ranking.Candidate:
        """Return the candidate with imports for the undefined names in its errors, as far as they are well known."""
        errors = outcome.errors if isinstance(outcome, edit_ranking.RejectedCandidate) else ()
        text = apply_edits(self._scene.document.text, candidate.edits)
        for one in errors:
            name = _UNDEFINED.search(one.message)
            if one.code == edit_ranking.UNDEFINED and name is not None:
                syntax = Syntax.of(replace(self._scene.document, text=text))
                text = apply_edits(text, importing.import_well_known(name[1], syntax))
        if not errors:
            return candidate
        newline = detect_newline(self._scene.document.text)
        text = re.sub(r"(?<!\r)\n", newline, text)
        return replace(candidate, edits=diff_lines(self._scene.document.text, text))

    def _explain_lack(self, best: RankedCandidate) -> str:
        """Return a sentence for the model about what a candidate that parses lacks, "" for nothing."""
        after = Syntax.of(best.after)
        if emptied := _find_emptied(self._scene.syntax, after):
            return f"it leaves out what `{emptied}` does; write it out."
        return "" if self._wanted.accepts(best) else self._wanted.missed


def _find_emptied(before: Syntax, after: Syntax) -> str:
    """Return the name of a function that had a body and is a stub now, "" for none."""
    busy = {one.qualified for one in list_functions(before) if not one.is_stub(before.text)}
    idle = {one.qualified for one in list_functions(before) if one.is_stub(before.text)}
    found = list_functions(after, _ALL)
    now = [one.qualified for one in found if one.is_stub(after.text)]
    bodies = {one.qualified for one in found}
    defined = definitions.list_definitions(after)
    heads = [".".join(one.path[-2:]) for one in defined if one.sort == "function"]
    now += [name for name in heads if name not in bodies]  # Ruby's grammar has no node for an empty body
    return next((name.rpartition(".")[2] for name in now if name in busy and name not in idle), "")


def _fence_section(text: str, title: str = "") -> str:
    """Return a text between marks, "" for no text."""
    return prompting.fence(text, title) if text.strip() else ""


def _build_follow_up(request: ChatRequest, reply: str, problem: str) -> ChatRequest:
    """Return the request with the model's reply and with what is wrong with it."""
    said = Message(Speaker.ASSISTANT, reply or "(nothing)")
    return replace(request, messages=(*request.messages, said, *prompting.build_messages("again", problem=problem)))


def _take_nearest_lines(text: str, fits: Callable[[str], bool], *, first: bool) -> str:
    """Return as many lines of a text as `fits` allows: the first ones with `first`, else the last ones."""
    lines = text.splitlines(keepends=True)
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high + 1) // 2
        if fits("".join(lines[:middle] if first else lines[-middle:])):
            low = middle
        else:
            high = middle - 1
    return "".join(lines[:low] if first else lines[len(lines) - low :])


def _list_indentations(piece: str, before: str, code: str, unit: str) -> list[str]:
    """Return possible indentations of the new code: the piece's; for an empty piece, those that fit below `before`."""
    first = next((line for line in piece.splitlines() if line.strip()), None)
    if first is not None:
        return [reply_parsing.read_indentation(first)]
    above = next((line for line in reversed(before.splitlines()) if line.strip()), "")
    outer = reply_parsing.read_indentation(above)
    own = reply_parsing.read_indentation(next((line for line in code.splitlines() if line.strip()), ""))
    inner = outer + unit if "\t" in outer + unit else own or outer + unit
    opened = above.rstrip().endswith((":", "{", "(", "["))
    return list(dict.fromkeys([piece, inner, outer] if opened else [outer, piece, inner]))
