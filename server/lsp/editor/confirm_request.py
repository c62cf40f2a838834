"""The request `starling/confirm`: its parameters and its answer.

It is sent to clients that declare `{"starling": {"confirm": true}}` in `experimental` and that show a proposal in
their own view, with the full text of each file before and after. A client that also declares `"permit": true` gets
questions about commands, which have no files. The client answers `{"answer": TITLE}` with one of the titles offered, or
null for a rejection. A client that declares `"hunks": true` gets the parts of each file, and may answer with
`"hunks": [IDS]` which of them are taken; without it, all are. Sends nothing. Start at `build_params`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from server.gate.ports import Answer, TakenParts
from server.gate.question import wording
from server.gate.question.printing import replace_unprintable

if TYPE_CHECKING:
    from agents.edits import Change
    from server.gate.hunks import Hunk
    from server.gate.ports import Question

CONFIRM = "starling/confirm"
_MISSING = object()


def build_params(question: Question, *, chooses: bool = False) -> dict[str, Any]:
    """Return the parameters of `starling/confirm` as JSON.

    A question about a command has no files; its `detail` contains the command. With `chooses`, each file also has
    `hunks`: the parts that a person may take or leave.
    """
    changes = question.proposal.changes if question.proposal is not None else ()
    detail = wording.format_head(question) if changes else wording.format_document(question).rstrip()
    return {
        "id": question.id,
        "title": wording.format_line(question),
        "detail": replace_unprintable(detail),
        "serious": wording.is_serious(question),
        "answers": list(wording.list_answers(question)),
        "files": [
            {**_describe_change(change), **({"hunks": _list_hunks(question, number)} if chooses else {})}
            for number, change in enumerate(changes)
        ],
    }


def parse_answer(question: Question, answer: object) -> Answer | TakenParts:
    """Return the person's decision from the client's JSON `answer`.

    Null and a title that was not offered are a rejection; JSON of any other form is `UNABLE`, for no person gave it.
    If the client names parts and these are not all parts, they are returned as `TakenParts`, also if the title stands
    for an approval of the whole task.
    """
    if answer is None:
        return Answer.REJECT
    chosen = _get_field(answer, "answer")
    if not isinstance(chosen, str):
        return Answer.UNABLE
    decided = wording.list_answers(question).get(chosen) or Answer.REJECT
    taken = _get_field(answer, "hunks")
    if taken is _MISSING or decided is Answer.REJECT:
        return decided
    if not isinstance(taken, list) or not all(isinstance(one, str) for one in taken):
        return Answer.UNABLE
    offered = {one.id for one in question.hunks}
    return decided if offered and offered == set(taken) else TakenParts(frozenset(taken))


def _get_field(answer: object, name: str) -> object:
    """Return a field of the client's answer, a dict or an object; `_MISSING` if there is no such field."""
    return answer.get(name, _MISSING) if isinstance(answer, dict) else getattr(answer, name, _MISSING)


def _list_hunks(question: Question, number: int) -> list[dict[str, Any]]:
    """Return the parts of the file with the index `number` as JSON; [] if the proposal is asked as a whole."""
    return [_describe_hunk(one) for one in question.hunks if one.change == number]


def _describe_hunk(hunk: Hunk) -> dict[str, Any]:
    """Return a part of a file as JSON."""
    return {
        "id": hunk.id,
        "before": list(hunk.before),
        "after": list(hunk.after),
        "header": hunk.header,
        "lines": list(hunk.lines),
    }


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
    """Return one file of the request, without a new URI."""
    return {"action": action, "uri": uri, "target": "", "before": before, "after": after}
