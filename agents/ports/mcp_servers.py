"""A person's own MCP servers, whose tools agents may call. Start at `McpServers`.

Everything that a server says (names, descriptions, schemas, results) is written by a stranger: it is data.
`server.mcp_client` implements the port.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.tools import Risk, Tool

Cancelled = Callable[[], bool]
"""A callback that returns whether nobody needs the answer any more; it is cheap and runs on any thread."""


class McpFailed(Exception):  # noqa: N818 (named like `ToolFailed`, which it becomes)
    """A server could not be used; the message is one sentence for the model and the person."""


@dataclass(frozen=True, slots=True)
class McpServer:
    """One server of the person's settings.

    Attributes:
        name: its name in the settings.
        location: where it runs, for a person: the name of its program, or its address.
        about: the person's own words about it; "" for none.
    """

    name: str
    location: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class McpTool:
    """One tool of a server, as the server describes it.

    Attributes:
        name: its name; letters, digits and `_-./` only.
        description: the server's text about it; cut to size.
        schema: the JSON schema of its arguments; empty with a `problem`.
        problem: why it cannot be called, a clause; "" if it can.
    """

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class McpTools:
    """The tools of a server.

    Attributes:
        tools: those that can be shown, in the server's order.
        left_out: number of those left out: too many, or without a usable name.
    """

    tools: tuple[McpTool, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class McpResult:
    """The result of a call: its text, cut to size, and whether the server calls it an error."""

    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class McpCall:
    """One call of a tool of a server.

    Attributes:
        server: name of the server.
        tool: name of the tool.
        arguments: its arguments, JSON.
    """

    server: str
    tool: str
    arguments: Mapping[str, Any]

    @property
    def identity(self) -> Tool:
        """The tool as rules and records name it, `mcp:SERVER/TOOL`; its risk is unknown, so the highest."""
        return Tool(f"mcp:{self.server}/{self.tool}", Risk.CRITICAL)

    def format_arguments(self) -> str:
        """Return the arguments as JSON on several lines."""
        return json.dumps(dict(self.arguments), ensure_ascii=False, indent=2)


class McpServers(Protocol):
    """The servers that agents may use in a workspace; each is started when it is first needed."""

    @property
    def servers(self) -> tuple[McpServer, ...]:
        """All servers that may be used; none is started for this."""
        ...

    async def list_tools(self, server: str, *, cancelled: Cancelled) -> McpTools:
        """Return the tools that a server has now; starts it if it does not run.

        Raises:
            McpFailed: there is no such server, or it does not start or answer.
        """
        ...

    async def call(self, call: McpCall, *, cancelled: Cancelled) -> McpResult:
        """Call a tool, and return its result; asks nobody, so permission comes first.

        Raises:
            McpFailed: there is no such server, or it does not start or answer.
        """
        ...
