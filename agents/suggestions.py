"""Suggestions of code at a cursor, and the answer that holds them. Offsets are code points. Start at `Completion`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Trigger(StrEnum):
    """What made the editor ask."""

    AUTOMATIC = "automatic"  # typing; only what is sure enough is shown
    INVOKED = "invoked"  # a person asked; everything is shown, alternatives too


class Origin(StrEnum):
    """Where a suggestion came from."""

    REUSE = "reuse"  # the rest of what was suggested before
    RECALL = "recall"  # written elsewhere in this workspace
    DRAFT = "draft"  # recalled, and judged by the model in one pass
    MODEL = "model"  # decoded by the model


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One completion.

    Attributes:
        id: identity for reporting that it was shown or accepted.
        text: what to insert; replaces [start, end) of the document.
        start: code-point offset, at or before the cursor.
        end: code-point offset, at or behind the cursor; text to the right that the suggestion already contains.
        origin: how it was made.
        confidence: estimated probability that the next line is right, 0 to 1.
        model: name of the model that made or judged it, "" for none.
    """

    id: str
    text: str
    start: int
    end: int
    origin: Origin
    confidence: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to one request.

    Attributes:
        suggestions: best first; empty when there is nothing worth showing.
        why_empty: one word for log and statistics ("excluded", "mid-line", "unsure", "cancelled", ...), "" otherwise.
        model_ms: time the model computed, milliseconds.
        total_ms: time from the call to the answer, milliseconds.
    """

    suggestions: tuple[Suggestion, ...]
    why_empty: str = ""
    model_ms: float = 0.0
    total_ms: float = 0.0
