"""The third layer: a chat model reads what changed, and is asked once more whether each of its remarks is right.

A model whose name says that it is small (`models.catalog.sizes`) answers plain questions
(`agents.reviewer.chat_review.small_model_review`), any other one by a schema.

A remark stands where its quote stands in the reviewed code; one whose quote is not there is dropped, whatever the model
says of lines. Nothing in an answer is more than text: a fix is an edit of the quoted place, which only the gate makes.
Start at `review_by_model`.
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
from models.catalog import sizes
from models.chat import ChatRequest
from models.structured_answers import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from indexing.index import Index
    from indexing.syntax.documents import Document
    from models.chat import ChatModel

logger = logging.getLogger(__name__)

PROMPTS = ("review", "verify", *small_model_review.PROMPTS)
ANSWER_TOKENS = 1500
VERDICT_TOKENS = 500
MOST_REMARKS = 5  # of one function; a longer list is noise
LONGEST_MESSAGE = 600  # characters
_SPARE_TOKENS = 1500  # for the prompt's own words and the schema

Kind = Literal["logic", "boundary", "interface", "errors", "resources", "concurrency", "security", "performance"]
Text = Annotated[str, Field(max_length=4000)]


class Remark(BaseModel):
    """One mistake, as the model reports it."""

    model_config = ConfigDict(extra="forbid")

    quote: Text
    problem: Text
    reason: Text
    kind: Kind
    severity: Literal["warning", "information"]
    confidence: float
    replacement: Text


class Remarks(BaseModel):
    """The answer to the first question."""

    model_config = ConfigDict(extra="forbid")

    remarks: list[Remark]


class Judgement(BaseModel):
    """The answer to the second question."""

    model_config = ConfigDict(extra="forbid")

    steps: Text
    right: bool


def review_by_model(
    document: Document, spans: Sequence[Span], chat: ChatModel, index: Index, cancelled: Callable[[], bool]
) -> tuple[Finding, ...]:
    """What the model finds in each of `spans`, and stands by when asked again; blocking.

    Args:
        document: the text as it stands; nothing of it is sent when the exclusion filter keeps it from models.
        spans: the changed functions.
        chat: who is asked.
        index: for callers and callees, and for the filter.
        cancelled: asked many times a second.

    Raises:
        models.chat.ChatError: the model did not answer.
    """
    if index.withheld(document):
        return ()
    syntax = Syntax.of(document)
    found: list[Finding] = []
    for span in spans:
        if cancelled():
            break
        found += _reviewed(Piece(document, syntax, span), chat, index, cancelled)
    return tuple(found)


def _reviewed(piece: Piece, chat: ChatModel, index: Index, cancelled: Callable[[], bool]) -> Iterator[Finding]:
    if sizes.is_small(chat.name):
        for one in small_model_review.plainly_reviewed(piece, chat, index, cancelled):
            yield _plain_finding(piece, one)
        return
    room = chat.context_tokens - ANSWER_TOKENS - _SPARE_TOKENS
    if chat.count_tokens(piece.text) > room:
        logger.info("a function is too long for the chat model", extra={"characters": len(piece.text)})
        return
    context = related_code.collect(piece, index, lambda more: chat.count_tokens(piece.text + more) <= room)
    code = prompting.fence(piece.text, piece.title)
    shown = {"language": piece.document.language, "code": code, "context": context}
    request = ChatRequest(prompting.build_messages("review", **shown), max_tokens=ANSWER_TOKENS)
    remarks = ask(chat, request, Remarks, cancelled=cancelled).value
    said = remarks.remarks if remarks is not None else []
    placed = [(remark, place) for remark in said[:MOST_REMARKS] if (place := placed_at(remark.quote, piece.text))]
    stood = 0
    for remark, place in placed:
        if _stands(remark, shown, chat, cancelled):
            stood += 1
            yield _finding(piece, remark, place)
    logger.info("chat model reviewed", extra={"remarks": len(said), "placed": len(placed), "stood": stood})


def _stands(remark: Remark, shown: dict[str, str], chat: ChatModel, cancelled: Callable[[], bool]) -> bool:
    """Whether the model, asked once more, says that the remark is right."""
    claim = prompting.fence(f"{remark.quote}\n\n{remark.problem} {remark.reason}")
    request = ChatRequest(prompting.build_messages("verify", **shown, remark=claim), max_tokens=VERDICT_TOKENS)
    judgement = ask(chat, request, Judgement, cancelled=cancelled).value
    return judgement is not None and judgement.right


def placed_at(quote: str, text: str) -> Span | None:
    """Where `quote` stands in `text`: as it is, else line by line whatever the space around and within them.

    None when it does not, or says nothing that code could be found by.
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


def _finding(piece: Piece, remark: Remark, place: Span) -> Finding:
    start = piece.span.start
    return Finding(
        code=f"model-{remark.kind}",
        severity=Severity(remark.severity),  # never an error: it is an opinion, though twice asked
        span=Span(start + place.start, start + place.end),
        message=_sentence(f"{remark.problem} {remark.reason}"),
        layer=Layer.MODEL,
        confidence=min(1.0, max(0.0, remark.confidence)),
        fix=_fix(piece, remark.replacement, place),
    )


def _plain_finding(piece: Piece, stood: small_model_review.Stood) -> Finding:
    start, said = piece.span.start, stood.said or "This line looks wrong."
    return Finding(
        code="model-logic",
        severity=Severity.INFORMATION,
        span=Span(start + stood.place.start, start + stood.place.end),
        message=_sentence(said[:1].upper() + said[1:]),
        layer=Layer.MODEL,
        confidence=small_model_review.CONFIDENCE,
        fix=_fix(piece, stood.replacement, stood.place),
    )


def _fix(piece: Piece, replacement: str, place: Span) -> Fix | None:
    """Return the replacement as a fix, where it changes something and the text still parses as it did."""
    quoted = piece.text[place.start : place.end]
    written = replacement.strip("\r\n").rstrip()
    if written.startswith(indent := _indent_before(piece.text, place.start)):
        written = written[len(indent) :]
    if not written.strip() or written.strip() == quoted.strip():
        return None
    if "\r\n" in piece.document.text:
        written = written.replace("\r\n", "\n").replace("\n", "\r\n")
    edit = Edit(piece.span.start + place.start, piece.span.start + place.end, written)
    after = piece.syntax.with_text_inserted(edit.start, edit.end, edit.text)
    if piece.syntax.available and (not after.available or after.error_count() > piece.syntax.error_count()):
        return None
    return Fix("Replace it as the chat model suggests", (edit,))


def _indent_before(text: str, start: int) -> str:
    """The white space of the line before a place, where there is nothing else."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return "" if line.strip() else line


def _sentence(text: str) -> str:
    """What the model says, on one line, as plain text of bounded length."""
    said = hide_addresses(" ".join("".join(each if each.isprintable() else " " for each in text).split()))
    return said if len(said) <= LONGEST_MESSAGE else said[: LONGEST_MESSAGE - 1] + "…"
