"""The wording of questions: titles, reasons, warnings and answers, for editors and terminals alike.

The title and reason of a task's proposal are written by an agent: line breaks in them are replaced, so that they cannot
imitate another part of the question. Start at `format_document` and `list_answers`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.edits import DeleteFile
from server.gate.policy import RULES
from server.gate.ports import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.ports.commands import Isolation
    from server.gate.ports import Question

APPLY = "Apply"
RUN = "Run"
REST_OF_TASK = "and the rest of this task"
SHOW = "Show the changes"
CHOOSE = "Choose parts"
REJECT = "Reject"
UNDO_WHY = "You asked for it."
TRIAL_WHY = "This runs the workspace's own code, to see whether the test passes before anything is proposed."
LONGEST = 300  # characters of the one-line question; message boxes show no more
MOST_LEFT = 20  # files of which a sentence names the parts that were left out
LINES_IN_MESSAGE = 40  # of a diff; a longer one would push the answers off the screen
SPACES = re.compile(r"\s+")


def list_answers(question: Question, *, showing: bool = False) -> dict[str, Answer | None]:
    """Return the answers that are offered, keyed by their labels; approval comes first.

    With `showing`, also offers to show the changes; the value of that choice is None, because it is no answer.
    """
    yes = APPLY if question.proposal is not None else RUN
    remembered = {f"{yes}, {REST_OF_TASK}": Answer.APPROVE_TASK} if question.may_remember else {}
    shown = {SHOW: None} if showing else {}
    return {yes: Answer.APPROVE, **remembered, **shown, REJECT: Answer.REJECT}


def make_undo_title(title: str) -> str:
    """Return the title of the question about undoing the change with the title `title`."""
    return f"Undo: {title}"


def explain_undo(newer: Sequence[tuple[str, str]]) -> str:
    """Return the reason for an undo, which names newer changes that cannot be undone.

    `newer` has the title of each of them, and why it cannot be undone.
    """
    return " ".join((UNDO_WHY, *(f"{title!r} is newer: {obstacle}" for title, obstacle in newer)))


def make_trial_title(folder: str) -> str:
    """Return the title of the question that asks to run one test in a copy of the workspace folder `folder`."""
    return f"Run a test of {folder}"


def describe_trial(command: str, folder: str, times: int, timeout_s: float) -> str:
    """Return the text of the question that asks to run `command` in a copy of `folder`.

    It names the most runs (`times`) and the time limit of each run (`timeout_s`).
    """
    repeats = f", up to {times} times" if times > 1 else ""
    return f"{command}\n\nin a copy of {folder}{repeats}, for at most {timeout_s} seconds each"


def make_test_run_title(folder: str) -> str:
    """Return the title of the question that asks to run all tests of the workspace folder `folder`."""
    return f"Run the tests of {folder}"


def describe_test_run(command: str, folder: str, timeout_s: float) -> str:
    """Return the text of the question that asks to run `command` in `folder`, with the time limit in seconds."""
    return f"{command}\n\nin {folder}, for at most {timeout_s} seconds"


def explain_test_run(*, measures: bool) -> str:
    """Return the reason for running the tests; `measures` tells whether the run also measures coverage."""
    return f"This runs the workspace's own code{' and measures which lines it reaches' if measures else ''}."


def describe_taken_parts(taken: int, offered: int, left_out: Sequence[str]) -> str:
    """Return a message: how many of the `offered` parts were `taken`, and which were not.

    `left_out` has a phrase for each file with parts that were left out; up to `MOST_LEFT` of them are named.
    """
    more = f"; and parts of {len(left_out) - MOST_LEFT} more files" if len(left_out) > MOST_LEFT else ""
    return f"{taken} of {offered} parts were taken. Left out: {'; '.join(left_out[:MOST_LEFT])}{more}."


def make_syntax_warning(file: str, line: int) -> str:
    """Return the warning that a change breaks the syntax of `file` at the line number `line`."""
    return f"{file} would no longer parse: line {line}."


_ASKED = (
    ("network", "The command may use the network."),
    ("credentials", "The command may use your keys and logins."),
)


def list_isolation_warnings(isolation: Isolation | None) -> tuple[str, ...]:
    """Return warnings about a command: what the system cannot keep it from, and the network or logins it asked for.

    The first leaves out what the command asked for. () without either, or if no command runs (`isolation` is None).
    """
    if isolation is None:
        return ()
    gaps = [
        words
        for is_closed, words in (
            (isolation.confines_writes, "changing files outside of the workspace"),
            (isolation.protects_repository or "repository" in isolation.requested, "changing the repository (.git)"),
            (
                isolation.hides_secrets or "credentials" in isolation.requested,
                "reading your secrets and excluded files",
            ),
            (isolation.blocks_network or "network" in isolation.requested, "using the network"),
        )
        if not is_closed
    ]
    asks = [sentence for name, sentence in _ASKED if name in isolation.requested]
    return (*((f"This system cannot keep the command from {_join(gaps)}.",) if gaps else ()), *asks)


def _join(words: Sequence[str]) -> str:
    """Return `words` as an enumeration that ends with "or"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def make_deletion_warning(question: Question) -> str:
    """Return the warning that the change deletes files, with their names if they are few; "" if it deletes none."""
    changes = question.proposal.changes if question.proposal is not None else ()
    names = [change.path.name for change in changes if isinstance(change, DeleteFile)]
    return f"This deletes {' and '.join(names) if len(names) < 3 else f'{len(names)} files'}." if names else ""


def make_document_name(question: Question) -> str:
    """Return a unique name for the document that shows the question: the start of its title and of its id."""
    return f"{_flatten(question.title)[:40]} {question.id[:8]}"


def format_line(question: Question) -> str:
    """Return the title and the warnings as one line, cut after about `LONGEST` characters."""
    sentences = [f"{_flatten(question.title).rstrip('.')}?", make_deletion_warning(question), *question.warnings]
    asked = " ".join(filter(None, map(_flatten, sentences)))
    return f"Starling: {asked if len(asked) <= LONGEST else asked[: LONGEST - 1] + '…'}"


def format_head(question: Question) -> str:
    """Return the lines above the diff: title, proposer with reason, notes, model and warnings."""
    lines = [_flatten(question.title), f"Proposed by {_flatten(question.by)}: {_flatten(question.why)}"]
    if question.proposal is not None:
        lines += map(_flatten, question.proposal.notes)
        lines += [f"Written by {question.proposal.model}"] if question.proposal.model else []
    warnings = filter(None, (make_deletion_warning(question), *question.warnings))
    return "\n".join([*lines, *(f"Warning: {_flatten(warning)}" for warning in warnings)])


def format_document(question: Question) -> str:
    """Return the full text of the question for a document: the lines of `format_head`, and the diff."""
    return f"{format_head(question)}\n\n{question.diff.rstrip()}\n"


def is_serious(question: Question) -> bool:
    """Return whether the question is shown as a warning: it has warnings, or the tool's risk is critical."""
    return bool(question.warnings) or RULES[question.tool.risk].serious


def is_long(question: Question) -> bool:
    """Return whether the diff has more than `LINES_IN_MESSAGE` lines, too many for a message box."""
    return question.diff.rstrip().count("\n") >= LINES_IN_MESSAGE


def format_with_diff(question: Question, *, elsewhere: str = "") -> str:
    """Return the question with its diff, for a message box.

    If the full diff is in the file `elsewhere`, a long diff is cut after `LINES_IN_MESSAGE` lines.
    """
    lines = question.diff.rstrip().split("\n")
    if elsewhere and is_long(question):
        more = len(lines) - LINES_IN_MESSAGE
        lines = [*lines[:LINES_IN_MESSAGE], f"({more} more lines, in {elsewhere})"]
    return "\n".join([format_line(question), *format_head(question).split("\n")[1:], "", *lines])


def _flatten(text: str) -> str:
    """Return `text` on one line with single spaces, and with U+FFFD for each unprintable character."""
    return SPACES.sub(" ", "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text)).strip()
