"""The team of agents of one workspace, built from a core, a gate and the state database.

Loaded only where a person talks to the team. Start at `build_team`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.team.limits import TurnLimits
from agents.team.memory.team_memory import TeamMemory
from agents.team.role_files import MOST_STEPS, MOST_TOKENS, WORKSPACE_FOLDER, Roles, load_roles
from agents.team.session_runner import Team
from agents.team.tool import Workbench
from agents.team.tools.all_tools import TOOLS
from agents.team.tools.list_mcp_tools import CAPABILITY
from agents.team.workflows import workflow_files
from agents.team.workflows.workflow_files import Workflows, load_workflows
from indexing.workspace.secrets.known_places import register_secrets
from server.assembly.deploy_settings import build_deployer
from server.assembly.gates import make_disk_gate
from server.assembly.policies import build_rules
from server.assembly.resources import Files, review_statically
from server.assembly.watching.team_watch import watch_team
from server.gate.commands.runner import ConfinedRunner
from server.gate.gate import LIMITS
from server.gate.trials.templates import CopierTemplates
from server.gate.trials.test_runs import choose_command
from server.state import paths
from server.state.history.deployment_store import DeploymentStore
from server.state.lease_owners import name_owner
from server.state.memory_store import MemoryStore
from server.state.session_store import SessionStore
from server.state.turn_files import open_turn_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from agents.ports.person import Person
    from agents.ports.test_commands import TestCommand
    from agents.team.permissions.modes import Mode
    from agents.team.watching.watch import Watch
    from indexing.limits import IndexLimits
    from models.chat import ChatModel
    from server.assembly.core import Core
    from server.assembly.settings import Settings
    from server.assembly.team_settings import TeamSettings
    from server.deployment.deployer import Deployer
    from server.gate.gate import Gate
    from server.gate.ports import Asker
    from server.state.database import State

TEMPLATES_FOLDER = "templates"
"""Folder of a person's own templates, beside the settings file."""

ROLES_FOLDER = "roles"
"""Folder of a person's own roles, beside the settings file."""


@dataclass(frozen=True, slots=True)
class Client:
    """The client of a session.

    Attributes:
        name: of the editor or program, a part of the lease's owner.
        mode: what agents may do.
        person: who answers agents' questions; None where nobody can.
        allow: rules that allow calls, beside the person's own, which count over these where they deny or ask.
        workspace: the workspace that memories are for, as a URI; "" for the first folder.
        watch: takes what happens in the sessions; None for a new watcher.
    """

    name: str
    mode: Mode
    person: Person | None = None
    allow: tuple[str, ...] = ()
    workspace: str = ""
    watch: Watch | None = None


@contextlib.asynccontextmanager
async def open_disk_team(  # noqa: PLR0913, PLR0917 (its ports)
    core: Core, root: Path, state: State, client: Client, asker: Asker, answer_s: float = LIMITS.answer_s
) -> AsyncIterator[Team]:
    """Yield the team for a program that is no editor: it works in `root`, and approved edits are written to the disk.

    Closes the team's gate afterwards.

    Args:
        core: index, models and reviewer of `root`.
        root: the folder.
        state: where sessions and requests are stored; stays open.
        client: who drives the sessions.
        asker: asks the gate's questions.
        answer_s: longest wait for an answer to one of them, in seconds.
    """
    gate = make_disk_gate([root], asker, core.index_limits, client=client.name, answer_s=answer_s, state=state)
    try:
        yield await asyncio.to_thread(build_team, core, Files(core, (root,)), gate, state, client)
    finally:
        await gate.close()


def build_team(core: Core, files: Files, gate: Gate, state: State, client: Client) -> Team:
    """Return the team that works in the workspace of `files` for `client`; blocking.

    Starts the log of actions, unless `client` has a watcher, and learns the secrets of the workspace, to replace them.

    Args:
        core: index, models and reviewer.
        files: the files that agents may read.
        gate: where edits are proposed and calls are permitted.
        state: where sessions are stored.
        client: who drives the sessions.
    """
    settings, wanted = core.settings.team, core.settings.review.test_command
    workspace = client.workspace or name_workspace(files.roots)
    register_secrets(files.roots)
    owner = name_owner(client.name)
    runner = ConfinedRunner(files.roots, core.index_limits, list_own_places())

    def choose_tests(folder: Path, only: Path | None) -> TestCommand | str:
        """Return the command for the tests in `folder`, or why there is none."""
        return choose_command(folder, wanted, only, measures=False)

    bench = Workbench(
        files.roots,
        files.read,
        files.list_files,
        core.index.find_exclusion_reason,
        gate,
        gate,
        build_rules(core.settings, client.allow),
        person=client.person,
        servers=core.servers,
        index=core.index,
        review=lambda document: review_statically(core, document),
        commands=runner,
        test_command=wanted,
        choose_tests=choose_tests,
        mode=client.mode,
        memory=TeamMemory(MemoryStore(state), workspace),
        templates=CopierTemplates(paths.settings_file().parent / TEMPLATES_FOLDER),
        deployments=build_deployer(
            core.settings.deploy,
            files.roots,
            runner,
            DeploymentStore(state),
            choose_tests,
            owner=owner,
            own_places=list_own_places(),
        ),
    )
    roles = load_all_roles(files.roots, settings.trusted)
    return Team(
        SessionStore(state),
        roles if core.servers is not None else _remove_mcp(roles),
        TOOLS,
        _make_chat_finder(core),
        bench,
        owner,
        make_limits(settings),
        open_turn_file,
        compute_cost=core.chats.compute_cost,
        is_led=lambda role: (role if role in core.chats.by_role else "chat") in core.chats.led,
        find_outcomes=gate.journal.list_outcomes,
        workflows=load_all_workflows(files.roots, settings.trusted, roles),
        watch=client.watch or watch_team(core.settings, state, workspace),
    )


def build_own_deployer(settings: Settings, roots: Sequence[Path], limits: IndexLimits, state: State) -> Deployer | None:
    """Return the deployer of a command without a team; None if there is no target for the workspace. Blocking."""
    wanted = settings.review.test_command
    return build_deployer(
        settings.deploy,
        roots,
        ConfinedRunner(roots, limits, list_own_places()),
        DeploymentStore(state),
        lambda folder, only: choose_command(folder, wanted, only, measures=False),
        owner=name_owner("starling"),
        own_places=list_own_places(),
    )


def make_limits(settings: TeamSettings) -> TurnLimits:
    """Return the person's limits of a turn; where steps or tokens are not set, the most that a role may have."""
    return TurnLimits(
        steps=settings.steps if "steps" in settings.model_fields_set else MOST_STEPS,
        tokens=settings.tokens if "tokens" in settings.model_fields_set else MOST_TOKENS,
        seconds=settings.seconds,
        cost=settings.cost,
    )


def load_all_roles(roots: Sequence[Path], trusted: Sequence[str]) -> Roles:
    """Return the bundled roles, the person's own, and those of the workspace folders among `trusted`.

    Where an untrusted workspace folder has roles, one of the problems says how to trust it.
    """
    believed = _list_trusted(roots, trusted)
    roles = load_roles(paths.settings_file().parent / ROLES_FOLDER, believed)
    unused = tuple(
        f"The roles in {root / WORKSPACE_FOLDER} are not used; to trust them, add '{root.as_posix()}' to "
        f"`team.trusted` in {paths.settings_file()}."
        for root in roots
        if root not in believed and (root / WORKSPACE_FOLDER).is_dir()
    )
    return replace(roles, problems=(*roles.problems, *unused))


def load_all_workflows(roots: Sequence[Path], trusted: Sequence[str], roles: Roles) -> Workflows:
    """Return the bundled workflows, the person's own, and those of the workspace folders among `trusted`.

    Where an untrusted workspace folder has workflows, one of the problems says how to trust it.
    """
    believed = _list_trusted(roots, trusted)
    workflows = load_workflows(roles, paths.settings_file().parent / workflow_files.OWN_FOLDER, believed)
    folder = workflow_files.WORKSPACE_FOLDER
    unused = tuple(
        f"The workflows in {root / folder} are not used; to trust them, add '{root.as_posix()}' to "
        f"`team.trusted` in {paths.settings_file()}."
        for root in roots
        if root not in believed and (root / folder).is_dir()
    )
    return replace(workflows, problems=(*workflows.problems, *unused))


def _list_trusted(roots: Sequence[Path], trusted: Sequence[str]) -> list[Path]:
    """Return those of the workspace folders `roots` that are among the `trusted` folders."""
    folders = [_resolve(Path(one)) for one in trusted]
    return [root for root in roots if _resolve(root) in folders]


def _remove_mcp(roles: Roles) -> Roles:
    """Return the roles without the capability set of MCP servers: where the person has none, nothing mentions it."""
    changed = {
        name: replace(
            role,
            capabilities=tuple(one for one in role.capabilities if one != CAPABILITY),
            loaded=tuple(one for one in role.loaded if one != CAPABILITY),
        )
        for name, role in roles.by_name.items()
    }
    return replace(roles, by_name=changed)


def _resolve(folder: Path) -> Path:
    """Return `folder` with `~` and all links resolved; unchanged if there is no home folder."""
    with contextlib.suppress(OSError, RuntimeError):
        return folder.expanduser().resolve()
    return folder


def list_own_places() -> tuple[Path, ...]:
    """Return Starling's own folders that no command of an agent may read: all but the folder of worktrees."""
    folders = (paths.config_dir, paths.state_dir, paths.cache_dir, paths.log_dir, paths.run_dir, paths.temporary_dir)
    return tuple(folder() for folder in folders)


def name_workspace(roots: Sequence[Path]) -> str:
    """Return the name of a session's workspace: the URI of its first folder, "" without one."""
    return roots[0].as_uri() if roots else ""


def _make_chat_finder(core: Core) -> Callable[[str], ChatModel | None]:
    """Return a function that takes a model role and returns its chat model, or None if it has none."""
    by_role = {"chat": core.chat, "review": core.review_chat}
    return by_role.get
