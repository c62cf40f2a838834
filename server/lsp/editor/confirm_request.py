"""A question for a client that asks in a view of its own: what is asked, what may be answered, and each text in full.

The request is `starling/confirm`, for clients that declare `{"starling": {"confirm": true}}` in `experimental`; the
answer is `{"answer": TITLE}` with one of the titles offered, or null for a no. Knows no client. Start at `question_of`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from server.gate.ports import Answer
from server.gate.question import wording

if TYPE_CHECKING:
    from agents.edits import Change, ProposedEdit
    from server.gate.ports import Question

CONFIRM = "starling/confirm"


def question_of(question: Question, proposal: ProposedEdit) -> dict[str, Any]:
    """The parameters of the request."""
    return {
        "id": question.id,
        "title": wording.phrase_line(question),
        "detail": wording.phrase_head(question),
        "serious": wording.is_serious(question),
        "answers": list(wording.list_answers(question)),
        "files": [_compared(change) for change in proposal.changes],
    }


def answer_of(question: Question, answer: object) -> Answer:
    """What was chosen. Only what was offered can be a yes; an answer that is none of ours was not given by a person."""
    if answer is None:
        return Answer.REJECT
    chosen = answer.get("answer") if isinstance(answer, dict) else getattr(answer, "answer", None)
    if not isinstance(chosen, str):
        return Answer.UNABLE
    return wording.list_answers(question).get(chosen) or Answer.REJECT


def _compared(change: Change) -> dict[str, str]:
    """One file: what happens to it, and its text before and after."""
    match change:
        case TextChange():
            return _file("change", change.uri, change.before, change.after)
        case CreateFile():
            return _file("create", change.path.as_uri(), "", change.text)
        case DeleteFile():
            return _file("delete", change.path.as_uri(), change.before, "")
        case RenameFile():
            return {**_file("rename", change.path.as_uri(), "", ""), "target": change.to.as_uri()}


def _file(action: str, uri: str, before: str, after: str) -> dict[str, str]:
    return {"action": action, "uri": uri, "target": "", "before": before, "after": after}
