"""Rewrites of a piece of a document by a chat model: asks, fits the answer into the document, asks again if needed.

An answer has to parse and bring no error; otherwise the model gets the reason, once. Start at `rewrite`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor
from agents.edits import Edit, ProposedEdit, apply_edits
from agents.pieces import Piece
from agents.tasks import edit_ranking
from agents.tasks.filling import Cancelled
from agents.tasks.functions import list_functions
from agents.tasks.proposals import build_change, list_notes
from agents.tasks.rewriting import alignment, definitions, importing, placeholders, reindenting, removals, reply_parsing
from agents.tasks.rewriting.definition_writing import Target
from agents.tasks.rewriting.line_edits import diff_lines, expand_to_lines
from agents.tasks.rewriting.rewrite_prompt import RewritePrompt, build_follow_up
from agents.tasks.task import Nothing
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax
from models.chat import ReplyEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.tasks.edit_ranking import RankedCandidate, RejectedCandidate
    from agents.tasks.task import Resources, Result, Scene
    from models.chat import Reply

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
        prompt: name of the prompt file.
        why: the reason for the change, for the person, where the model gives none; "" for the task.
    """

    span: Span
    task: str
    title: str
    accepts: Callable[[RankedCandidate], bool] = lambda _: True
    missed: str = ""
    words: str = ""
    prompt: str = "rewrite"
    why: str = ""


@dataclass(frozen=True, slots=True)
class _JudgedReply:
    """A judged reply.

    Attributes:
        best: its best candidate, None for none.
        words: the words beside its code.
        problem: its problem, for the model; "" for none.
        notes: notes on the candidate, for a person.
        new_task: the task for a new conversation, where the model would repeat its reply; "" to go on with this one.
    """

    best: RankedCandidate | None
    words: str
    problem: str = ""
    notes: tuple[str, ...] = ()
    new_task: str = ""


def rewrite(wish: RewriteRequest, scene: Scene, resources: Resources) -> Result:
    """Return a proposal with the best of at most two answers of the model.

    `Nothing` if the code is too long for the model, or no answer can be used.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the model did not answer.
    """
    chat = resources.chat
    assert chat is not None  # noqa: S101 - `running` starts no task without its model
    piece = Piece(scene.document, scene.syntax, expand_to_lines(scene.document.text, wish.span))
    prompt = RewritePrompt(chat, piece)
    if not prompt.fits:
        return Nothing(f"This is too long for {chat.name}; select less, or set `chat.contextTokens` to what it has.")
    resources.report(f"{chat.name} writes")
    request = prompt.build_request(wish.task, resources.index, wish.prompt)
    judge = _ReplyJudge(scene, resources, prompt, wish)
    answers: list[_JudgedReply] = []
    for _ in range(2):
        reply = chat.chat(request, cancelled=resources.cancelled)
        if reply.end is ReplyEnd.CANCELLED or resources.cancelled():
            raise Cancelled
        answers.append(judge.judge_reply(reply))
        if not answers[-1].problem:
            break
        resources.report(f"{chat.name} writes it once more")
        if answers[-1].new_task:
            request = prompt.build_request(answers[-1].new_task, resources.index, wish.prompt)
        else:
            request = build_follow_up(request, reply.text[: prompt.longest], answers[-1].problem)
    usable = [one for one in answers if one.best is not None]
    if not usable:
        return Nothing(_explain_refusal(chat.name, answers[-1]))
    chosen = min(usable, key=lambda one: len(one.best.new) if one.best is not None else 0)
    assert chosen.best is not None  # noqa: S101 - the usable ones have a candidate
    return ProposedEdit(
        title=wish.title,
        why=chosen.words or wish.why or wish.task,
        by="generator",
        changes=(build_change(scene.document, chosen.best.candidate.edits),),
        model=chat.name,
        notes=(*list_notes(chosen.best), *chosen.notes),
    )


def _explain_refusal(name: str, answer: _JudgedReply) -> str:
    """Return a message for a person that the model `name` wrote nothing usable, with the reason and its words."""
    why = answer.problem.rstrip(".").partition(";")[0]
    because = f" ({why})" if why else ""
    return f"{name} wrote nothing that can be used here{because}; nothing was changed. It says: {answer.words or '-'}"


def detect_newline(text: str) -> str:
    """Return the line end of a text: carriage return and line feed if that occurs anywhere, else a line feed."""
    return "\r\n" if "\r\n" in text else "\n"


class _ReplyJudge:
    """The judge of a model's replies, which fits the code in them into the document."""

    def __init__(self, scene: Scene, resources: Resources, prompt: RewritePrompt, wish: RewriteRequest) -> None:
        self._scene = scene
        self._resources = resources
        self._prompt = prompt
        self._piece = prompt.piece
        self._wanted = wish

    def judge_reply(self, reply: Reply) -> _JudgedReply:
        """Return the reply's best candidate, the words beside its code, and the problem to tell the model."""
        cut_off = reply.end is ReplyEnd.LENGTH or len(reply.text) > self._prompt.longest
        document = self._scene.document
        counted = "" if document.entry.is_prose else document.language  # a text may have code of any language
        found = reply_parsing.extract_code(reply.text[: self._prompt.longest], cut_off=cut_off, language=counted)
        if found.code is None:
            why = "it was cut off; be shorter." if cut_off else "there is no fenced code block in it."
            return _JudgedReply(None, found.words, why)
        made, notes, problem = self._fit(self._join_blocks(found.blocks) or found.code)
        if problem:
            return _JudgedReply(None, found.words, problem)
        if not made:
            return self._judge_unchanged(found.words)
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

    def _join_blocks(self, blocks: tuple[str, ...]) -> str:
        """Return the code blocks joined if each defines something else (a function, then its helper); else ""."""
        named = [
            {(one.path, one.sort) for one in definitions.list_definitions(self._parse_code(block))} for block in blocks
        ]
        defining = [names for names in named if names]
        apart = len(set().union(*defining)) == sum(map(len, defining))
        parts = [block for block, names in zip(blocks, named, strict=True) if names or self._parse_code(block).imports]
        return "\n\n\n".join(parts) if apart and len(defining) > 1 else ""

    def _parse_code(self, code: str) -> Syntax:
        """Return the syntax of `code` in the document's language."""
        return Syntax.of(replace(self._scene.document, text=code))

    def _fit(self, code: str) -> tuple[list[tuple[Edit, ...]], tuple[str, ...], str]:
        """Return alternative edits that put the code into the document, notes, and the code's problem ("" for none).

        There are no edits if the code has a problem or changes nothing.
        """
        scene = self._scene
        prose = scene.document.entry.is_prose or not scene.syntax.available
        if not prose:
            target = Target(
                scene.document, scene.syntax, self._piece.span, self._prompt.list_shown_spans(), self._wanted.words
            )
            found = alignment.align(code, target)
            if found is not None:
                return [found.edits] if found.edits else [], found.notes, found.problem
        return (*self._fit_lines(code, prose=prose),)

    def _fit_lines(self, code: str, *, prose: bool) -> tuple[list[tuple[Edit, ...]], tuple[str, ...], str]:
        """Return the same as `_fit` for code that defines nothing of the piece, and so replaces the piece's lines.

        With `prose`, the document has no syntax: no imports are added and no placeholders filled.
        """
        scene, piece, span = self._scene, self._piece.text, self._piece.span
        more: tuple[Edit, ...] = ()
        if not prose:
            if why := self._explain_misfit(code):
                return [], (), why
            answer = self._parse_code(code)
            inner = any(
                one.span is not None and span.start <= one.span.start < span.end for one in scene.syntax.imports
            )
            if not inner and self._prompt.before.strip():
                used = set(_WORD.findall(importing.strip_imports(code, answer)))
                more = importing.build_import_edits(answer, scene.syntax, used, language=scene.document.language)
                code = importing.strip_imports(code, answer)
        lines = reply_parsing.drop_repeated_lines(code, before=self._prompt.before, after=self._prompt.after)
        if self._empties_piece("\n".join(lines), prose=prose):
            return [], (), "there is no code in it for these lines; write them as they have to be."
        if not lines:
            return [(Edit(span.start, span.end, ""), *more)] if piece else [], (), ""
        unit = reindenting.detect_unit_at(
            piece, self._prompt.before, self._prompt.after, Cursor.at(scene.document, span.start).unit
        )
        made: list[tuple[Edit, ...]] = []
        for depth in _list_indentations(piece, self._prompt.before, "\n".join(lines), unit):
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
        """Return whether `code` would replace code by nothing or by a comment, although nobody asked for that.

        In `prose`, a comment counts as text.
        """
        if removals.asks_to_remove(self._wanted.words):
            return False
        if prose:
            return bool(self._piece.text.strip()) and not code.strip()
        answer, held = self._parse_code(code), self._scene.syntax
        said = definitions.list_tokens(answer, Span(0, len(answer.text)))
        return not said and bool(definitions.list_tokens(held, self._piece.span))

    def _explain_misfit(self, code: str) -> str:
        """Return a sentence for the model if its lines lack the piece's head or repeat another definition; else ""."""
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
        """Return a candidate for each of the edits in `made`; in Python with the well-known imports that it lacks."""
        candidates = [edit_ranking.Candidate(edits, -place) for place, edits in enumerate(made)]
        if not self._scene.document.entry.python_parser:
            return candidates
        outcomes = edit_ranking.judge(candidates, self._scene, self._resources)
        return [self._add_missing_imports(one, outcome) for one, outcome in zip(candidates, outcomes, strict=True)]

    def _add_missing_imports(
        self, candidate: edit_ranking.Candidate, outcome: RankedCandidate | RejectedCandidate
    ) -> edit_ranking.Candidate:
        """Return the candidate with imports for those undefined names in its errors that are well known."""
        errors = outcome.errors if isinstance(outcome, edit_ranking.RejectedCandidate) else ()
        text = apply_edits(self._scene.document.text, candidate.edits)
        for one in errors:
            name = _UNDEFINED.search(one.message)
            if one.code == edit_ranking.UNDEFINED and name is not None:
                syntax = Syntax.of(replace(self._scene.document, text=text))
                text = apply_edits(text, importing.build_well_known_import(name[1], syntax))
        if not errors:
            return candidate
        newline = detect_newline(self._scene.document.text)
        text = re.sub(r"(?<!\r)\n", newline, text)
        return replace(candidate, edits=diff_lines(self._scene.document.text, text))

    def _judge_unchanged(self, words: str) -> _JudgedReply:
        """Return the judgement of a reply that changes nothing and has `words` beside its code.

        Without an instruction, the answer may be that the code is fine. A function that has no body yet is asked for
        anew, for a small model repeats its first reply.
        """
        asked = self._wanted.words
        if words and not asked:
            return _JudgedReply(None, words)
        text, span = self._scene.document.text, self._piece.span
        lacking = (
            one.name
            for one in list_functions(self._scene.syntax)
            if span.start <= one.span.start < span.end and one.is_stub(text)
        )
        name = next(lacking, "")
        problem = f"it changes nothing; do what the task asks for: {asked.rstrip('.')}".removesuffix(": ")
        task = f"Write the body of `{name}`, which has none yet. {self._wanted.task}" if name else ""
        return _JudgedReply(None, words, f"{problem}.", new_task=task)

    def _explain_lack(self, best: RankedCandidate) -> str:
        """Return a sentence for the model if the candidate empties a function or misses its task; else ""."""
        after = Syntax.of(best.after)
        if emptied := _find_emptied_function(self._scene.syntax, after):
            return f"it leaves out what `{emptied}` does; write it out."
        return "" if self._wanted.accepts(best) else self._wanted.missed


def _find_emptied_function(before: Syntax, after: Syntax) -> str:
    """Return the name of the first function that had a body and is a stub now, "" for none."""
    busy = {one.qualified for one in list_functions(before) if not one.is_stub(before.text)}
    idle = {one.qualified for one in list_functions(before) if one.is_stub(before.text)}
    found = list_functions(after, _ALL)
    now = [one.qualified for one in found if one.is_stub(after.text)]
    bodies = {one.qualified for one in found}
    defined = definitions.list_definitions(after)
    heads = [".".join(one.path[-2:]) for one in defined if one.sort == "function"]
    now += [name for name in heads if name not in bodies]  # Ruby's grammar has no node for an empty body
    return next((name.rpartition(".")[2] for name in now if name in busy and name not in idle), "")


def _list_indentations(piece: str, before: str, code: str, unit: str) -> list[str]:
    """Return indentations for `code`: the piece's; for an empty one, those that fit below `before`, likeliest first."""
    first = next((line for line in piece.splitlines() if line.strip()), None)
    if first is not None:
        return [reply_parsing.read_indentation(first)]
    above = next((line for line in reversed(before.splitlines()) if line.strip()), "")
    outer = reply_parsing.read_indentation(above)
    own = reply_parsing.read_indentation(next((line for line in code.splitlines() if line.strip()), ""))
    inner = outer + unit if "\t" in outer + unit else own or outer + unit
    opened = above.rstrip().endswith((":", "{", "(", "["))
    return list(dict.fromkeys([piece, inner, outer] if opened else [outer, piece, inner]))
