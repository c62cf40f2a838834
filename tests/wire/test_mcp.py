"""`starling mcp` as a process, driven by the package's own client."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client, StdioServerParameters

from tests.wire.conftest import ROOT, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READING = ["findings", "list_files", "read_file", "search_code", "search_files"]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return a workspace with code, a link out of it, and a secret."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "area.py").write_text("import os\n\n\ndef area(r):\n    return 3.14 * r * r\n")
    (root / "use.py").write_text("from area import area\n\nprint(area(2))\n")
    (root / ".env").write_text("TOKEN=hunter2\n")
    (tmp_path / "outside.py").write_text("hunter3 = 1\n")
    return root


def connect(workspace: Path, environment: dict[str, str] | None = None, *options: str) -> Client:
    """Return a client that starts `starling mcp` in `workspace`."""
    home = {"STARLING_HOME": str(workspace.parent / "home"), "STARLING_MODEL__ENABLED": "false"}
    given = {**os.environ, **home, **(environment or {})}
    arguments = [str(ROOT / "starling_lsp.py"), "mcp", *options]
    return Client(StdioServerParameters(command=sys.executable, args=arguments, env=given, cwd=workspace))


async def call(client: Client, name: str, **arguments: Any) -> tuple[str, bool]:
    """Call a tool; return its text, and whether it failed."""
    result: Any = await wait_for(client.call_tool(name, arguments))
    return "".join(block.text for block in result.content), bool(result.is_error)


async def test_the_tools_only_read(workspace: Path) -> None:
    async with connect(workspace) as client:
        tools: Sequence[Any] = (await wait_for(client.list_tools())).tools
        assert sorted(tool.name for tool in tools) == READING
        assert {tool.annotations.read_only_hint for tool in tools} == {True}
        assert all("properties" in tool.input_schema for tool in tools)
        for tool in tools:  # a foreign client has no other tools, and does not know ours
            assert "workspace" in tool.description
            assert not {"edit_file", "need", "delegate", "plan"} & set(re.findall(r"\w+", tool.description))
            assert "before you edit" not in tool.description
            assert "after you have changed" not in tool.description
            assert re.search(r"at most \d+", tool.description)
        for name in ("edit_file", "write_file", "execute_command", "no_such_tool"):
            text, failed = await call(client, name, path="area.py", line="touch x")
            assert failed
            assert "There is no tool" in text


async def test_definitions_uses_text_and_findings_are_found(workspace: Path) -> None:
    async with connect(workspace) as client:
        text = ""
        while "area.py" not in text:  # until the index has read the files
            text, _ = await call(client, "search_code", words="area", kind="definitions")
        assert "def area(r)" in text
        text, _ = await call(client, "search_code", words="area", kind="uses")
        assert "use.py:3: print(area(2))" in text
        assert (await call(client, "search_files", pattern=r"3\.\d+"))[0].startswith("area.py:5:")
        assert "os" in (await call(client, "findings", path="area.py"))[0]
        assert "area.py" in (await call(client, "list_files"))[0]
        assert "3.14" in (await call(client, "read_file", path="area.py"))[0]


async def test_secrets_other_folders_and_denied_files_stay_closed(workspace: Path) -> None:
    rules = {"STARLING_INDEX__ENABLED": "false", "STARLING_TEAM__ASK": "read_file path use.py"}
    (workspace / ".starling.toml").write_text('[team]\ndeny = ["reads path area.py"]\n')
    async with connect(workspace, rules) as client:
        for name in (".env", "../outside.py", str(workspace.parent / "outside.py"), "area.py", "use.py"):
            text, failed = await call(client, "read_file", path=name)
            assert failed, name
            assert not {"hunter2", "hunter3", "3.14", "print("} & set(text.split())
        assert "Nobody can be asked" in (await call(client, "read_file", path="use.py"))[0]
        text, failed = await call(client, "search_files", pattern="hunter|3.14")
        assert "hunter2" not in text
        assert "3.14 *" not in text
        text, failed = await call(client, "read_file", place="use.py")
        assert failed
        assert "arguments of read_file are wrong" in text
