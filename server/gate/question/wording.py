"""The wording of questions: titles, lines, warnings and answers, for editors and terminals alike.

What Starling itself says in a question stands here; the title and the reason of a task's proposal come from the task.
Both are data: an agent's text stays on its line, so that it cannot pass for another part of the question. Start at
`phrase_document` and `list_answers`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.edits import DeleteFile
from server.gate.policy import RULES
from server.gate.ports import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.gate.ports import Question

APPLY = "Apply"
RUN = "Run"
REST_OF_TASK = "and the rest of this task"
SHOW = "Show the changes"
REJECT = "Reject"
UNDO_WHY = "You asked for it."
TRIAL_WHY = "This runs the workspace's own code, to see whether the test passes before anything is proposed."
LONGEST = 300  # characters of the one-line question; message boxes show no more
LINES_IN_MESSAGE = 40  # of a diff; a longer one would push the answers off the screen
SPACES = re.compile(r"\s+")


def list_answers(question: Question, *, showing: bool = False) -> dict[str, Answer | None]:
    """Return the answers by their words, the yes first.

    With `showing` there is one more choice, whose value is None: to show the changes again and then choose.
    """
    yes = APPLY if question.proposal is not None else RUN
    remembered = {f"{yes}, {REST_OF_TASK}": Answer.APPROVE_TASK} if question.may_remember else {}
    shown = {SHOW: None} if showing else {}
    return {yes: Answer.APPROVE, **remembered, **shown, REJECT: Answer.REJECT}


def title_undo(title: str) -> str:
    """Return the title of the question that undoes the change with the title `title`."""
    return f"Undo: {title}"


def explain_undo(newer: Sequence[tuple[str, str]]) -> str:
    """Return the reason for an undo; `newer` are newer changes that cannot be undone: their titles and obstacles."""
    return " ".join((UNDO_WHY, *(f"{title!r} is newer: {obstacle}" for title, obstacle in newer)))


def title_trial(folder: str) -> str:
    """Return the title of the question before one test of the workspace folder `folder` is run on a copy."""
    return f"Run a test of {folder}"


def describe_trial(command: str, folder: str, times: int, seconds: float) -> str:
    """Return the text of that question: the `command`, the `folder`, and the limits of the runs."""
    repeats = f", up to {times} times" if times > 1 else ""
    return f"{command}\n\nin a copy of {folder}{repeats}, for at most {seconds} seconds each"


def title_test_run(folder: str) -> str:
    """Return the title of the question before all tests of the workspace folder `folder` are run."""
    return f"Run the tests of {folder}"


def describe_test_run(command: str, folder: str, seconds: float) -> str:
    """Return the text of that question: the `command`, the `folder`, and the time limit."""
    return f"{command}\n\nin {folder}, for at most {seconds} seconds"


def explain_test_run(*, measures: bool) -> str:
    """Return the reason for that question; `measures` is whether the run measures coverage."""
    return f"This runs the workspace's own code{' and measures which lines it reaches' if measures else ''}."


def warn_of_syntax(file: str, line: int) -> str:
    """Return the warning that a change breaks the syntax of `file` in `line`, from 1."""
    return f"{file} would no longer parse: line {line}."


def warn_of_deletion(question: Question) -> str:
    """Return which files the change deletes, "" if it deletes none."""
    changes = question.proposal.changes if question.proposal is not None else ()
    names = [change.path.name for change in changes if isinstance(change, DeleteFile)]
    return f"This deletes {' and '.join(names) if len(names) < 3 else f'{len(names)} files'}." if names else ""


def name_document(question: Question) -> str:
    """Return the name of the document that shows the question: its title, and its id to make the name unique."""
    return f"{_flatten(question.title)[:40]} {question.id[:8]}"


def phrase_line(question: Question) -> str:
    """Return the question with its warnings on one line of at most `LONGEST` characters."""
    sentences = [f"{_flatten(question.title).rstrip('.')}?", warn_of_deletion(question), *question.warnings]
    asked = " ".join(filter(None, map(_flatten, sentences)))
    return f"Starling: {asked if len(asked) <= LONGEST else asked[: LONGEST - 1] + '…'}"


def phrase_head(question: Question) -> str:
    """Return the title, the proposer and the reason, notes, the model and the warnings, one line each."""
    lines = [_flatten(question.title), f"Proposed by {_flatten(question.by)}: {_flatten(question.why)}"]
    if question.proposal is not None:
        lines += map(_flatten, question.proposal.notes)
        lines += [f"Written by {question.proposal.model}"] if question.proposal.model else []
    warnings = filter(None, (warn_of_deletion(question), *question.warnings))
    return "\n".join([*lines, *(f"Warning: {_flatten(warning)}" for warning in warnings)])


def phrase_document(question: Question) -> str:
    """Return the whole text to read before the answer: the head and the diff."""
    return f"{phrase_head(question)}\n\n{question.diff.rstrip()}\n"


def is_serious(question: Question) -> bool:
    """Whether the question is shown as a warning: it has warnings, or its risk says so (deleting, running)."""
    return bool(question.warnings) or RULES[question.tool.risk].serious


def is_long(question: Question) -> bool:
    """Whether the diff is too long for a message box."""
    return question.diff.rstrip().count("\n") >= LINES_IN_MESSAGE


def phrase_with_diff(question: Question, *, elsewhere: str = "") -> str:
    """Return the question with its diff, for a message box.

    A long diff is cut after `LINES_IN_MESSAGE` lines if the whole can be read `elsewhere` (a path).
    """
    lines = question.diff.rstrip().split("\n")
    if elsewhere and is_long(question):
        more = len(lines) - LINES_IN_MESSAGE
        lines = [*lines[:LINES_IN_MESSAGE], f"({more} more lines, in {elsewhere})"]
    return "\n".join([phrase_line(question), *phrase_head(question).split("\n")[1:], "", *lines])


def replace_unprintable(text: str) -> str:
    """Return `text` for a message box: characters that are neither printable nor tab or newline become U+FFFD."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _flatten(text: str) -> str:
    """Return `text` on one line, with single spaces and without unprintable characters."""
    return SPACES.sub(" ", "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text)).strip()
