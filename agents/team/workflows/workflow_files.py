"""The workflows of the team: TOML files with limits, patterns of test files, and steps in their order.

Bundled workflows lie beside this module; a person's own lie in `workflows/` beside the settings, and may replace a
bundled one of the same name. A workspace's lie in `WORKSPACE_FOLDER`, count only where the person trusts the
workspace, and have at most the limits of the bundled `tdd`. To add a workflow: add a file. Start at `load_workflows`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.team.limits import TurnLimits
from agents.team.role_files import Origin, is_within
from agents.team.workflows.stage import PLACEHOLDER
from agents.team.workflows.steps.all_steps import AnyStep  # noqa: TC001 (pydantic reads it)
from agents.team.workflows.steps.board_decision import DecisionStep
from agents.team.workflows.steps.board_verdicts import VerdictsStep
from agents.team.workflows.test_files import PATTERNS
from indexing.workspace.files import parse_toml, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agents.team.role_files import Roles
    from agents.team.workflows.steps.step import Step

BUNDLED = Path(__file__).parent
OWN_FOLDER = "workflows"
"""Folder of a person's own workflows, beside the settings."""

WORKSPACE_FOLDER = Path(".starling", "workflows")
"""Folder of a workspace's own workflows, in the workspace folder."""

LONGEST = 100_000
"""Bytes of one workflow's file."""

MOST_WORKFLOWS = 50
"""Workflows that are read from one folder."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_BRACES = re.compile(r"\{[a-z][a-z:_0-9]*\}")


class WorkflowLimits(BaseModel):
    """The limits of a whole workflow, beside those of each agent's turn in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=400, ge=1, le=2000)
    tokens: int = Field(default=2_000_000, ge=1000, le=20_000_000)
    seconds: float = Field(default=7200, ge=1, le=86_400)
    visits: int = Field(default=60, ge=1, le=500)

    def make_turn_limits(self, person: TurnLimits) -> TurnLimits:
        """Return the limits of the whole workflow, with the person's limit of cost.

        Its delegates are those that the person's limits allow in one turn, times `visits`.
        """
        return TurnLimits(self.steps, self.tokens, person.cost, self.seconds, person.agents * self.visits)

    def narrow(self, most: WorkflowLimits) -> WorkflowLimits:
        """Return these limits, each at most as in `most`."""
        own, other = self.model_dump(), most.model_dump()
        return WorkflowLimits(**{name: min(value, other[name]) for name, value in own.items()})


class WorkflowFile(BaseModel):
    """The content of a workflow's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=60)
    description: str = Field(min_length=1, max_length=300)
    limits: WorkflowLimits = WorkflowLimits()
    test_files: tuple[str, ...] = Field(default=PATTERNS, max_length=50)
    steps: tuple[AnyStep, ...] = Field(min_length=1, max_length=100)


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow.

    Attributes:
        name: the file's name without its ending.
        content: what the file says.
        origin: where it comes from.
    """

    name: str
    content: WorkflowFile
    origin: Origin = Origin.BUNDLED

    def get_step(self, name: str) -> AnyStep | None:
        """Return the step `name`, None for no such step."""
        return next((one for one in self.content.steps if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Workflows:
    """All workflows by name, and one sentence for each file that cannot be used."""

    by_name: Mapping[str, Workflow] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def get(self, name: str) -> Workflow | None:
        """Return the workflow called `name`, in upper or lower case; None if there is none."""
        return self.by_name.get(name.lower())


def load_workflows(roles: Roles, own: Path | None = None, workspaces: Iterable[Path] = ()) -> Workflows:
    """Return the bundled workflows, the person's own, which may replace these, and the workspaces', which replace none.

    A file that cannot be used, and a workflow with a role that is not among `roles`, is left out and named in
    `Workflows.problems`.

    Args:
        roles: all roles.
        own: the folder of the person's own workflows, None for none.
        workspaces: workspace folders that the person trusts.
    """
    found = dict(_load_bundled())
    problems: list[str] = []
    if own is not None:
        for name, content in _read_folder(own, problems).items():
            found[name] = Workflow(name, content, Origin.OWN)
    for workspace in workspaces:
        for name, content in _read_folder(workspace / WORKSPACE_FOLDER, problems, within=workspace).items():
            if name in found:
                problems.append(f"The workspace's workflow {name} has the name of another one and is not used.")
            else:
                limits = content.limits.narrow(_load_bundled()["tdd"].content.limits)
                found[name] = Workflow(name, content.model_copy(update={"limits": limits}), Origin.WORKSPACE)
    for name, workflow in list(found.items()):
        wanted = {role for one in workflow.content.steps for role in one.list_roles()}
        if missing := sorted(one for one in wanted if roles.get(one) is None):
            problems.append(
                f"The workflow {name} needs the role {', '.join(missing)}, which is missing; it is not used."
            )
            del found[name]
    return Workflows(found, tuple(problems))


def parse_workflow(name: str, text: str) -> WorkflowFile:
    """Return the content of a workflow's file with the text `text`.

    Raises:
        ValueError: the name or the content is wrong; the message is a sentence for a person.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a workflow; use small letters, digits and _.")
    try:
        content = WorkflowFile.model_validate(parse_toml(text))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"It is wrong at {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
    names = [one.name for one in content.steps]
    if twice := {one for one in names if names.count(one) > 1}:
        raise ValueError(f"It has several steps with the name {min(twice)}.")
    asking = {one.name for one in content.steps if isinstance(one, VerdictsStep)}
    for step in content.steps:
        _check_step(step, set(names))
        if isinstance(step, DecisionStep) and step.of not in asking:
            raise ValueError(f"The step {step.name} decides after {step.of}, which is no step of the kind verdicts.")
    return content


def _check_step(step: Step, names: set[str]) -> None:
    """Check that everything that a step names exists.

    Raises:
        ValueError: a step or a placeholder does not exist.
    """
    named = [*filter(None, step.list_next()), *step.list_earlier()]
    for one in _BRACES.findall(step.get_template()):
        if not PLACEHOLDER.fullmatch(one):
            raise ValueError(
                f"The step {step.name} has {one}; there are {{request}}, {{failures}}, {{files}} and {{answer:STEP}}."
            )
        if one.startswith("{answer:"):
            named.append(one[len("{answer:") : -1])
    if missing := sorted(set(named) - names):
        raise ValueError(f"The step {step.name} names the step {missing[0]}, which does not exist.")


@functools.cache
def _load_bundled() -> Mapping[str, Workflow]:
    """Return the bundled workflows, by name."""
    names = sorted(path.stem for path in BUNDLED.glob("*.toml"))
    return {name: Workflow(name, parse_workflow(name, (BUNDLED / f"{name}.toml").read_text("utf-8"))) for name in names}


def _read_folder(folder: Path, problems: list[str], within: Path | None = None) -> dict[str, WorkflowFile]:
    """Return the contents of the files in `folder`; adds a sentence to `problems` for each that cannot be used.

    With `within`, files whose real path lies outside of that folder are not read. Reads at most `MOST_WORKFLOWS` files.
    """
    found: dict[str, WorkflowFile] = {}
    try:
        files = sorted(folder.glob("*.toml"))
    except OSError:
        return {}
    if len(files) > MOST_WORKFLOWS:
        problems.append(f"{folder} has {len(files):,} workflows; only the first {MOST_WORKFLOWS} are used.")
    for path in files[:MOST_WORKFLOWS]:
        try:
            if within is not None and not is_within(path, within):
                raise ValueError("It is a link that leads out of the workspace.")  # noqa: TRY301 (one sentence each)
            found[path.stem] = parse_workflow(path.stem, read_text(path, LONGEST))
        except (OSError, ValueError) as error:
            problems.append(f"The workflow {path} is not used: {error}")
    return found
