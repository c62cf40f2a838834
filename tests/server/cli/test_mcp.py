"""`starling mcp` without its extra and in a folder that does not exist, and the person's own MCP servers."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from server.assembly.mcp_servers.server_checks import check_servers
from server.assembly.mcp_servers.server_settings import McpSettings
from server.assembly.settings import resolve
from server.cli import run

SERVER = Path(__file__).parents[1] / "mcp_client" / "raw_server.py"


def test_without_the_extra_a_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert run(["mcp"]) == 1
    assert "install Starling with the extra: uv tool install '.[mcp]'" in capsys.readouterr().err


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "--workspace", str(tmp_path / "gone")]) == 1
    assert "gone does not exist; give a folder." in capsys.readouterr().err


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a server that works, one that does not, and a disabled one into the person's settings."""
    found = {
        "raw": {"command": sys.executable, "args": [str(SERVER), "none"], "about": "For tests.", "allow": ["to*"]},
        "dead": {"command": sys.executable, "args": [str(SERVER), "dead"]},
        "resting": {"url": "https://example.com/mcp", "disabled": True},
    }
    monkeypatch.setenv("STARLING_MCP__SERVERS", json.dumps(found))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("servers")
def test_the_servers_of_the_settings_are_listed_and_none_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["servers"]
    assert [(one["name"], one["state"]) for one in found] == [("raw", "on"), ("dead", "on"), ("resting", "disabled")]
    assert run(["mcp", "list"]) == 0
    assert "https://example.com/mcp" in capsys.readouterr().out


@pytest.mark.usefixtures("servers")
def test_a_check_starts_a_server_and_shows_its_tools_with_what_the_rules_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["mcp", "check", "raw"]) == 0
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines()] == [
        ["TOOL", "CALLS", "DESCRIPTION"], ["tool", "allowed", "A", "tool."],
    ]  # fmt: skip
    assert "raw (raw 1, protocol 2025-06-18): 1 tool" in shown.err
    assert run(["mcp", "check", "raw", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tools"] == [
        {"name": "tool", "calls": "allowed", "description": "A tool."}
    ]


@pytest.mark.usefixtures("servers")
def test_a_check_says_why_a_server_does_not_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "check", "dead"]) == 1
    said = capsys.readouterr().err
    assert "The MCP server dead did not start: it ended." in said
    assert "I am out of order" in said
    assert run(["mcp", "check", "resting"]) == 1
    assert "The MCP server resting is turned off." in capsys.readouterr().err
    assert run(["mcp", "check", "wra"]) == 1
    assert "The MCP server wra is not in your settings. Did you mean raw?" in capsys.readouterr().err


@pytest.mark.usefixtures("servers")
def test_the_doctors_check_tries_each_active_server() -> None:
    reports = list(check_servers(resolve()[0].mcp))
    assert [(one.state, one.facts.get("tools")) for one in reports] == [("ok", 1), ("warning", None)]
    assert reports[1].remedy == "`starling mcp check dead` shows what it writes."
    (nothing,) = check_servers(McpSettings())
    assert nothing.message.startswith("No MCP server is set up")
