"""`starling generate`: writes code at a place in a file, shows the diff on the terminal and asks.

Start at `generate`.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, complete, terminal, terminal_asker, workspace
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
            help="What to write: implement, complete, docstring, type-hints, test, fix ...; an unknown task lists all.",
            show_default="what is missing at the place",
        ),
    ] = "",
    instruction: Annotated[
        str, typer.Option("--instruction", "-i", metavar="WORDS", help="What to write, in words.")
    ] = "",
    yes: terminal_asker.Yes = None,
    directory: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the file's repository"),
    ] = None,
    wait_s: Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="Longest wait for the index.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> int:
    """Write a body, a docstring, type hints or a test at a place. Shows the diff and asks before writing."""
    cursor = arguments.parse_cursor(where)
    document = complete.read_document(Path(cursor.file))
    offset = arguments.find_offset(cursor, document.text)
    root = (
        arguments.resolve_folder(directory) if directory else arguments.find_workspace(Path(cursor.file), writes=True)
    )
    with workspace.open_core(root) as core:
        if core.settings.index.enabled:
            workspace.bring_up_to_date(core.index, wait_s=wait_s)
        from agents.tasks.task import Scene  # noqa: PLC0415 (tree-sitter; `--help` starts without)
        from indexing.syntax.documents import Span  # noqa: PLC0415

        syntax = core.trees.of(document)
        scene = Scene(document, syntax, Span(offset, offset), instruction=instruction)
        chosen = _choose_task(scene, task or ("generate" if instruction else ""))
        made = asyncio.run(_Generation(core, root, tuple(yes or ())).run(chosen, scene))
    if not as_json and "text" in made:
        terminal.get_stdout().print(terminal.escape(made["text"]), markup=False, soft_wrap=True)
    if as_json:
        terminal.emit({"file": str(document.path), "task": chosen.name, **made})
    return 0 if made["outcome"] == "applied" else FAILED


def _choose_task(scene: Scene, name: str) -> Task:
    """Return the task `name`; for "" the first that the place of `scene` prefers, or `complete` if it applies there.

    Raises:
        Failure: there is no such task, or nothing is missing at the place.
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
class _Generation:
    """One run of the command: the task in a thread, the questions on the event loop."""

    core: Core
    root: Path
    yes: tuple[terminal_asker.Kind, ...]

    async def run(self, task: Task, scene: Scene) -> dict[str, Any]:
        """Run `task` in a thread, propose its edit to the person and return the outcome as JSON."""
        gate = self._open_gate()
        stopped = threading.Event()
        try:
            result = await asyncio.to_thread(self._run_task, task, scene, gate, asyncio.get_running_loop(), stopped)
            return await _propose_result(gate, result)
        finally:
            stopped.set()
            await gate.close()

    def _open_gate(self) -> Gate:
        """Return a new gate that asks at the terminal and changes files on the disk."""
        from server.assembly.gates import make_disk_gate  # noqa: PLC0415 (as above)

        return make_disk_gate([self.root], terminal_asker.TerminalAsker(self.yes), self.core.index_limits)

    def _run_task(
        self, task: Task, scene: Scene, gate: Gate, loop: asyncio.AbstractEventLoop, stopped: threading.Event
    ) -> Result:
        """Run `task` in the calling thread and return its result; setting `stopped` cancels it.

        Runs of tests that the task makes to compare changes are approved through `gate`, on `loop`.

        Raises:
            Failure: the model failed.
        """
        from agents.tasks import running  # noqa: PLC0415 (as above)
        from models.errors import ModelError  # noqa: PLC0415
        from server.assembly.resources import Files, build_resources  # noqa: PLC0415
        from server.gate.trials.trials import Trials  # noqa: PLC0415

        files = Files(self.core, (self.root,))
        trials = Trials(files, lambda: gate, loop, stopped.is_set)
        resources = build_resources(files, cancelled=stopped.is_set, report=lambda _: None, run_tests=trials.run)
        try:
            return running.propose(task, scene, resources)
        except ModelError as error:
            raise Failure(str(error)) from error


async def _propose_result(gate: Gate, result: Result) -> dict[str, Any]:
    """Propose the edit of `result`, apply it if approved, and return the outcome as JSON; write reasons to stderr.

    Without an edit nothing is proposed: an answer in words is returned as applied, and a reason for nothing as failed.
    """
    from agents.tasks.task import Nothing, TextAnswer  # noqa: PLC0415 (as above)

    if isinstance(result, Nothing):
        terminal.note(result.reason)
        return {"outcome": "failed", "reason": result.reason, "proposal": "", "checkpoint": ""}
    if isinstance(result, TextAnswer):
        return {"outcome": "applied", "text": result.text, "proposal": "", "checkpoint": ""}
    outcome: Outcome = await gate.propose(result)
    if outcome.reason:
        terminal.note(outcome.reason)
    if outcome.applied and (outcome.left_out or not outcome.reason):
        terminal.note(f"Written; undo it with: starling undo {outcome.checkpoint}")
    return {
        "outcome": outcome.verdict.value,
        "reason": outcome.reason,
        "proposal": outcome.proposal,
        "checkpoint": outcome.checkpoint,
        "notes": list(result.notes),
    }
