"""Settings of MCP servers: only the person's own file names one; a workspace and an editor can turn servers off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.ports.mcp_servers import McpCall
from agents.team.permissions.rules import Effect
from server.assembly.mcp_servers.server_settings import build_pool
from server.assembly.policies import build_rules
from server.assembly.settings import Settings, resolve

ROOT = Path(__file__).parents[4]
OWN = """
[mcp.servers.demo]
command = "demo"
args = ["--fast", "${workspace}/x"]
env = { DEMO_TOKEN = "${keyring:demo}", LEVEL = "debug" }
timeoutS = 5
about = "For tests."
allow = ["read_*"]
deny = ["drop"]

[mcp.servers.web]
url = "https://example.com/mcp"
headers = { Authorization = "Bearer ${env:WEB}" }

[mcp.servers.resting]
command = "rest"
disabled = true
"""


def read(tmp_path: Path, own: str = OWN, *, workspace: str = "", **options: Any) -> tuple[Settings, list[str]]:
    """Return the settings of a person's file and a workspace's, and their problems."""
    file, root = tmp_path / "settings.toml", tmp_path / "workspace"
    root.mkdir(exist_ok=True)
    file.write_text(own)
    (root / ".starling.toml").write_text(workspace)
    settings, problems = resolve(user_file=file, roots=[root], environment=options.pop("environment", {}), **options)
    return settings, list(map(str, problems))


def test_servers_are_defined_with_their_rules(tmp_path: Path) -> None:
    settings, problems = read(tmp_path)
    assert problems == []
    pool = build_pool(settings.mcp, tmp_path)
    assert pool is not None
    assert [(one.name, one.location, one.about) for one in pool.servers] == [
        ("demo", "demo", "For tests."), ("web", "https://example.com/mcp", ""),
    ]  # fmt: skip
    demo = pool.definitions["demo"]
    assert (demo.args, demo.timeout_s) == (("--fast", f"{tmp_path}/x"), 5.0)
    rules = build_rules(settings)
    found = {tool: rules.find(McpCall("demo", tool, {}).identity) for tool in ("read_it", "drop", "other")}
    effects = {tool: rule and rule.effect for tool, rule in found.items()}
    assert effects == {"read_it": Effect.ALLOW, "drop": Effect.DENY, "other": None}
    assert rules.find(McpCall("web", "read_it", {}).identity) is None


def test_a_pool_is_kept_as_long_as_its_servers_are_the_same(tmp_path: Path) -> None:
    settings, _ = read(tmp_path)
    pool = build_pool(settings.mcp, tmp_path)
    assert build_pool(read(tmp_path)[0].mcp, tmp_path, pool) is pool
    assert build_pool(settings.mcp, tmp_path.parent, pool) is not pool
    assert build_pool(Settings().mcp, tmp_path, pool) is None


@pytest.mark.parametrize("source", ["workspace", "editor"])
def test_nobody_but_the_person_names_a_server(tmp_path: Path, source: str) -> None:
    settings, problems = (
        read(tmp_path, workspace='[mcp.servers.evil]\ncommand = "evil"')
        if source == "workspace"
        else read(tmp_path, editor={"mcp": {"servers": {"evil": {"command": "evil"}}}})
    )
    assert list(settings.mcp.servers) == ["demo", "web", "resting"]
    assert "mcp.servers: cannot be set by a" in problems[0]
    assert "evil" not in problems[0]


def test_a_workspace_and_an_editor_turn_servers_off_and_deny_tools(tmp_path: Path) -> None:
    settings, _ = read(tmp_path, workspace='[mcp]\noff = ["demo"]\n[team]\ndeny = ["mcp:web/drop_*"]')
    assert list(settings.mcp.active) == ["web"]
    rule = build_rules(settings).find(McpCall("web", "drop_all", {}).identity)
    assert rule is not None
    assert rule.effect is Effect.DENY
    assert not read(tmp_path, editor={"mcp": {"off": ["*"]}})[0].mcp.active
    allowing = read(tmp_path, workspace='[team]\nallow = ["mcp:demo"]')[1]
    assert "team.allow: cannot be set by a workspace" in allowing[0]


def test_the_environment_names_servers_as_json(tmp_path: Path) -> None:
    given = {"STARLING_MCP__SERVERS": '{"x": {"command": "y"}}', "STARLING_MCP__OFF": "*"}
    settings, problems = read(tmp_path, environment=given)
    assert (list(settings.mcp.servers), list(settings.mcp.active), problems) == (["x"], [], [])


@pytest.mark.parametrize("wrong", [
    'command = ""', 'command = "a"\nurl = "https://b"', 'url = "ftp://a"', 'url = "https://me:secret@b"', "command = 1",
    'command = "a"\nnoise = 1', 'command = "a"\nenv = { GITHUB_TOKEN = "ghp_hunter2" }',
    'command = "a"\nenv = { "A B" = "" }',
    'url = "https://b"\nheaders = { Authorization = "Bearer hunter2" }', 'url = "https://b"\nheaders = { a = "b\\nc" }',
    'command = "a"\nallow = ["x y"]', 'command = "a"\ntimeout_s = 0',
])  # fmt: skip
def test_a_wrong_server_is_a_problem_without_its_values(tmp_path: Path, wrong: str) -> None:
    settings, (problem,) = read(tmp_path, f"[mcp.servers.demo]\n{wrong}\n")
    assert settings.mcp.servers == {}
    assert "mcp.servers: the value is not allowed" in problem
    assert "with secrets as `${env:NAME}` or `${keyring:NAME}`" in problem
    assert "hunter2" not in problem
    assert "demo" in problem


def test_a_bad_name_is_a_problem(tmp_path: Path) -> None:
    assert "mcp.servers" in read(tmp_path, '[mcp.servers."a/b"]\ncommand = "x"\n')[1][0]


def test_building_a_core_with_servers_imports_no_package_and_starts_nothing() -> None:
    code = (
        "import sys; from server.assembly import core; made = core.build([], None, None);"
        "assert made.servers is not None and made.servers.servers; import server.assembly.team; made.close();"
        "print([n for n in sys.modules if n.split('.')[0] in {'mcp', 'mcp_types', 'anyio', 'jsonschema'}])"
    )
    own = {"STARLING_MCP__SERVERS": '{"x": {"command": "no-such-program"}}'}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
        env={**os.environ, **own},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
