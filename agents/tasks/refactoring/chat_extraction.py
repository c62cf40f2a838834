"""Extraction of a new Python function: a chat model chooses and names the lines, `function_extraction` moves them.

Asked to extract something, small models repeat the code unchanged; but they can choose lines from a list. Parameters
and results of the new function follow from the syntax. Start at `extract_by_chat` and `asks_to_extract`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents import prompting
from agents.edits import ProposedEdit
from agents.tasks import edit_ranking
from agents.tasks.filling import Cancelled
from agents.tasks.functions import find_function_at
from agents.tasks.proposals import build_change, list_notes
from agents.tasks.refactoring.function_extraction import extract_function, list_movable
from agents.tasks.refactoring.refusals import ExtractionError
from models.chat import ChatRequest, Message, ReplyEnd, Speaker

if TYPE_CHECKING:
    from agents.edits import Edit
    from agents.tasks.functions import Function
    from agents.tasks.task import Resources, Scene
    from models.chat import ChatModel

_ANSWER_TOKENS = 100
_LONGEST_ANSWER = 2000  # characters of an answer that are read
_MOST_PARTS = 8  # parts that the prompt lists
_LONGEST_SHOWN = 80  # characters of a line in the list
_SPARE_TOKENS = 600  # for the fixed text of the prompt, and a second question
_TRIES = 2
_LONGEST = 120  # characters of an instruction that can ask for nothing but an extraction
_VERB = re.compile(r"(?i)(?:please\s+)?(?:extract|factor|split|divide|separate|pull|move|break)\b")
# Verbs that suffice without "function", "method" or "helper".
_FREE = re.compile(r"(?i)(?:please\s+)?(?:extract|split|divide|break)\b")
_RESULT = re.compile(r"(?i)\b(?:functions?|methods?|helpers?)\b")
# Words for things that moving lines into one new function does not do.
_MORE = re.compile(
    r"""(?ix) [;\n] | [.,!?] \s* \S | \d
    | \b (?: class(?:es)? | modules? | files? | constants? | variables? | attributes? | fields? | propert(?:y|ies)
    | parameters? | arguments? | types? | packages? | interfaces? | expressions? | strings? | three | four | five
    | with(?:out)? | but | so | while | using | instead | not | each | every | all | both ) \b
    | \b and \s+ (?: also \s+ | then \s+ )? (?: add | make | use | renam | remov | chang | give | writ | let | call
    | return | rais | log | test | document | simplif | replac | convert | handl | keep | put | sort | typ ) \w*"""
)
_NAMED = re.compile(r"(?i)\b(?:called|named)\s+[`'\"]?(?P<name>[^\W\d]\w*)")
_LINES = re.compile(r"(?P<first>\d{1,7})\s*(?:-|–|to|through|until)\s*(?:line\s*)?(?P<last>\d{1,7})")  # noqa: RUF001
_NAME = re.compile(r"(?im)^[\s*-]*name\W*(?:def\s+)?(?P<name>[^\W\d]\w*)")


def asks_to_extract(words: str) -> bool:
    """Return whether the instruction asks to move a part of a function into a new one, and asks for nothing else."""
    said = words.strip().rstrip(".!").strip()
    if len(said) > _LONGEST or not _VERB.match(said) or _MORE.search(_NAMED.sub("", said)):
        return False
    return bool(_FREE.match(said) or _RESULT.search(said))


def extract_by_chat(scene: Scene, resources: Resources, title: str) -> ProposedEdit | None:
    """Return a proposal that extracts a function as the instruction asks; None where that is not asked or fails.

    Asks the model twice at most; the second time with the reason why its first answer cannot be used.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the model did not answer.
    """
    chat, document = resources.chat, scene.document
    function = find_function_at(scene.syntax, scene.span.start)
    if chat is None or function is None or not document.entry.python_parser:
        return None
    if not asks_to_extract(scene.instruction):
        return None
    if not (function.span.start <= scene.span.start and scene.span.end <= function.span.end):
        return None
    work = _Extraction(chat, scene, function)
    request = work.build_request()
    if request is None:
        return None
    resources.report(f"{chat.name} looks for the lines to move")
    for _ in range(_TRIES):
        reply = chat.chat(request, cancelled=resources.cancelled)
        if reply.end is ReplyEnd.CANCELLED or resources.cancelled():
            raise Cancelled
        try:
            edits, said = work.read_answer(reply.text)
        except ExtractionError as error:
            problem = str(error)
        else:
            (judged,) = edit_ranking.judge([edit_ranking.Candidate(edits)], scene, resources)
            if isinstance(judged, edit_ranking.RankedCandidate):
                changes = (build_change(document, edits),)
                return ProposedEdit(title, said, "generator", changes, model=chat.name, notes=list_notes(judged))
            problem = judged.why
        request = _build_follow_up(request, reply.text, problem)
    return None


@dataclass(frozen=True, slots=True)
class _Extraction:
    """One function that lines are extracted from."""

    chat: ChatModel
    scene: Scene
    function: Function

    def build_request(self) -> ChatRequest | None:
        """Return the request to choose lines; None where no lines can move or the function is too long."""
        function, document = self.function, self.scene.document
        text, above = document.text, self._lines_above
        lines = text[text.rfind("\n", 0, function.start) + 1 : function.span.end].splitlines()
        parts = self._find_selection() or [
            (one.first - above, one.last - above) for one in list_movable(document, above + 1, _MOST_PARTS)
        ]
        code = "\n".join(f"{number} {line}" for number, line in enumerate(lines, 1))
        if not parts or self.chat.count_tokens(code) > self.chat.context_tokens - _SPARE_TOKENS:
            return None
        listed = "\n".join(
            f"lines {first}-{last}: from `{_shorten(lines[first - 1])}` to `{_shorten(lines[last - 1])}`"
            for first, last in parts
        )
        messages = prompting.build_messages(
            "divide",
            language=document.language,
            code=prompting.fence(code),
            parts=prompting.fence(listed),
            task=f"{self.scene.instruction.strip().rstrip('.')}.",
        )
        return ChatRequest(messages, max_tokens=_ANSWER_TOKENS)

    def read_answer(self, answer: str) -> tuple[tuple[Edit, ...], str]:
        """Return the edits that carry out the model's answer, and a sentence about them for a person.

        Raises:
            ExtractionError: the answer has no name, or no lines that can move; the message is for the model.
        """
        answer = answer[:_LONGEST_ANSWER]
        lines = _LINES.search(answer)
        wanted, given = _NAMED.search(self.scene.instruction), _NAME.search(answer)
        name = wanted or given
        if lines is None or name is None:
            raise ExtractionError("the lines or the name are missing")
        first, last = int(lines["first"]), int(lines["last"])
        count = self.scene.document.text.count("\n", self.function.start, self.function.span.end) + 1
        if not 1 <= first <= last <= count:
            raise ExtractionError("there are no such lines")
        moved = (self._lines_above + first, self._lines_above + last)
        edits = extract_function(
            self.scene.document, self._lines_above + 1, moved, name["name"], keep_name=wanted is not None
        )
        return edits, f"Lines {moved[0]} to {moved[1]} of `{self.function.name}` are now a separate function."

    @property
    def _lines_above(self) -> int:
        """The number of lines above the function's head."""
        return self.scene.document.text.count("\n", 0, self.function.start)

    def _find_selection(self) -> list[tuple[int, int]]:
        """Return the first and last selected line, with 1 for the head; [] without a selection of several lines."""
        text, span, function = self.scene.document.text, self.scene.span, self.function
        if span.start >= span.end or span.start <= function.start or "\n" not in text[span.start : span.end].strip():
            return []
        first = text.count("\n", function.start, span.start) + 1
        last = text.count("\n", function.start, span.start + len(text[span.start : span.end].rstrip())) + 1
        return [(first, last)]


def _shorten(line: str) -> str:
    """Return the line without white space around it, at most 80 characters."""
    return line.strip()[:_LONGEST_SHOWN]


def _build_follow_up(request: ChatRequest, reply: str, problem: str) -> ChatRequest:
    """Return `request` with the model's reply and a message about its `problem` added."""
    said = Message(Speaker.ASSISTANT, reply or "(nothing)")
    return replace(
        request, messages=(*request.messages, said, *prompting.build_messages("divide-again", problem=problem))
    )
