"""Running one task: what it needs is there, its file may be shown to a model, and its result is what it should be.

Start at `propose` and `offers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.edits import CreateFile, ProposedEdit, TextChange
from agents.tasks.filling import Cancelled
from agents.tasks.task import Needs, Nothing
from agents.tasks.task_registry import TASKS
from models.masking import MARK

if TYPE_CHECKING:
    from agents.tasks.task import Means, Offer, Result, Scene, Task
    from indexing.index import Index
    from indexing.syntax.documents import Document

NO_MODEL = (
    "No completion model is in use; set `model.enabled`, or choose one of `starling models list` with `model.name`."
)
NO_CHAT = "No chat model is configured; set `chat.url` and `chat.model` in your own settings.toml."


def offers(scene: Scene) -> tuple[tuple[Task, Offer], ...]:
    """What applies to a scene, in the order of the registry; quick, by syntax alone."""
    found = ((task, task.offer(scene)) for task in TASKS)
    return tuple((task, offer) for task, offer in found if offer is not None)


def missing(task: Task, means: Means) -> str:
    """Why `task` cannot be done now, "" when it can."""
    if task.needs is Needs.COMPLETION and means.model is None:
        return NO_MODEL
    if task.needs is Needs.CHAT and means.chat is None:
        return NO_CHAT
    return ""


def withheld(task: Task, scene: Scene, means: Means) -> str:
    """Why `task` may not be done with this document, "" when it may: what it needs is missing, or nobody may see it."""
    if why := missing(task, means):
        return why
    return kept_back(scene.document, means.index) if task.needs is not Needs.NOTHING else ""


def kept_back(document: Document, index: Index) -> str:
    """Return a sentence that says why a document is kept from models, "" when it is not."""
    why = index.withheld(document)
    if not why:
        return ""
    named = (document.path, *document.origins) if document.path is not None else document.origins
    name = named[0].name if named else document.uri.rpartition("/")[2]
    explained = next((sentence for path in named if (sentence := index.explain(path))), "")
    return f"{name} is kept from models ({why}){': ' if explained else '.'}{explained}"


def propose(task: Task, scene: Scene, means: Means) -> Result:
    """What `task` makes of the scene; blocking.

    Raises:
        Cancelled: nobody wants it any more.
        models.errors.ModelError: the model is broken or gone.
    """
    if why := withheld(task, scene, means):
        return Nothing(why, unavailable=True)
    result = task.propose(scene, means)
    if means.cancelled():
        raise Cancelled
    if isinstance(result, ProposedEdit) and not result.changes:
        return Nothing("There is nothing to change.")
    if isinstance(result, ProposedEdit) and _holds_mark(result):
        return Nothing("The model wrote a mark in the place of a secret, so nothing was changed; ask again.")
    return result


def _holds_mark(proposal: ProposedEdit) -> bool:
    """Return whether an edit would write what only stands for a secret (`models.masking`)."""
    texts = [change for change in proposal.changes if isinstance(change, TextChange)]
    edited = any(MARK in edit.text and MARK not in change.before for change in texts for edit in change.edits)
    created = any(MARK in change.text for change in proposal.changes if isinstance(change, CreateFile))
    return edited or (created and not any(MARK in change.before for change in texts))
