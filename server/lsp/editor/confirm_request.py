"""The request `starling/confirm`: its parameters and its answer.

It is sent to clients that declare `{"starling": {"confirm": true}}` in `experimental` and that show a proposal in
their own view, with the full text of each file before and after. A client that also declares `"permit": true` gets
questions about commands, which have no files. The client answers `{"answer": TITLE}` with one of the titles offered, or
null for a rejection. Sends nothing. Start at `build_params`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from server.gate.ports import Answer
from server.gate.question import wording

if TYPE_CHECKING:
    from agents.edits import Change
    from server.gate.ports import Question

CONFIRM = "starling/confirm"


def build_params(question: Question) -> dict[str, Any]:
    """Return the parameters of `starling/confirm` as JSON; the detail of a question about a command ends with it."""
    changes = question.proposal.changes if question.proposal is not None else ()
    detail = wording.phrase_head(question) if changes else wording.phrase_document(question).rstrip()
    return {
        "id": question.id,
        "title": wording.phrase_line(question),
        "detail": wording.replace_unprintable(detail),
        "serious": wording.is_serious(question),
        "answers": list(wording.list_answers(question)),
        "files": [_describe_change(change) for change in changes],
    }


def parse_answer(question: Question, answer: object) -> Answer:
    """Return the person's decision from the client's JSON `answer`.

    Null and a title that was not offered are a rejection; JSON of any other form is `UNABLE`, for no person gave it.
    """
    if answer is None:
        return Answer.REJECT
    chosen = answer.get("answer") if isinstance(answer, dict) else getattr(answer, "answer", None)
    if not isinstance(chosen, str):
        return Answer.UNABLE
    return wording.list_answers(question).get(chosen) or Answer.REJECT


def _describe_change(change: Change) -> dict[str, str]:
    """Return one file of the request: action, URI, and the text before and after, or a renamed file's new URI."""
    match change:
        case TextChange():
            return _describe_file("change", change.uri, change.before, change.after)
        case CreateFile():
            return _describe_file("create", change.path.as_uri(), "", change.text)
        case DeleteFile():
            return _describe_file("delete", change.path.as_uri(), change.before, "")
        case RenameFile():
            return {**_describe_file("rename", change.path.as_uri(), "", ""), "target": change.to.as_uri()}


def _describe_file(action: str, uri: str, before: str, after: str) -> dict[str, str]:
    return {"action": action, "uri": uri, "target": "", "before": before, "after": after}
