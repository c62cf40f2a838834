"""`starling deploy`: the targets of deployments and what was deployed; deploys, shows the status, rolls back.

`run` is the workflow `deploy`. Start at `app`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import arguments, tables, terminal, terminal_asker
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.ports.deployments import Action, DeploymentOutcome, Plan
    from agents.ports.permissions import ToolCall
    from server.deployment.deployer import Deployer
    from server.gate.gate import Gate

FAILED = 1
MOST_LISTED = 20
TARGETS = (Column("TARGET", typed=True), *map(Column, ("KIND", "PLACE")))
RECORDS = (Column("ID", typed=True), *map(Column, ("BEGUN", "TARGET", "WHAT", "COMMIT", "STATE")))
NO_TARGETS = "Your settings.toml has no target for this workspace; add a table [deploy.targets.NAME]."

Target = Annotated[str, typer.Argument(metavar="TARGET", help="Name of the target in your settings.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]

app = typer.Typer(help="Deployments to your own targets: run, status, rollback, log.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def list_deployments(context: typer.Context, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the targets for this workspace, and the last deployments."""
    if context.invoked_subcommand is not None:
        return
    with _open_deployer(arguments.choose_workspace(directory), ()) as (deployer, _):
        targets, records = deployer.list_targets(), deployer.list_records(limit=MOST_LISTED)
    if as_json:
        terminal.emit({"targets": [asdict(one) for one in targets], "deployments": [asdict(one) for one in records]})
        return
    tables.show(TARGETS, [(one.name, one.kind, one.place) for one in targets])
    if records:
        tables.show(RECORDS, [
            (
                one.id, terminal.format_time(one.begun), one.target, one.action.replace("roll_back", "rollback"),
                one.version[:7], one.state,
            )
            for one in records
        ])  # fmt: skip


@app.command("run")
def run(
    target: Target,
    *,
    yes: terminal_asker.Yes = None,
    directory: Directory = None,
    as_json: AsJson = False,
) -> int:
    """Check a target, deploy the commit to it, and show its status.

    Offers to roll back if that fails.
    """
    from server.cli.team.talk import do  # noqa: PLC0415 (`--help` starts without the team)

    words = [f"Deploy to {target}"]
    root = arguments.choose_workspace(directory)
    with _open_deployer(root, ()) as (deployer, _):
        _check_target(deployer, target)
    return do(words, workflow="deploy", yes=yes, directory=root, wait_s=0, as_json=as_json)


@app.command("status")
def status(
    target: Target, *, yes: terminal_asker.Yes = None, directory: Directory = None, as_json: AsJson = False
) -> int:
    """Show what runs at a target, by its `status` commands."""
    from agents.ports.deployments import Action  # noqa: PLC0415 (as above)

    return _act(Action.STATUS, target, yes, directory, as_json=as_json)


@app.command("rollback")
def roll_back(
    target: Target, *, yes: terminal_asker.Yes = None, directory: Directory = None, as_json: AsJson = False
) -> int:
    """Take the last deployment to a target back."""
    from agents.ports.deployments import Action  # noqa: PLC0415 (as above)

    return _act(Action.ROLL_BACK, target, yes, directory, as_json=as_json)


@app.command("log")
def show_log(
    name: Annotated[str, typer.Argument(metavar="ID", help="The deployment; the first characters of its id suffice.")],
    *,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened in a deployment."""
    with _open_deployer(arguments.choose_workspace(directory), ()) as (deployer, _):
        found = [one for one in deployer.list_records(limit=1000) if one.id.startswith(name)]
    if len(found) != 1:
        what = "several deployments begin" if found else "no deployment begins"
        raise Failure(f"In this workspace {what} with {name}; `starling deploy` lists them.")
    if as_json:
        terminal.emit(asdict(found[0]))
    else:
        terminal.note(found[0].text)


def _act(
    action: Action, target: str, yes: list[terminal_asker.Kind] | None, directory: Path | None, *, as_json: bool
) -> int:
    """Plan an action, ask about it, run it and show what happened; return the exit status.

    Raises:
        Failure: it is impossible, or was not permitted.
    """
    from agents.ports.deployments import DeploymentUnavailable  # noqa: PLC0415 (as above)

    with _open_deployer(arguments.choose_workspace(directory), tuple(yes or ())) as (deployer, gate):
        _check_target(deployer, target)
        try:
            outcome = asyncio.run(_run(deployer, gate, action, target))
        except DeploymentUnavailable as error:
            raise Failure(str(error)) from error
    if as_json:
        terminal.emit(asdict(outcome))
    else:
        terminal.note(outcome.text)
    return 0 if outcome.succeeded else FAILED


async def _run(deployer: Deployer, gate: Gate, action: Action, target: str) -> DeploymentOutcome:
    """Plan an action, have it permitted, and run it.

    Raises:
        Failure: it was not permitted.
        DeploymentUnavailable: it is impossible.
    """
    plan = await deployer.plan(action, target)
    if plan.commands:
        answer = await gate.permit(_make_call(plan))
        if not answer.granted:
            raise Failure(answer.reason)
    return await deployer.run(plan)


def _make_call(plan: Plan) -> ToolCall:
    """Return the tool call that a person is asked to permit, for a plan."""
    from agents.ports.permissions import ToolCall  # noqa: PLC0415 (as above)
    from agents.team.shown_text import escape_invisible  # noqa: PLC0415
    from agents.team.tools.deployment import TOOL_OF_ACTION  # noqa: PLC0415

    tool, why = TOOL_OF_ACTION[plan.action], "You asked for it."
    return ToolCall(tool, escape_invisible(plan.text), plan.title, why, "starling deploy", isolation=plan.isolation)


def _check_target(deployer: Deployer, target: str) -> None:
    """Check that there is a target with this name.

    Raises:
        Failure: there is none.
    """
    names = [one.name for one in deployer.list_targets()]
    if target not in names:
        raise Failure(f"There is no target {target} for this workspace; there are: {', '.join(names)}.")


@contextlib.contextmanager
def _open_deployer(root: Path, yes: tuple[terminal_asker.Kind, ...]) -> Iterator[tuple[Deployer, Gate]]:
    """Yield the deployer of a workspace, and the gate that asks; close both.

    Raises:
        Failure: there is no target, or the state cannot be read or written.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (as above)
    from server.assembly import policies  # noqa: PLC0415
    from server.assembly.gates import make_disk_gate, open_state  # noqa: PLC0415
    from server.assembly.settings import resolve  # noqa: PLC0415
    from server.assembly.team import build_own_deployer  # noqa: PLC0415

    settings, problems = resolve(roots=(root,))
    for problem in problems:
        terminal.note(str(problem))
    limits = policies.build_index_limits(settings)
    gate, state = make_disk_gate([root], terminal_asker.TerminalAsker(yes), limits), open_state()
    try:
        deployer = build_own_deployer(settings, [root], limits, state)
        if deployer is None:
            raise Failure(NO_TARGETS)
        yield deployer, gate
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        asyncio.run(gate.close())
        state.close()
