"""The rules for documents and places without suggestions, applied before any other work.

Start at `find_refusal`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.suggestions import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.completion.completion_policy import CompletionPolicy
    from agents.completion.cursor import Cursor
    from indexing.syntax.documents import Document

# Text that may follow the cursor: closing brackets and quotes, which editors insert by themselves, then at most one
# mark that ends the line. Copilot's rule (its client's `isValidMiddleOfTheLinePosition`).
_CLOSED_BY_EDITOR = re.compile(r"\s*[)>}\]\"'`]*\s*[:{;,]?\s*\Z")


def find_refusal(
    cursor: Cursor, *, trigger: Trigger, policy: CompletionPolicy, find_withholding_reason: Callable[[Document], str]
) -> str:
    """Return the reason, in one word, why there are no suggestions at `cursor`; "" if there may be some.

    `find_withholding_reason` returns why no model may see the document, "" if a model may.
    """
    document = cursor.document
    if len(document.text) > policy.longest_document:
        return "too-large"
    if find_withholding_reason(document):
        return "excluded"
    if len(cursor.before) + len(cursor.after) > policy.longest_line:
        return "long-line"
    if cursor.splits_line_ending:
        return "mid-line"
    return _find_place_refusal(cursor, trigger)


def _find_place_refusal(cursor: Cursor, trigger: Trigger) -> str:
    """Return "mid-word" inside a word, "mid-line" before code while a person types, "" for any other place."""
    if cursor.word and cursor.after[:1].isidentifier():
        return "mid-word"
    if trigger is Trigger.AUTOMATIC and not _CLOSED_BY_EDITOR.match(cursor.after):
        return "mid-line"
    return ""
