"""The settings of a person's own MCP servers. Start at `McpSettings`.

A server is a program that runs on the person's machine, or an address that gets what agents send: only the person's own
`settings.toml` or the environment can name one. A workspace and an editor can turn servers off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from server.assembly.endpoints import Address  # noqa: TC001 (pydantic reads it)
from server.assembly.setting_sections import ADDS_UP
from server.assembly.setting_sources import to_snake_case

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic.config import JsonDict

    from server.mcp_client.definitions import ServerDefinition
    from server.mcp_client.pool import ServerPool

ALL = "*"
"""Name of all servers, for `mcp.off`."""

WORKSPACE = "${workspace}"
"""Stands for the first workspace folder in arguments and variables of a server."""

PERSONAL_SERVERS: JsonDict = {
    "personal": True,
    "allowed": "tables with a `command` or a `url`, with secrets as `${env:NAME}` or `${keyring:NAME}` alone",
}
_SECRET = re.compile(r"key|token|secret|passw|credential|auth|cookie|pat$", re.IGNORECASE)


def _check_secrets(texts: dict[str, str]) -> dict[str, str]:
    """Return `texts` unchanged if each one with the name of a secret is empty or has a reference; for pydantic.

    Raises:
        ValueError: a text with a name like `API_KEY` has no reference to a secret, so it holds one itself.
    """
    from server.mcp_client.definitions import REFERENCE  # noqa: PLC0415 (only if there is a server)

    for name, text in texts.items():
        if _SECRET.search(name) and text and not REFERENCE.search(text):
            raise ValueError(f"{name} is a secret; write `${{env:NAME}}` or `${{keyring:NAME}}`")
    return texts


def _convert_names(table: Any) -> Any:  # noqa: ANN401 (any value of a settings file)
    """Return `table` with its keys in snake_case, since camelCase is allowed too; anything but a table unchanged.

    Lists become tuples, which the fields are.
    """
    if not isinstance(table, dict):
        return table
    return {
        to_snake_case(str(name)): tuple(value) if isinstance(value, list) else value for name, value in table.items()
    }


ServerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
ToolPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./*-]{1,128}$")]
Variables = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")], Annotated[str, Field(max_length=4000)]],
    AfterValidator(_check_secrets),
]
Headers = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")], Annotated[str, Field(pattern=r"^[\x20-\x7e]{0,4000}$")]
    ],
    AfterValidator(_check_secrets),
]


class McpServerSettings(BaseModel):
    """The settings of one MCP server: a program on this machine, or an address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str = Field(default="", max_length=1000)
    args: tuple[Annotated[str, Field(max_length=4000)], ...] = Field(default=(), max_length=200)
    env: Variables = Field(default={})
    url: Address = ""
    headers: Headers = Field(default={})
    about: str = Field(default="", max_length=200)
    allow: tuple[ToolPattern, ...] = ()
    deny: tuple[ToolPattern, ...] = ()
    timeout_s: int = Field(default=60, ge=1, le=600)
    disabled: bool = False

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Require a program or an address, and not both.

        Raises:
            ValueError: there is neither, or both.
        """
        if bool(self.command) == bool(self.url):
            raise ValueError("a server has either a command or a url")
        return self


class McpSettings(BaseModel):
    """The settings of the person's own MCP servers, whose tools agents may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: dict[ServerName, Annotated[McpServerSettings, BeforeValidator(_convert_names)]] = Field(
        default={},
        max_length=50,
        description="Your own MCP servers, whose tools agents may call after a question: `[mcp.servers.NAME]` tables "
        "([Model Context Protocol](mcp.md)).",
        json_schema_extra=PERSONAL_SERVERS,
    )
    off: tuple[Annotated[str, Field(min_length=1, max_length=40)], ...] = Field(
        default=(),
        description="Names of MCP servers that agents do not use, `*` for all; the lists of all layers are joined.",
        json_schema_extra=ADDS_UP,
    )

    @property
    def active(self) -> dict[str, McpServerSettings]:
        """The servers that agents may use, by name."""
        if ALL in self.off:
            return {}
        return {name: one for name, one in self.servers.items() if not one.disabled and name not in self.off}

    def list_rules(self) -> tuple[list[str], list[str]]:
        """Return the rules that the tables of the servers contain: those that deny, and those that allow."""
        deny = [f"mcp:{name}/{tool}" for name, one in self.active.items() for tool in one.deny]
        return deny, [f"mcp:{name}/{tool}" for name, one in self.active.items() for tool in one.allow]


def define_servers(settings: McpSettings, folder: Path | None) -> list[ServerDefinition]:
    """Return definitions of the servers that agents may use, with `folder` ("" for None) in place of `WORKSPACE`."""
    from server.mcp_client.definitions import ServerDefinition  # noqa: PLC0415 (only if there is a server)

    place = str(folder or "")

    def define(name: str, one: McpServerSettings) -> ServerDefinition:
        """Return the server `name` as its settings define it."""
        args = tuple(text.replace(WORKSPACE, place) for text in one.args)
        env = {variable: text.replace(WORKSPACE, place) for variable, text in one.env.items()}
        return ServerDefinition(name, one.command, args, env, one.url, one.headers, one.about, float(one.timeout_s))

    return [define(name, one) for name, one in settings.active.items()]


def build_pool(settings: McpSettings, folder: Path | None, old: ServerPool | None = None) -> ServerPool | None:
    """Return a pool of the servers that agents may use, with `folder` in place of `WORKSPACE`; None without any.

    Returns `old`, whose servers may be running, if it has the same definitions; a new pool has started no server.
    """
    if not settings.active:
        return None
    from server.mcp_client.pool import ServerPool  # noqa: PLC0415 (only if there is a server)

    made = ServerPool(define_servers(settings, folder))
    return old if old is not None and old.definitions == made.definitions else made
