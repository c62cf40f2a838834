"""The tool `render_template`: renders a template of a project and proposes its files as one edit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from agents.edits import CreateFile
from agents.ports.templates import Answer, TemplateFailed
from agents.team.edit_proposals import propose
from agents.team.failure import ToolFailed
from agents.team.permissions.decision import decide
from agents.team.permissions.paths import list_names
from agents.team.permissions.rules import Effect
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import WRITE_FILE, Risk, Tool

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.templates import Templates
    from agents.team.tool import Workbench

NOT_HERE = "No template can be rendered here; write the files without a template."
LISTED = 40
"""Names of files in a result."""


class RenderTemplate(Arguments):
    """Arguments of `render_template`."""

    template: str = Field(
        min_length=1, description="Name of one of the person's own templates, or a folder in the workspace."
    )
    into: str = Field(default=".", description="Folder for the files, relative to the workspace folder.")
    answers: dict[str, Answer] = Field(
        default_factory=dict, max_length=100, description="Answers to the template's questions, by their names."
    )
    why: str = Field(default="", description="Why, in one sentence, for the person who decides.")


async def check(_: RenderTemplate, bench: Workbench) -> None:
    """Refuse the call before anybody is asked if no template can be rendered.

    Raises:
        ToolFailed: no template can be rendered here.
    """
    if obstacle := _get_templates(bench).find_obstacle():
        raise ToolFailed(obstacle)


async def run(given: RenderTemplate, bench: Workbench) -> ToolResult:
    """Render the template, and propose those of its files that do not exist yet; existing ones stay as they are.

    Leaves out files that a rule of the person withholds; the result says so.

    Raises:
        ToolFailed: there is no such template, it cannot be rendered, no file is left, or the edit was not made.
    """
    templates = _get_templates(bench)
    own = await asyncio.to_thread(templates.find_own, given.template)
    folder = own or await _find_in_workspace(given.template, templates, bench)

    def is_excluded(path: Path) -> bool:
        """Return whether a file of a template in the workspace may not be read."""
        return own is None and bool(bench.explain_exclusion(path))

    try:
        rendering = await asyncio.to_thread(templates.render, folder, given.answers, is_excluded)
    except TemplateFailed as error:
        raise ToolFailed(str(error)) from None
    changes: list[CreateFile] = []
    present: list[str] = []
    withheld: list[str] = []
    for one in rendering.files:
        path = await bench.resolve(one.name if given.into in {"", "."} else f"{given.into}/{one.name}")
        if await asyncio.to_thread(path.exists):
            present.append(bench.display(path))
        elif await asyncio.to_thread(_is_withheld, path, bench):
            withheld.append(bench.display(path))
        else:
            changes.append(CreateFile(path, one.text))
    if not changes:
        raise ToolFailed("Nothing is left to create: the files exist already, or a rule of the person withholds them.")
    asked = replace(bench, rule="")  # a rule that allows rendering allows no edit
    result = await propose(asked, f"Create the files of the template {given.template}", given.why, changes)
    made = ", ".join(bench.display(one) for one in result.changed[:LISTED])
    notes = [f"{result.text} Files: {made}{' and more' if len(result.changed) > LISTED else ''}."]
    if present:
        notes.append(f"These exist and were left as they are: {', '.join(present[:LISTED])}.")
    if withheld:
        notes.append(f"A rule of the person withholds these: {', '.join(withheld[:LISTED])}.")
    if rendering.left_out:
        notes.append(f"These are no text and were left out: {', '.join(rendering.left_out[:LISTED])}.")
    return ToolResult("\n".join(notes), changed=result.changed)


def _is_withheld(path: Path, bench: Workbench) -> bool:
    """Return whether a rule of the person denies writing a file, or has it asked each time. Blocking."""
    decision = decide(WRITE_FILE, bench.mode, bench.rules, list_names(path, bench.roots))
    return decision.effect is Effect.DENY or decision.is_ruled


async def _find_in_workspace(name: str, templates: Templates, bench: Workbench) -> Path:
    """Return the folder of a template in the workspace.

    Raises:
        ToolFailed: there is no such folder; names the person's own templates.
    """
    own = ", ".join(await asyncio.to_thread(templates.list_own)) or "none"
    folder = await bench.resolve(name)
    if not await asyncio.to_thread(folder.is_dir):
        raise ToolFailed(f"There is no template {name}; the person's own: {own}. Or name a folder in the workspace.")
    return folder


def _get_templates(bench: Workbench) -> Templates:
    """Return the templates of the workbench.

    Raises:
        ToolFailed: it has none.
    """
    if bench.templates is None:
        raise ToolFailed(NOT_HERE)
    return bench.templates


TOOL = TeamTool(
    Tool("render_template", Risk.MEDIUM),
    "Render a Copier template, and propose its files as one edit. Its code is evaluated in a sandbox, after the "
    "person's yes; templates with tasks are refused.",
    RenderTemplate,
    run,
    lambda given: f"Render the template {given.template} into {given.into}",
    list_paths=lambda given: (given.template, given.into),
    check=check,
    capabilities=("infrastructure",),
    asks=True,
)
