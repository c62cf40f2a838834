"""Suggestions of code at a cursor, and the answer that holds them. Offsets are code points. Start at `Completion`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Trigger(StrEnum):
    """The reason why the editor asked for a completion."""

    AUTOMATIC = "automatic"  # typing; only suggestions of enough confidence are shown
    INVOKED = "invoked"  # a person asked; less certain suggestions and alternatives are shown, too


class Origin(StrEnum):
    """The source of a suggestion."""

    REUSE = "reuse"  # the rest of an earlier suggestion
    RECALL = "recall"  # text that occurs elsewhere in this workspace
    RESOLVED = "resolved"  # a member or arguments that what the names mean allows
    DRAFT = "draft"  # recalled, and judged by the model in one pass
    MODEL = "model"  # decoded by the model
    NEXT_EDIT = "next-edit"  # a next edit in the cursor's line, for editors that show next edits in no other way


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One text that can be inserted at the cursor.

    Attributes:
        id: identity, for reports that it was shown or accepted.
        text: text to insert; replaces [start, end) of the document.
        start: code-point offset, at or before the cursor.
        end: code-point offset, at or after the cursor; covers text right of the cursor that `text` contains too.
        origin: the source of the text.
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
    """The answer to one completion request.

    Attributes:
        suggestions: best first; empty when there is nothing worth showing.
        why_empty: one word for log and statistics ("excluded", "mid-line", "unsure", "cancelled", ...), "" otherwise.
        model_ms: time that the model computed, milliseconds.
        total_ms: time from the call to the answer, milliseconds.
    """

    suggestions: tuple[Suggestion, ...]
    why_empty: str = ""
    model_ms: float = 0.0
    total_ms: float = 0.0
