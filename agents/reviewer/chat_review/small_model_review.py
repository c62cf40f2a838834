"""The review by a small chat model: three short questions in plain words about a function, and no JSON.

The model is asked which line has a bug, how that line should read, and which of the two lines is right. A claim is
confirmed if the line exists, the new line parses, and the model prefers it in both orders. Start at
`review_by_small_model`.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents import outlines, prompting, related_code
from indexing.syntax.documents import Span
from models.chat import ChatRequest, Message, ReplyEnd, Speaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.pieces import Piece
    from indexing.index import Index
    from models.chat import ChatModel

logger = logging.getLogger(__name__)

PROMPTS = ("bugs", "line", "choice")
MOST_CLAIMS = 2  # of one function
CONFIDENCE = 0.5
_BUGS_TOKENS, _LINE_TOKENS, _CHOICE_TOKENS = 120, 160, 8
_CONTEXT_TOKENS = 500
_SPARE_TOKENS = 600  # for the prompts' text and the answers
_LONGEST_LINES = 3  # that may replace one line
_CLAIM = re.compile(r"(?i)\bline\s*#?(\d+)\b(?:\s*[`\"'][^`\"'\n]*[`\"'])?\W*(.*)|^\W*(\d+)\s*[:.)-]\s*(.*)")
_NO_BUG = re.compile(r"(?i)^\W*(?:no\b|none\b|there (?:is|are) no\b|i (?:see|find|found) no\b|nothing\b)")
_NOT_A_BUG = re.compile(
    r"(?i)\b(?:is|are|looks?|seems?)\s+(?:correct|fine|right|ok(?:ay)?)\b|\bno (?:bugs?|errors?|problems?)\b"
)
_LINE_IS_RIGHT = re.compile(r"(?i)^\W*(?:right|correct|keep|unchanged|it is right)\b")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"^\s*(?:line\s*)?\d+\s*[:|]\s?")
_CHOICE = re.compile(r"\b([AB])\b")


@dataclass(frozen=True, slots=True)
class Claim:
    """A line of a function, counted from 1, that has a bug, as the model describes it."""

    number: int
    description: str


@dataclass(frozen=True, slots=True)
class ConfirmedClaim:
    """A confirmed claim: the span of the line in the piece, what is wrong with it, and the corrected line."""

    place: Span
    description: str
    replacement: str


def review_by_small_model(
    piece: Piece, chat: ChatModel, index: Index, cancelled: Callable[[], bool]
) -> Iterator[ConfirmedClaim]:
    """Ask for bugs in a function, and yield those that the model confirms, at most `MOST_CLAIMS`; blocking.

    Nothing is asked about a function that is too long for the model.

    Raises:
        models.chat.ChatError: the model did not answer.
    """
    lines = piece.text.splitlines()
    shown = prompting.fence(number_lines(piece.text), piece.title)
    room = chat.context_tokens - _SPARE_TOKENS
    if chat.count_tokens(shown) > room:
        logger.info("a function is too long for the chat model", extra={"characters": len(piece.text)})
        return
    first = _make_first_request(piece, shown, chat, index, min(_CONTEXT_TOKENS, room - chat.count_tokens(shown)))
    answer = chat.chat(first, cancelled=cancelled)
    claims = parse_claims(answer.text, lines)[:MOST_CLAIMS] if answer.end is not ReplyEnd.CANCELLED else []
    confirmed = 0
    for claim in claims:
        line = lines[claim.number - 1]
        other = _ask_for_line(first, claim, line, chat, cancelled)
        start = sum(len(each) for each in piece.text.splitlines(keepends=True)[: claim.number - 1])
        place = Span(start + len(line) - len(line.lstrip()), start + len(line.rstrip()))
        if not other or not _adds_no_errors(piece, place, other):
            continue
        if _ask_for_choice(piece, shown, (claim.number, line, other), chat, cancelled):
            confirmed += 1
            yield ConfirmedClaim(place, claim.description, other)
    logger.info("chat model reviewed", extra={"remarks": len(claims), "confirmed": confirmed})


def number_lines(text: str) -> str:
    """Return `text` with a number before each line, from 1."""
    lines = text.splitlines()
    width = len(str(len(lines)))
    return "\n".join(f"{number:>{width}}: {line}" for number, line in enumerate(lines, 1))


def parse_claims(answer: str, lines: list[str]) -> list[Claim]:
    """Return the model's claims that a line has a bug, at most one for each of `lines`, the lines of the function.

    Returns [] if the answer begins by saying that there is no bug.
    """
    found: dict[int, Claim] = {}
    if _NO_BUG.match(answer.strip()):
        return []
    for line in answer.splitlines():
        match = _CLAIM.search(line)
        if match is None:
            continue
        number, description = int(match[1] or match[3]), (match[2] or match[4] or "").strip(" *`")
        if 1 <= number <= len(lines) and re.search(r"\w", lines[number - 1]) and not _NOT_A_BUG.search(description):
            found.setdefault(number, Claim(number, description))
    return list(found.values())


def parse_line(answer: str, line: str) -> str:
    """Return the line or lines that an answer gives in place of `line`, with the indentation of `line`.

    Returns "" if the answer gives none, the same, or too many.
    """
    fenced = _FENCE.search(answer)
    if fenced is None and _LINE_IS_RIGHT.match(answer):
        return ""
    answered = fenced[2] if fenced is not None else answer.strip().strip("`")
    written = [_NUMBER.sub("", one, count=1) for one in answered.splitlines() if one.strip()]
    if not written or len(written) > _LONGEST_LINES or (fenced is None and len(written) > 1):
        return ""
    depth = line[: len(line) - len(line.lstrip())]
    least = min(len(one) - len(one.lstrip()) for one in written)
    made = "\n".join(depth + one[least:].rstrip() for one in written)
    return "" if made.split() == line.split() else made


def parse_choice(answer: str) -> str:
    """Return the choice in an answer, "A" or "B"; "" if it names neither or both."""
    letters = set(_CHOICE.findall(answer))
    return letters.pop() if len(letters) == 1 else ""


def _make_first_request(piece: Piece, shown: str, chat: ChatModel, index: Index, room: int) -> ChatRequest:
    """Return the request for bugs, with context of up to `room` tokens: outer classes, signatures of used functions."""
    head = outlines.outline_classes(piece, lambda more: chat.count_tokens(more) <= room // 2)
    left = room - chat.count_tokens(head)
    context = related_code.collect_signatures(piece, index, lambda more: chat.count_tokens(more) <= left)
    messages = prompting.build_messages(
        "bugs",
        head=prompting.fence(head, piece.title) if head else "",
        context=context,
        language=piece.document.language,
        code=shown,
    )
    return ChatRequest(messages, max_tokens=_BUGS_TOKENS)


def _ask_for_line(first: ChatRequest, claim: Claim, line: str, chat: ChatModel, cancelled: Callable[[], bool]) -> str:
    """Ask the model for the corrected line; return "" if it has none."""
    claimed = Message(Speaker.ASSISTANT, f"line {claim.number}: {claim.description}")
    question = prompting.build_messages("line", number=str(claim.number), line=prompting.fence(line))
    reply = chat.chat(ChatRequest((*first.messages, claimed, *question), max_tokens=_LINE_TOKENS), cancelled=cancelled)
    return parse_line(reply.text, line) if reply.end is ReplyEnd.END else ""


def _adds_no_errors(piece: Piece, place: Span, other: str) -> bool:
    """Return whether the line at `place` can be replaced by `other` without a new syntax error.

    True for a language without a parser.
    """
    start, end = piece.span.start + place.start, piece.span.start + place.end
    after = piece.syntax.replace_text(start, end, other.strip())
    return not piece.syntax.available or after.count_errors() <= piece.syntax.count_errors()


def _ask_for_choice(
    piece: Piece, shown: str, versions: tuple[int, str, str], chat: ChatModel, cancelled: Callable[[], bool]
) -> bool:
    """Ask which line is right, in both orders; return whether the model prefers the new one each time.

    `versions` has the line's number, the line as it is, and the new one.
    """
    number, line, other = versions
    for first, second, right in ((line, other, "B"), (other, line, "A")):
        messages = prompting.build_messages(
            "choice",
            language=piece.document.language,
            code=shown,
            number=str(number),
            first=prompting.fence(first),
            second=prompting.fence(second),
        )
        reply = chat.chat(ChatRequest(messages, max_tokens=_CHOICE_TOKENS), cancelled=cancelled)
        if reply.end is ReplyEnd.CANCELLED or parse_choice(reply.text) != right:
            return False
    return True
