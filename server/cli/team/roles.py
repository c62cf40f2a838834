"""`starling roles` and `starling tools`: the roles of the team, the files of roles that cannot be used, and the tools.

Start at `list_roles`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Misuse

if TYPE_CHECKING:
    from agents.team.role_files import Role

COLUMNS = (Column("NAME", typed=True), *map(Column, ("FROM", "CAPABILITIES", "DESCRIPTION")))
TOOLS = (Column("NAME", typed=True), *map(Column, ("RISK", "GROUP", "CAPABILITIES")))

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


def list_tools(*, as_json: AsJson = False) -> int:
    """List the tools of the team, and problems of your rules."""
    from agents.team.tools.all_tools import TOOLS as ALL  # noqa: PLC0415 (`--help` starts without the team)
    from agents.tools import Risk  # noqa: PLC0415
    from server.assembly import settings  # noqa: PLC0415

    found: list[dict[str, Any]] = [
        {
            "name": one.name, "risk": one.tool.risk.name.lower(),
            "group": "edits" if one.tool.edits else "reads" if one.tool.risk is Risk.LOW else "",
            "capabilities": list(one.capabilities), "description": one.description,
        }
        for one in ALL
    ]  # fmt: skip
    if as_json:
        terminal.emit({"tools": found})
    else:
        columns = ((one["name"], one["risk"], one["group"], one["capabilities"]) for one in found)
        tables.show(TOOLS, [(*row, ", ".join(capabilities) or "every role") for *row, capabilities in columns])
    for problem in settings.resolve(roots=[arguments.choose_workspace(None)])[1]:
        terminal.note(str(problem))
    return 0


def check_role(name: str, root: Path) -> str:
    """Return the name of the role that a person wrote as `name`, also with `@` or dashes; "" for "".

    Raises:
        Misuse: there is no such role in the workspace `root`; with the names that there are.
    """
    if not name:
        return ""
    from server.assembly import settings  # noqa: PLC0415 (as above)
    from server.assembly.team import load_all_roles  # noqa: PLC0415

    roles = load_all_roles([root], settings.resolve(roots=[root])[0].team.trusted)
    role = roles.get(name.removeprefix("@").replace("-", "_"))
    if role is None:
        near = terminal.suggest_names(name, roles.by_name)
        raise Misuse(f"There is no role {name}.{near} There are: {', '.join(roles.by_name)}.")
    return role.name


def _describe(role: Role) -> dict[str, Any]:
    """Return a role as JSON, without its prompt."""
    return {
        "name": role.name, "title": role.title, "description": role.description, "from": role.origin.value,
        "capabilities": list(role.capabilities), "loaded": list(role.loaded), "may_ask": list(role.may_ask),
        "model": role.model, "temperature": role.temperature, "steps": role.limits.steps, "tokens": role.limits.tokens,
    }  # fmt: skip
