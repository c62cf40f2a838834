"""The visit of an account: a connection to a server with accounts, and what its role allows.

The one table of what each command does, `NEEDED`, is enforced before a command runs (`Visit.find_command_obstacle`,
called by `server.lsp.features.execute_command`); questions about tools before they are asked
(`Visit.find_question_obstacle`, called by `server.lsp.editor.asking`). Start at `Visit`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from server.access.roles import Action, is_allowed, may_approve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.tools import Tool
    from server.access.identities import Identity

NEEDED: dict[str, Action] = {
    "starling.analyzePep8": Action.READ,
    "starling.analyzeTestCoverage": Action.WORK,
    "starling.calculateComplexity": Action.READ,
    "starling.approvals": Action.WORK,
    "starling.ask": Action.WORK,
    "starling.askAgain": Action.WORK,
    "starling.audit": Action.ADMINISTER,
    "starling.cancel": Action.READ,
    "starling.completion.accepted": Action.READ,
    "starling.explain": Action.READ,
    "starling.feedback": Action.WORK,
    "starling.fix": Action.WORK,
    "starling.generate": Action.WORK,
    "starling.health": Action.READ,
    "starling.memory": Action.ADMINISTER,
    "starling.nextEdit.accepted": Action.READ,
    "starling.questions": Action.DECIDE,
    "starling.refine": Action.WORK,
    "starling.review": Action.READ,
    "starling.roles": Action.READ,
    "starling.search": Action.READ,
    "starling.session": Action.WORK,
    "starling.sessions": Action.WORK,
    "starling.stats": Action.ADMINISTER,
    "starling.status": Action.READ,
    "starling.tasks": Action.DECIDE,
    "starling.tools": Action.READ,
    "starling.undo": Action.WORK,
    "starling.undoable": Action.WORK,
    "starling.validate": Action.READ,
    "starling.workflow": Action.DECIDE,
    "starling.workflows": Action.DECIDE,
}
"""The action that a role must allow, so that its person may run the command."""


class Visit:
    """The visit of an account.

    Attributes:
        identity: the account, with its role of this moment.
        workspaces: the folders in which accounts may open workspaces, by their real paths.
    """

    def __init__(self, identity: Identity, workspaces: Sequence[Path]) -> None:
        self.identity = identity
        self.workspaces = tuple(Path(os.path.realpath(one)) for one in workspaces)

    def allows(self, action: Action) -> bool:
        """Return whether the account's role allows `action`."""
        return is_allowed(self.identity.role, action)

    def find_command_obstacle(self, command: str) -> str:
        """Return why the account may not run `command`, a sentence; "" if it may. Unknown commands need an admin."""
        if self.allows(NEEDED.get(command, Action.ADMINISTER)):
            return ""
        return (
            f"Your role on this server, {self.identity.role}, does not allow {command}; ask an admin for another role."
        )

    def find_question_obstacle(self, tool: Tool) -> str:
        """Return why the account may not approve `tool`, a sentence; "" if it may."""
        if may_approve(self.identity.role, tool.risk):
            return ""
        return (
            f"Your role on this server, {self.identity.role}, does not allow you to approve {tool.name}; ask an admin "
            "for another role."
        )

    def choose_folders(self, folders: Sequence[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """Return the folders that the account may open, and those that it may not. An admin may open every folder."""
        if self.allows(Action.ADMINISTER):
            return tuple(folders), ()
        allowed = tuple(one for one in folders if self._may_open(one))
        return allowed, tuple(one for one in folders if one not in allowed)

    def _may_open(self, folder: Path) -> bool:
        """Return whether `folder`, with all links resolved, is one of the workspaces or lies in one."""
        real = Path(os.path.realpath(folder))
        return any(real.is_relative_to(one) for one in self.workspaces)
