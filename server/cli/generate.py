"""`starling generate`: have code written at a place in a file, look at the diff, and say yes or no on the terminal.

Start at `generate`.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import complete, confirming, place, terminal, workspace
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from agents.tasks.task import Result, Scene, Task
    from server.assembly.core import Core
    from server.gate.gate import Gate
    from server.gate.ports import Outcome

FAILED = 1


def generate(  # noqa: PLR0913 (each is an option of the command)
    where: Annotated[
        str, typer.Argument(metavar="FILE:LINE:COLUMN", help="The place; column 1 is before the first character.")
    ],
    *,
    task: Annotated[
        str,
        typer.Option(
            "--task",
            "-t",
            metavar="TASK",
            help="What to write: implement, complete, docstring, type-hints, test, fix ...; a wrong one tells all.",
            show_default="what is missing at the place",
        ),
    ] = "",
    instruction: Annotated[
        str, typer.Option("--instruction", "-i", metavar="WORDS", help="What is wanted, in words.")
    ] = "",
    yes: confirming.Yes = None,
    directory: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the file's repository"),
    ] = None,
    wait_s: Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="Longest wait for the index.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> int:
    """Write a body, a docstring, type hints or a test at a place. The diff is shown, and you are asked first."""
    cursor = place.parse(where)
    document = complete.read(Path(cursor.file))
    offset = place.offset(cursor, document.text)
    root = place.folder(directory) if directory else place.workspace_of(Path(cursor.file), writes=True)
    with workspace.opened(root) as core:
        if core.settings.index.enabled:
            workspace.bring_up_to_date(core.index, wait_s=wait_s)
        from agents.tasks.task import Scene  # noqa: PLC0415 (tree-sitter, which --help need not pay)
        from indexing.syntax.documents import Span  # noqa: PLC0415

        syntax = core.trees.of(document)
        scene = Scene(document, syntax, Span(offset, offset), instruction=instruction)
        chosen = _chosen(scene, task or ("generate" if instruction else ""))
        made = asyncio.run(_Making(core, root, tuple(yes or ())).made(chosen, scene))
    if not as_json and "text" in made:
        terminal.out().print(terminal.printable(made["text"]), markup=False, soft_wrap=True)
    if as_json:
        terminal.emit({"file": str(document.path), "task": chosen.name, **made})
    return 0 if made["outcome"] == "applied" else FAILED


def _chosen(scene: Scene, name: str) -> Task:
    """The task of that name, or the first that fits.

    Raises:
        Failure: there is none.
    """
    from agents.tasks import running, task_registry  # noqa: PLC0415 (as above)

    if name:
        found = task_registry.find_task(name)
        if found is None:
            known = ", ".join(one.name for one in task_registry.TASKS)
            raise Failure(f"There is no task {name!r}; choose one of: {known}.")
        return found
    offered = [(one, offer) for one, offer in running.list_offers(scene) if offer.preferred or one.name == "complete"]
    if not offered:
        others = ", ".join(one.name for one, _ in running.list_offers(scene)) or "none"
        raise Failure(f"Nothing is missing at this place; choose a --task that applies here ({others}).")
    return offered[0][0]


@dataclass(frozen=True, slots=True)
class _Making:
    """One run: the work in a thread, the questions on this loop."""

    core: Core
    root: Path
    yes: tuple[confirming.Kind, ...]

    async def made(self, task: Task, scene: Scene) -> dict[str, Any]:
        """What became of it, for a program."""
        gate = self._gate()
        stopped = threading.Event()
        try:
            result = await asyncio.to_thread(self._result, task, scene, gate, asyncio.get_running_loop(), stopped)
            return await _decided(gate, result)
        finally:
            stopped.set()
            await gate.close()

    def _gate(self) -> Gate:
        from server.assembly.gates import for_disk  # noqa: PLC0415 (as above)

        return for_disk([self.root], confirming.TerminalAsker(self.yes), self.core.index_limits)

    def _result(
        self, task: Task, scene: Scene, gate: Gate, loop: asyncio.AbstractEventLoop, stopped: threading.Event
    ) -> Result:
        from agents.tasks import running  # noqa: PLC0415 (as above)
        from models.errors import ModelError  # noqa: PLC0415
        from server.assembly.means import Files, means_of  # noqa: PLC0415
        from server.gate.trials.trials import Trials  # noqa: PLC0415

        files = Files(self.core, (self.root,))
        trials = Trials(files, lambda: gate, loop, stopped.is_set)
        means = means_of(files, cancelled=stopped.is_set, report=lambda _: None, run_tests=trials.run)
        try:
            return running.propose(task, scene, means)
        except ModelError as error:
            raise Failure(str(error)) from error


async def _decided(gate: Gate, result: Result) -> dict[str, Any]:
    from agents.tasks.task import Nothing, TextAnswer  # noqa: PLC0415 (as above)

    if isinstance(result, Nothing):
        terminal.note(result.reason)
        return {"outcome": "failed", "reason": result.reason, "proposal": "", "checkpoint": ""}
    if isinstance(result, TextAnswer):
        return {"outcome": "applied", "text": result.text, "proposal": "", "checkpoint": ""}
    outcome: Outcome = await gate.propose(result)
    if outcome.reason:
        terminal.note(outcome.reason)
    elif outcome.applied:
        terminal.note(f"Written; take it back with: starling undo {outcome.checkpoint}")
    return {
        "outcome": outcome.verdict.value,
        "reason": outcome.reason,
        "proposal": outcome.proposal,
        "checkpoint": outcome.checkpoint,
        "notes": list(result.notes),
    }
