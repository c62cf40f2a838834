"""`starling workflows`: the workflows, and the files of workflows that cannot be used. Start at `list_workflows`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Misuse

if TYPE_CHECKING:
    from agents.team.workflows.workflow_files import Workflow, Workflows

COLUMNS = (Column("NAME", typed=True), *map(Column, ("FROM", "STEPS", "DESCRIPTION")))

Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]


def list_workflows(*, directory: Directory = None, as_json: AsJson = False) -> int:
    """List the workflows; `starling do --workflow NAME` runs one."""
    workflows = load(arguments.choose_workspace(directory))
    found = workflows.by_name.values()
    if as_json:
        terminal.emit({"workflows": [_describe(one) for one in found], "problems": list(workflows.problems)})
    else:
        rows = [(one.name, one.origin.value, str(len(one.content.steps)), one.content.description) for one in found]
        tables.show(COLUMNS, rows)
    for problem in workflows.problems:
        terminal.note(problem)
    return 0


def load(root: Path) -> Workflows:
    """Return the workflows for the workspace folder `root`, with the problems of those that cannot be used."""
    from server.assembly import settings  # noqa: PLC0415 (`--help` starts without the settings and the team)
    from server.assembly.team import load_all_roles, load_all_workflows  # noqa: PLC0415

    resolved, _ = settings.resolve(roots=[root])
    trusted = resolved.team.trusted
    return load_all_workflows([root], trusted, load_all_roles([root], trusted))


def check_workflow(name: str, root: Path) -> None:
    """Check that the workspace `root` has the workflow `name`; do nothing for "".

    Raises:
        Misuse: there is no such workflow; with the names that there are.
    """
    if not name:
        return
    known = load(root).by_name
    if name not in known:
        near = terminal.suggest_names(name, known)
        raise Misuse(f"There is no workflow {name}.{near} There are: {', '.join(known)}.")


def _describe(workflow: Workflow) -> dict[str, Any]:
    """Return a workflow as JSON, without the prompts of its steps."""
    content = workflow.content
    return {
        "name": workflow.name, "title": content.title, "description": content.description,
        "from": workflow.origin.value, "limits": content.limits.model_dump(),
        "steps": [one.model_dump(exclude={"prompt"}) for one in content.steps],
    }  # fmt: skip
