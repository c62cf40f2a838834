"""The only way to run a task: checks that the task may run, runs it, and checks its result.

A task runs if the model that it needs is configured and models may see the document. Start at `propose` and
`list_offers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.edits import CreateFile, ProposedEdit, TextChange
from agents.tasks.filling import Cancelled
from agents.tasks.task import Needs, Nothing
from agents.tasks.task_registry import TASKS
from models.masking import MARK

if TYPE_CHECKING:
    from agents.tasks.task import Offer, Resources, Result, Scene, Task
    from indexing.index import Index
    from indexing.syntax.documents import Document

NO_MODEL = (
    "No completion model is in use; set `model.enabled`, or choose one of `starling models list` with `model.name`."
)
NO_CHAT = "No chat model is configured; set `chat.url` and `chat.model` in your own settings.toml."


def list_offers(scene: Scene) -> tuple[tuple[Task, Offer], ...]:
    """Return the tasks that apply to a scene with their offers, in the order of the registry; by syntax alone."""
    offers = ((task, task.offer(scene)) for task in TASKS)
    return tuple((task, offer) for task, offer in offers if offer is not None)


def explain_missing_model(task: Task, resources: Resources) -> str:
    """Return a message that the model of `task` is missing, and how to configure one; "" if it is not missing."""
    if task.needs is Needs.COMPLETION and resources.model is None:
        return NO_MODEL
    if task.needs is Needs.CHAT and resources.chat is None:
        return NO_CHAT
    if task.needs is Needs.EITHER and resources.chat is None and resources.model is None:
        return NO_MODEL
    return ""


def explain_unavailable(task: Task, scene: Scene, resources: Resources) -> str:
    """Return the reason why `task` cannot run: a missing model or a document kept from models; "" if it can."""
    if why := explain_missing_model(task, resources):
        return why
    return explain_exclusion(scene.document, resources.index) if task.needs is not Needs.NOTHING else ""


def explain_exclusion(document: Document, index: Index) -> str:
    """Return a sentence with the reason why a document is kept from models, "" if it is not."""
    why = index.find_withholding_reason(document)
    if not why:
        return ""
    named = (document.path, *document.origins) if document.path is not None else document.origins
    name = named[0].name if named else document.uri.rpartition("/")[2]
    explained = next((sentence for path in named if (sentence := index.explain(path))), "")
    return f"{name} is kept from models ({why}){': ' if explained else '.'}{explained}"


def propose(task: Task, scene: Scene, resources: Resources) -> Result:
    """Run `task` on the scene and return its result; blocking.

    Returns `Nothing` also where the task may not run, changes nothing, or would write a masked secret.

    Raises:
        Cancelled: the request was cancelled.
        models.errors.ModelError: the model is broken or gone.
    """
    if why := explain_unavailable(task, scene, resources):
        return Nothing(why, unavailable=True)
    result = task.propose(scene, resources)
    if resources.cancelled():
        raise Cancelled
    if isinstance(result, ProposedEdit) and not result.changes:
        return Nothing("There is nothing to change.")
    if isinstance(result, ProposedEdit) and _contains_mark(result):
        return Nothing(
            "The model wrote the mask of a secret in place of the secret, so nothing was changed; ask again."
        )
    return result


def _contains_mark(proposal: ProposedEdit) -> bool:
    """Return whether the proposal would write the mark that masks a secret (`models.masking`) where there was none."""
    texts = [change for change in proposal.changes if isinstance(change, TextChange)]
    edited = any(MARK in edit.text and MARK not in change.before for change in texts for edit in change.edits)
    created = any(MARK in change.text for change in proposal.changes if isinstance(change, CreateFile))
    return edited or (created and not any(MARK in change.before for change in texts))
