"""`starling roles`: the roles of the team, and the files of roles that cannot be used. Start at `list_roles`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column

if TYPE_CHECKING:
    from agents.team.role_files import Role

COLUMNS = (Column("NAME", typed=True), *map(Column, ("FROM", "CAPABILITIES", "DESCRIPTION")))

Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]


def list_roles(*, directory: Directory = None, as_json: AsJson = False) -> int:
    """List the roles of the team; `@NAME` in a request chooses one."""
    from server.assembly import settings  # noqa: PLC0415 (`--help` starts without the settings and the team)
    from server.assembly.team import load_all_roles  # noqa: PLC0415

    root = arguments.choose_workspace(directory)
    resolved, setting_problems = settings.resolve(roots=[root])
    roles = load_all_roles([root], resolved.team.trusted)
    if as_json:
        terminal.emit({"roles": [_describe(one) for one in roles.by_name.values()], "problems": list(roles.problems)})
    else:
        rows = [
            (one.name, one.origin.value, ", ".join(one.capabilities) or "reads only", one.description)
            for one in roles.by_name.values()
        ]
        tables.show(COLUMNS, rows)
    for problem in (*map(str, setting_problems), *roles.problems):
        terminal.note(problem)
    return 0


def _describe(role: Role) -> dict[str, Any]:
    """Return a role as JSON, without its prompt."""
    return {
        "name": role.name, "title": role.title, "description": role.description, "from": role.origin.value,
        "capabilities": list(role.capabilities), "loaded": list(role.loaded), "may_ask": list(role.may_ask),
        "model": role.model, "temperature": role.temperature, "steps": role.limits.steps, "tokens": role.limits.tokens,
    }  # fmt: skip
