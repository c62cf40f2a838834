"""A question in words: the document that shows what would be done, the one line that asks, the answers to choose from.

The same for editors and terminals. What an agent wrote (title, reason) is data: it stays on its line and cannot pass
for another part of the question. Start at `document` and `answers`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from server.gate.policy import RULES
from server.gate.ports import Answer

if TYPE_CHECKING:
    from server.gate.ports import Question

SHOW = "Show the changes"
REJECT = "Reject"
LONGEST = 300  # characters of a line that asks; a message box takes no more
LINES_IN_MESSAGE = 40  # of a diff; what is longer fills the screen, and the answers are below it
SPACES = re.compile(r"\s+")


def answers(question: Question, *, showing: bool = False) -> dict[str, Answer | None]:
    """What may be answered, by the words to choose it with; the first is the yes, None is to be shown it again."""
    yes = "Apply" if question.proposal is not None else "Run"
    remembered = {f"{yes}, and the rest of this task": Answer.APPROVE_TASK} if question.may_remember else {}
    shown = {SHOW: None} if showing else {}
    return {yes: Answer.APPROVE, **remembered, **shown, REJECT: Answer.REJECT}


def name(question: Question) -> str:
    """What its document is called: what a person knows it by, and what makes it one of its kind."""
    return f"{_one_line(question.title)[:40]} {question.id[:8]}"


def line(question: Question) -> str:
    """What is asked, on one line."""
    sentences = [f"{_one_line(question.title).rstrip('.')}?", *map(_one_line, question.warnings)]
    asked = " ".join(sentences)
    return f"Starling: {asked if len(asked) <= LONGEST else asked[: LONGEST - 1] + '…'}"


def head(question: Question) -> str:
    """What would be done, who proposes it, why, and what has to be known, a line each."""
    lines = [_one_line(question.title), f"Proposed by {_one_line(question.by)}: {_one_line(question.why)}"]
    if question.proposal is not None:
        lines += map(_one_line, question.proposal.notes)
        lines += [f"Written by {question.proposal.model}"] if question.proposal.model else []
    return "\n".join([*lines, *(f"Warning: {_one_line(warning)}" for warning in question.warnings)])


def document(question: Question) -> str:
    """All there is to read before the answer: the head and the whole diff."""
    return f"{head(question)}\n\n{question.diff.rstrip()}\n"


def is_serious(question: Question) -> bool:
    """Whether it has to be read with care: something goes for good, or runs, or may be wrong."""
    return bool(question.warnings) or RULES[question.tool.risk].serious


def is_long(question: Question) -> bool:
    """Whether the diff is too long for a message box."""
    return question.diff.rstrip().count("\n") >= LINES_IN_MESSAGE


def with_diff(question: Question, *, elsewhere: str = "") -> str:
    """The question with its diff; a long one is cut where the whole is somewhere else."""
    lines = question.diff.rstrip().split("\n")
    if elsewhere and is_long(question):
        more = len(lines) - LINES_IN_MESSAGE
        lines = [*lines[:LINES_IN_MESSAGE], f"({more} more lines, in {elsewhere})"]
    return "\n".join([line(question), *head(question).split("\n")[1:], "", *lines])


def plain(text: str) -> str:
    """`text` as it may stand in a message box: what is neither a character nor white space is shown as U+FFFD."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _one_line(text: str) -> str:
    return SPACES.sub(" ", "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text)).strip()
