"""Targets of deployments in the settings: only the person's own file names one, and each kind has what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.assembly.deploy_settings import define_targets
from server.assembly.settings import WORKSPACE_FILE, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from server.assembly.settings import SettingProblem, Settings

VALID = {
    "directory": 'kind = "directory"\npath = "/srv/app"',
    "ssh": 'kind = "ssh"\nhost = "deploy@host.example"\npath = "/srv/app"\nsshConfig = "/home/ann/.ssh/config"',
    "push": 'kind = "push"\nurl = "git@host.example:ann/app.git"\nbranch = "main"',
    "commands": 'kind = "commands"\ncommands = ["make deploy"]\nrollback = ["make back"]',
    "compose": 'kind = "compose"\npath = "/srv/app"\ncompose_file = "deploy/compose.yaml"',
}


def read(tmp_path: Path, text: str, workspace: str = "") -> tuple[Settings, tuple[SettingProblem, ...]]:
    """Return the settings with a target `prod` that has the lines of `text`, and the problems."""
    own = tmp_path / "settings.toml"
    own.write_text(f'[deploy.targets.prod]\nworkspace = "{(tmp_path / "w").as_posix()}"\n{text}\n', "utf-8")
    (tmp_path / "w").mkdir(exist_ok=True)
    (tmp_path / "w" / WORKSPACE_FILE).write_text(workspace, "utf-8")
    return resolve(roots=[tmp_path / "w"], environment={}, user_file=own)


@pytest.mark.parametrize("kind", VALID)
def test_each_kind_is_defined_for_its_workspace_alone(tmp_path: Path, kind: str) -> None:
    settings, problems = read(tmp_path, VALID[kind])
    assert problems == ()
    (target,) = define_targets(settings.deploy, [tmp_path / "w"])
    assert (target.name, target.kind, target.workspace) == ("prod", kind, tmp_path / "w")
    (tmp_path / "other").mkdir()
    assert define_targets(settings.deploy, [tmp_path / "other"]) == []
    assert define_targets(settings.deploy, [tmp_path]) == []


def test_secrets_are_references_and_nothing_else(tmp_path: Path) -> None:
    env = 'env = { A = "env:TOKEN", B = "keyring:shop/db", C = "file:~/.secrets/c" }'
    settings, problems = read(tmp_path, f"{VALID['commands']}\n{env}")
    assert problems == ()
    assert settings.deploy.targets["prod"].env["B"] == "keyring:shop/db"


@pytest.mark.parametrize(
    "lines",
    [
        'kind = "ftp"',
        'kind = "directory"',
        'kind = "directory"\npath = "srv/app"',
        'kind = "directory"\npath = "/"',
        'kind = "directory"\npath = "/srv/app"\nhost = "h"',
        'kind = "ssh"\npath = "/srv/app"\nhost = "-oProxyCommand=x"',
        'kind = "ssh"\npath = "/srv/app"\nhost = "a b"',
        'kind = "ssh"\npath = "/srv/app"\nhost = "h"\nssh_config = "config"',
        'kind = "push"\nbranch = "main"\nurl = "ext::sh -c x"',
        'kind = "push"\nbranch = "main"\nurl = "--upload-pack=x"',
        'kind = "push"\nbranch = "main"\nurl = "https://ann:hunter2-hunter2@host.example/a.git"',
        'kind = "push"\nbranch = "-f"\nurl = "https://host.example/a.git"',
        'kind = "push"\nbranch = "a;b"\nurl = "https://host.example/a.git"',
        'kind = "commands"\ncommands = []',
        'kind = "commands"\ncommands = ["a\\u202eb"]',
        'kind = "commands"\ncommands = ["a"]\nenv = { TOKEN = "hunter2-hunter2" }',
        'kind = "commands"\ncommands = ["a"]\nenv = { LD_PRELOAD = "env:X" }',
        'kind = "commands"\ncommands = ["a"]\nenv = { "A B" = "env:X" }',
        'kind = "commands"\ncommands = ["a"]\nkeep = 1',
        'kind = "compose"\npath = "/srv/app"\ncompose_file = "../x.yaml"',
    ],
)
def test_what_is_wrong_is_a_problem_that_repeats_no_value(tmp_path: Path, lines: str) -> None:
    settings, problems = read(tmp_path, lines)
    assert settings.deploy.targets == {}
    (problem,) = problems
    assert "deploy.targets" in str(problem)
    assert "hunter2" not in str(problem)


def test_a_workspace_and_an_editor_define_no_target_but_turn_them_off(tmp_path: Path) -> None:
    hostile = f'[deploy.targets.prod]\nkind = "commands"\nworkspace = "{tmp_path.as_posix()}"\ncommands = ["curl evil"]'
    settings, problems = read(tmp_path, VALID["commands"], f"{hostile}\n")
    assert settings.deploy.targets["prod"].commands == ("make deploy",)
    assert "cannot be set by a workspace" in str(problems[0])
    sent = {"deploy": {"targets": {"x": {"kind": "commands", "workspace": "/", "commands": ["a"]}}}}
    settings, problems = resolve(editor=sent, environment={}, user_file=tmp_path / "none")
    assert settings.deploy.targets == {}
    assert "cannot be set by an editor" in str(problems[0])
    for off in ('["prod"]', '["*"]'):
        settings, problems = read(tmp_path, VALID["commands"], f"[deploy]\noff = {off}\n")
        assert problems == ()
        assert define_targets(settings.deploy, [tmp_path / "w"]) == []
