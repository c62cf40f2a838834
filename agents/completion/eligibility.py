"""The rules for places where nothing is suggested, applied before any other work.

Never looks at what could be suggested; that is `polish`. Start at `find_refusal`.
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

# What may stand right of the cursor: what editors close by themselves, then at most one mark that ends the line.
# Copilot's rule (its client's `isValidMiddleOfTheLinePosition`).
_CLOSED_BY_EDITOR = re.compile(r"\s*[)>}\]\"'`]*\s*[:{;,]?\s*\Z")


def find_refusal(
    cursor: Cursor, *, trigger: Trigger, policy: CompletionPolicy, withheld: Callable[[Document], str]
) -> str:
    """Return why nothing is offered here, in one word; "" when something may be."""
    document = cursor.document
    if len(document.text) > policy.longest_document:
        return "too-large"
    if withheld(document):
        return "excluded"
    if len(cursor.before) + len(cursor.after) > policy.longest_line:
        return "long-line"
    if cursor.splits_line_ending:
        return "mid-line"
    return _place_refusal(cursor, trigger)


def _place_refusal(cursor: Cursor, trigger: Trigger) -> str:
    if cursor.word and cursor.after[:1].isidentifier():
        return "mid-word"
    if trigger is Trigger.AUTOMATIC and not _CLOSED_BY_EDITOR.match(cursor.after):
        return "mid-line"
    return ""
