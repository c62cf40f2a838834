"""Running one task: what it needs is there, its file may be shown to a model, and its result is what it should be.

Start at `propose` and `offers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.generator.tasks.filling import Cancelled
from agents.generator.tasks.records import Needs, Nothing
from agents.generator.tasks.registry import TASKS
from agents.records import ProposedEdit

if TYPE_CHECKING:
    from agents.generator.tasks.records import Means, Offer, Result, Scene, Task

_SHOWN = ("", "outside")  # what the exclusion filter may say of a file that a person opened by itself
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
    path = scene.document.path
    if task.needs is not Needs.NOTHING and path is not None and (why := means.index.exclusion(path)) not in _SHOWN:
        return f"{path.name} is kept from models ({why}): {means.index.explain(path)}"
    return ""


def propose(task: Task, scene: Scene, means: Means) -> Result:
    """What `task` makes of the scene; blocking.

    Raises:
        Cancelled: nobody wants it any more.
        models.errors.ModelError: the model is broken or gone.
    """
    if why := withheld(task, scene, means):
        return Nothing(why)
    result = task.propose(scene, means)
    if means.cancelled():
        raise Cancelled
    if isinstance(result, ProposedEdit) and not result.changes:
        return Nothing("There is nothing to change.")
    return result
