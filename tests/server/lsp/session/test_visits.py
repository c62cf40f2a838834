"""The table of commands is complete, and a role's limits hold for questions and settings, too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from agents.tools import DELETE_FILE, EXECUTE_COMMAND, WRITE_FILE
from server.access.identities import Identity
from server.access.roles import Action, Role, is_allowed
from server.assembly.settings import restrict_editor
from server.gate.question.shown_documents import ShownDocuments
from server.lsp.commands import COMMANDS
from server.lsp.editor.asking import EditorAsker
from server.lsp.editor.client import Client
from server.lsp.editor.editor_gate import make_viewer
from server.lsp.features import execute_command
from server.lsp.session.visits import NEEDED, Visit

if TYPE_CHECKING:
    from pathlib import Path


def visit(role: Role, *workspaces: Path) -> Visit:
    """Return the visit of an account with this role."""
    return Visit(Identity("1", "ada", role, "192.0.2.1"), workspaces)


def test_the_table_names_every_command() -> None:
    assert set(NEEDED) == set(COMMANDS)


@pytest.mark.parametrize("role", Role)
def test_an_unknown_command_needs_an_admin(role: Role) -> None:
    assert bool(visit(role).find_command_obstacle("starling.later")) is (role is not Role.ADMIN)


@pytest.mark.parametrize("role", Role)
async def test_a_forbidden_command_is_not_run(role: Role) -> None:
    services: Any = SimpleNamespace(get_visit=lambda: visit(role))
    for command, action in NEEDED.items():
        if is_allowed(role, action):
            continue
        params: Any = SimpleNamespace(command=command, work_done_token=None, arguments=[])
        with pytest.raises(execute_command.CommandFailed, match=f"{role.value}, does not allow {command}"):
            await execute_command.handle(SimpleNamespace(), services, params)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", Role)
def test_who_may_not_approve_is_not_asked(role: Role) -> None:
    server: Any = SimpleNamespace()
    asker = EditorAsker(server, Client, ShownDocuments(), lambda: visit(role))
    for tool in (WRITE_FILE, DELETE_FILE, EXECUTE_COMMAND):
        question: Any = SimpleNamespace(tool=tool, proposal=None)
        assert bool(asker.find_obstacle(question)) is (role is Role.VIEWER), tool


def test_a_changed_role_changes_what_is_seen() -> None:
    one = visit(Role.DEVELOPER)
    viewer = make_viewer(one)
    assert (viewer.person, viewer.name, viewer.sees_others()) == ("1", "ada", False)
    one.identity = visit(Role.APPROVER).identity
    assert viewer.sees_others()
    assert make_viewer(None).sees_others()


def test_folders_are_compared_by_their_real_paths(tmp_path: Path) -> None:
    shared, private = tmp_path / "shared", tmp_path / "shared-private"
    for folder in (shared, private):
        folder.mkdir()
    (shared / "link").symlink_to(private)
    (tmp_path / "same").symlink_to(shared)
    folders = (
        shared,
        shared / "a",
        shared / "link",
        shared / ".." / "shared-private",
        private,
        tmp_path,
        tmp_path / "same",
    )
    assert visit(Role.APPROVER, shared).choose_folders(folders) == (
        (shared, shared / "a", tmp_path / "same"),
        (shared / "link", shared / ".." / "shared-private", private, tmp_path),
    )
    assert visit(Role.ADMIN, shared).choose_folders(folders) == (folders, ())
    assert visit(Role.APPROVER).choose_folders((shared,)) == ((), (shared,))


def test_the_editor_of_others_than_admins_sets_what_a_workspace_may_set() -> None:
    sent = {
        "starling": {
            "token": "secret",
            "completion": {"enabled": False, "unknown": 1},
            "model": {"name": "other"},
            "review.enabled": False,
            "team": {"steps": 5},
        }
    }
    assert restrict_editor(sent) == {"completion": {"enabled": False}, "review": {"enabled": False}}
    assert restrict_editor(None) == restrict_editor([]) == restrict_editor({"chat": 5}) == {}


def test_an_admin_may_do_all() -> None:
    assert all(visit(Role.ADMIN).allows(action) for action in Action)
