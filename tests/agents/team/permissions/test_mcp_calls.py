"""Calls of MCP servers' tools: asked about unless a rule allows them, and refused for what their arguments name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.mcp_servers import McpCall
from agents.team.permissions.mcp_calls import decide_about_mcp_call
from agents.team.permissions.modes import Mode
from agents.team.permissions.rules import Effect, RuleSet
from agents.team.tools import call_mcp_tool

if TYPE_CHECKING:
    from pathlib import Path

    from agents.team.permissions.decision import Decision

ALLOW = ("mcp:demo/read_*",)
SECRET_KEY = "ghp_" + "a1B2" * 9


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace with a denied folder, a secret, a link to each of them, and a file beside the workspace."""
    root = tmp_path / "workspace"
    (root / "data").mkdir(parents=True)
    (root / "data" / "private.txt").write_text("hidden")
    (root / "a.txt").write_text("a")
    (root / ".env").write_text("KEY=1")
    (root / "link.txt").symlink_to(root / ".env")
    (root / "way").symlink_to(root / "data", target_is_directory=True)
    (tmp_path / "beside.txt").write_text("b")
    return root


def decide(
    root: Path, arguments: dict[str, Any] | None = None, *, tool: str = "read_it", mode: Mode = Mode.ACT, **rules: Any
) -> Decision:
    """Return the decision about a call of the server `demo`, by default with a rule that allows it."""
    return decide_about_mcp_call(
        McpCall("demo", tool, arguments or {}),
        call_mcp_tool.TOOL.tool,
        mode=mode,
        rules=RuleSet.parse(**({"allow": ALLOW, "deny": ("reads path data/**", "edits path locked.txt")} | rules)),
        roots=(root,),
        explain_exclusion=lambda path: "secret" if path.name == ".env" else "",
    )


@pytest.mark.parametrize(("tool", "rules", "effect"), [
    ("read_it", {}, Effect.ALLOW),
    ("read_it", {"allow": ()}, Effect.ASK),
    ("write_it", {}, Effect.ASK),
    ("Read_it", {}, Effect.ASK),
    ("read_it", {"allow": ("mcp:demo",)}, Effect.ALLOW),
    ("read_it", {"allow": ("mcp:dem",)}, Effect.ASK),
    ("read_it", {"allow": ("mcp:demo/read",)}, Effect.ASK),
    ("read_it", {"allow": ("mcp:*/read_it",)}, Effect.ALLOW),
    ("read_it", {"allow": ("call_mcp_tool",)}, Effect.ALLOW),
    ("read_it", {"allow": ("*", "edits", "reads")}, Effect.ASK),
    ("read_it", {"deny": ("mcp:demo/read_it",)}, Effect.DENY),
    ("Read_it", {"deny": ("mcp:DEMO/read_it",)}, Effect.DENY),
    ("read_it", {"deny": ("mcp:*",)}, Effect.DENY),
    ("read_it", {"deny": ("call_mcp_tool",)}, Effect.DENY),
    ("read_it", {"deny": ("*",)}, Effect.DENY),
    ("read_it", {"ask": ("mcp:demo",)}, Effect.ASK),
    ("read_it", {"ask": ("call_mcp_tool",)}, Effect.ASK),
    ("a/b.c-d", {"allow": ("mcp:demo/a/*",)}, Effect.ALLOW),
])  # fmt: skip
def test_only_a_rule_that_names_the_tool_allows_it(
    root: Path, tool: str, rules: dict[str, Any], effect: Effect
) -> None:
    decision = decide(root, tool=tool, **rules)
    assert decision.effect is effect
    assert bool(decision.rule) is (effect is Effect.ALLOW)
    assert decision.is_ruled is ("ask" in rules)


def test_in_plan_mode_nothing_is_called(root: Path) -> None:
    decision = decide(root, mode=Mode.PLAN, allow=("mcp:demo", "call_mcp_tool"))
    assert (decision.effect, decision.reason[:29]) == (Effect.DENY, "In plan mode no MCP server is")


@pytest.mark.parametrize("arguments", [
    {"path": ".env"}, {"path": "./.env"}, {"path": "{root}/.env"}, {"path": "a/../.env"}, {"path": "link.txt"},
    {"paths": ["a.txt", {"inner": [".env"]}]}, {".env": 1}, {"command": "cat .env | wc"}, {"command": "cat <.env"},
    {"command": "cp .env,a.txt b"}, {"query": "file=.env"}, {"uri": "file://{root}/.env"},
    {"uri": "file://{root}/%2Eenv"}, {"uri": "git:/x?path=.env"}, {"text": "@.env"}, {"json": '{{"path": ".env"}}'},
    {"path": "data/private.txt"}, {"path": "way/private.txt"}, {"path": "{root}/data/private.txt"},
    {"command": "head -3 data/private.txt"}, {"path": "data/x"}, {"query": "data"}, {"path": "locked.txt"},
    {"path": "~/.ssh/id_rsa.pem"}, {"path": "../.env"}, {"path": "/home/x/.aws/credentials.json"},
])  # fmt: skip
def test_arguments_that_name_what_is_closed_are_refused_although_a_rule_allows_the_tool(
    root: Path, arguments: dict[str, Any]
) -> None:
    decision = decide(root, fill_in(arguments, root))
    assert decision.effect is Effect.DENY, decision
    assert "no call may name it" in decision.reason or "that the call names" in decision.reason


@pytest.mark.parametrize("arguments", [
    {"path": "a.txt"}, {"path": "new.txt"}, {"text": "The credentials were wrong, e.g. in 3.14."}, {"query": "word"},
    {"url": "https://example.com/docs/credentials"}, {"number": 1, "yes": True, "none": None}, {"text": ""},
    {"text": "\0"}, {"text": "x" * 5000}, {"text": "~nobody/x"},
])  # fmt: skip
def test_other_arguments_are_not(root: Path, arguments: dict[str, Any]) -> None:
    assert decide(root, arguments).effect is Effect.ALLOW


def test_a_path_outside_or_one_that_a_rule_has_asked_is_asked_about(root: Path) -> None:
    outside = decide(root, {"path": "../beside.txt"})
    assert (outside.effect, "which is outside of the workspace" in outside.reason) == (Effect.ASK, True)
    asked = decide(root, {"path": "a.txt"}, ask=("reads path a.txt",))
    assert (asked.effect, asked.reason) == (Effect.ASK, "A rule allows it, but a rule has a.txt asked about.")


def test_keys_and_endless_arguments_are_refused(root: Path) -> None:
    assert "looks like a key" in decide(root, {"text": f"use {SECRET_KEY}"}).reason
    assert "looks like a key" in decide(root, {"inner": [{SECRET_KEY: 1}]}).reason
    assert "longer than 50,000" in decide(root, {"text": "x" * 50_000}).reason
    assert "too many paths" in decide(root, {"text": " ".join(f"a{n}.b" for n in range(5000))}).reason


def fill_in(value: Any, root: Path) -> Any:
    """Return a JSON value with the workspace folder in place of `{root}`."""
    if isinstance(value, str):
        return value.replace("{root}", root.as_posix()).replace("{{", "{").replace("}}", "}")
    if isinstance(value, dict):
        return {name: fill_in(one, root) for name, one in value.items()}
    return [fill_in(one, root) for one in value] if isinstance(value, list) else value
