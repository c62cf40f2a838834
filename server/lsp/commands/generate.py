"""`starling.generate`: generate code at a place: a body, a block, a docstring, type hints, a test, or as instructed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.tasks import running, task_registry
from server.lsp.commands.answering import proposing
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.proposing import PlaceArguments, TaskOutcome

if TYPE_CHECKING:
    from agents.tasks.task import Task
    from server.lsp.commands.answering.proposing import Place
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Result = TaskOutcome


class Arguments(PlaceArguments):
    """The task and the place."""

    task: str = Field(
        default="",
        max_length=100,
        description="The task: "
        + ", ".join(f'"{task.name}"' for task in task_registry.TASKS)
        + '; "" for the one that fits the place or the instruction.',
    )
    instruction: str = Field(default="", max_length=10_000, description="The instruction in words.")


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> TaskOutcome:
    """Run the selected task, propose its edit to the person, apply it if approved, and return the outcome.

    Raises:
        CommandFailed: there is no such task, none suits the place, or the model failed.
        Withdrawn: a person cancelled the task.
    """
    place = await proposing.locate_place(snapshot, services, arguments, arguments.instruction)
    return await proposing.run_task(snapshot, services, place, choose_task(place, arguments))


def choose_task(place: Place, arguments: Arguments) -> Task:
    """Return the named task, whether it suits the place or not.

    Without a name, that is "generate" if there is an instruction, else the first task that the place needs, "complete"
    included.

    Raises:
        CommandFailed: there is no task of that name, or without a name nothing is missing at the place.
    """
    name = arguments.task or ("generate" if arguments.instruction else "")
    if name:
        task = task_registry.find_task(name)
        if task is None:
            known = ", ".join(one.name for one in task_registry.TASKS)
            raise CommandFailed(f"There is no task {name!r}.", code="unknown-task", what_next=f"There are {known}.")
        return task
    offers = [task for task, offer in running.list_offers(place.scene) if offer.preferred or task.name == "complete"]
    if not offers:
        raise CommandFailed(
            "Nothing is missing at this place.",
            code="nothing-applies",
            what_next="Name a `task`, put the cursor into an empty function, or at the end of a line.",
        )
    return offers[0]
