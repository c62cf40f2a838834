"""The review by a chat model: it reports mistakes in a function, then has to confirm each of them.

A large model answers in JSON by a schema. A small one (`models.catalog.sizes`) answers
plain questions (`agents.reviewer.chat_review.small_model_review`).

A remark is placed where its quote occurs in the reviewed code; one without such a place is dropped. Answers are treated
as text only: a fix is an edit of the quoted place, which only the gate can apply. Start at `review_by_model`.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents import prompting, related_code
from agents.edits import Edit
from agents.findings import Finding, Fix, Layer, Severity
from agents.markdown import hide_addresses
from agents.pieces import Piece
from agents.reviewer.chat_review import small_model_review
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax
from models.chat import ChatRequest
from models.structured_answers import ask_structured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from indexing.index import Index
    from indexing.syntax.documents import Document
    from models.chat import ChatModel

logger = logging.getLogger(__name__)

PROMPTS = ("review", "verify", *small_model_review.PROMPTS)
ANSWER_TOKENS = 1500
VERDICT_TOKENS = 500
MOST_REMARKS = 5  # of one function; more are mostly noise
LONGEST_MESSAGE = 600  # characters
_SPARE_TOKENS = 1500  # for the prompt's text and the schema

Kind = Literal["logic", "boundary", "interface", "errors", "resources", "concurrency", "security", "performance"]
Text = Annotated[str, Field(max_length=4000)]


class Remark(BaseModel):
    """A mistake as the model reports it."""

    model_config = ConfigDict(extra="forbid")

    quote: Text
    problem: Text
    reason: Text
    kind: Kind
    severity: Literal["warning", "information"]
    confidence: float
    replacement: Text


class Remarks(BaseModel):
    """The model's answer to the request for mistakes."""

    model_config = ConfigDict(extra="forbid")

    remarks: list[Remark]


class Judgement(BaseModel):
    """The model's answer to the request to confirm one remark."""

    model_config = ConfigDict(extra="forbid")

    steps: Text
    right: bool


def review_by_model(  # noqa: PLR0913 (what it needs)
    document: Document,
    spans: Sequence[Span],
    chat: ChatModel,
    index: Index,
    cancelled: Callable[[], bool],
    *,
    small: bool = False,
) -> tuple[Finding, ...]:
    """Return the mistakes that the model reports in `spans` and confirms, up to `MOST_REMARKS` in each; blocking.

    Functions that are too long for the model are skipped.

    Args:
        document: the text in its current state; nothing of it is sent if the exclusion rules keep it from models.
        spans: the changed functions.
        chat: the model.
        index: finds callers and callees, and applies the exclusion rules.
        cancelled: called many times a second; the review ends as soon as it returns True.
        small: whether the model is asked plain questions, because it is too small to keep to a schema.

    Raises:
        models.chat.ChatError: the model did not answer.
    """
    if index.find_withholding_reason(document):
        return ()
    syntax = Syntax.of(document)
    found: list[Finding] = []
    for span in spans:
        if cancelled():
            break
        found += _review_piece(Piece(document, syntax, span), chat, index, cancelled, small=small)
    return tuple(found)


def _review_piece(
    piece: Piece, chat: ChatModel, index: Index, cancelled: Callable[[], bool], *, small: bool
) -> Iterator[Finding]:
    """Ask the model about one function and yield the findings that it confirms, at most `MOST_REMARKS`.

    Yields none if the function is too long.
    """
    if small:
        for one in small_model_review.review_by_small_model(piece, chat, index, cancelled):
            yield _build_small_model_finding(piece, one)
        return
    room = chat.context_tokens - ANSWER_TOKENS - _SPARE_TOKENS
    if chat.count_tokens(piece.text) > room:
        logger.info("a function is too long for the chat model", extra={"characters": len(piece.text)})
        return
    context = related_code.collect(piece, index, lambda more: chat.count_tokens(piece.text + more) <= room)
    code = prompting.fence(piece.text, piece.title)
    shown = {"language": piece.document.language, "code": code, "context": context}
    request = ChatRequest(prompting.build_messages("review", **shown), max_tokens=ANSWER_TOKENS)
    remarks = ask_structured(chat, request, Remarks, cancelled=cancelled).value
    reported = remarks.remarks if remarks is not None else []
    placed = [
        (remark, place) for remark in reported[:MOST_REMARKS] if (place := locate_quote(remark.quote, piece.text))
    ]
    confirmed = 0
    for remark, place in placed:
        if _is_confirmed(remark, shown, chat, cancelled):
            confirmed += 1
            yield _build_finding(piece, remark, place)
    logger.info("chat model reviewed", extra={"remarks": len(reported), "placed": len(placed), "confirmed": confirmed})


def _is_confirmed(remark: Remark, shown: dict[str, str], chat: ChatModel, cancelled: Callable[[], bool]) -> bool:
    """Return whether the model, asked once more, says that the remark is right."""
    claim = prompting.fence(f"{remark.quote}\n\n{remark.problem} {remark.reason}")
    request = ChatRequest(prompting.build_messages("verify", **shown, remark=claim), max_tokens=VERDICT_TOKENS)
    judgement = ask_structured(chat, request, Judgement, cancelled=cancelled).value
    return judgement is not None and judgement.right


def locate_quote(quote: str, text: str) -> Span | None:
    """Return the span of the first exact copy of `quote` in `text`, else of the first copy with other white space.

    The span has no white space at its ends. Returns None if there is no copy, or `quote` has no letter or digit.
    """
    quote = quote.strip("\r\n")
    if not re.search(r"\w", quote):
        return None
    at = text.find(quote)
    if at < 0:
        lines = [line.split() for line in quote.splitlines() if line.strip()]
        written = r"[^\S\n]*\n(?:[^\S\n]*\n)*[^\S\n]*".join(r"[^\S\n]+".join(map(re.escape, words)) for words in lines)
        found = re.search(rf"(?<!\w){written}(?!\w)", text)
        return Span(*found.span()) if found else None
    start = at + len(quote) - len(quote.lstrip())
    return Span(start, at + len(quote.rstrip()))


def _build_finding(piece: Piece, remark: Remark, place: Span) -> Finding:
    """Return the finding for a remark about `place`, a span in the text of `piece`."""
    start = piece.span.start
    return Finding(
        code=f"model-{remark.kind}",
        severity=Severity(remark.severity),  # never an error, because it is an opinion
        span=Span(start + place.start, start + place.end),
        message=_make_message(f"{remark.problem} {remark.reason}"),
        layer=Layer.MODEL,
        confidence=min(1.0, max(0.0, remark.confidence)),
        fix=_build_fix(piece, remark.replacement, place),
    )


def _build_small_model_finding(piece: Piece, confirmed: small_model_review.ConfirmedClaim) -> Finding:
    """Return the finding for a claim that a small model made and confirmed."""
    start, description = piece.span.start, confirmed.description or "This line looks wrong."
    return Finding(
        code="model-logic",
        severity=Severity.INFORMATION,
        span=Span(start + confirmed.place.start, start + confirmed.place.end),
        message=_make_message(description[:1].upper() + description[1:]),
        layer=Layer.MODEL,
        confidence=small_model_review.CONFIDENCE,
        fix=_build_fix(piece, confirmed.replacement, confirmed.place),
    )


def _build_fix(piece: Piece, replacement: str, place: Span) -> Fix | None:
    """Return a fix that puts `replacement` at `place`, a span in the text of `piece`.

    Returns None if the replacement is blank, changes nothing or adds a syntax error.
    """
    quoted = piece.text[place.start : place.end]
    written = replacement.strip("\r\n").rstrip()
    if written.startswith(indent := _get_indent_before(piece.text, place.start)):
        written = written[len(indent) :]
    if not written.strip() or written.strip() == quoted.strip():
        return None
    if "\r\n" in piece.document.text:
        written = written.replace("\r\n", "\n").replace("\n", "\r\n")
    edit = Edit(piece.span.start + place.start, piece.span.start + place.end, written)
    after = piece.syntax.replace_text(edit.start, edit.end, edit.text)
    if piece.syntax.available and (not after.available or after.count_errors() > piece.syntax.count_errors()):
        return None
    return Fix("Replace with the chat model's version", (edit,))


def _get_indent_before(text: str, start: int) -> str:
    """Return the white space between the start of the line and `start`, "" if there is other text."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return "" if line.strip() else line


def _make_message(text: str) -> str:
    """Return the model's sentences on one line, with web addresses hidden, cut to `LONGEST_MESSAGE` characters."""
    message = hide_addresses(" ".join("".join(each if each.isprintable() else " " for each in text).split()))
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
