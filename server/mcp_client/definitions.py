"""One MCP server as the person's settings define it, and the secrets that its texts refer to.

A secret is never in the settings: a text names an environment variable or an entry of the system's keyring, and is
filled in when the server starts. Start at `ServerDefinition`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.mcp_servers import McpFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCE = re.compile(r"\$\{(env|keyring):([A-Za-z0-9._-]{1,100})\}")
"""A reference to a secret: `${env:NAME}` or `${keyring:NAME}`."""


@dataclass(frozen=True, slots=True)
class ServerDefinition:
    """A server: a program on this machine (`command`), or an address (`url`).

    Attributes:
        name: its name in the settings.
        command: the program; "" for none.
        args: its arguments.
        env: environment variables that it gets besides the usual ones; the values may have references.
        url: its address, for streamable HTTP; "" for none.
        headers: headers of each request; the values may have references.
        about: the person's words about it.
        timeout_s: longest call, seconds.
    """

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    url: str = ""
    headers: Mapping[str, str] | None = None
    about: str = ""
    timeout_s: float = 60.0

    @property
    def location(self) -> str:
        """The place where it runs, for a person: the name of the program, without its arguments, or the address."""
        return self.url or os.path.basename(self.command)  # noqa: PTH119 (a text of the settings)


class Secrets:
    """Fills in references, and removes what was filled in from messages."""

    def __init__(self) -> None:
        self._values: list[str] = []

    def fill_in(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return `texts` with the secret itself in place of each reference. Blocking: a keyring may ask the person.

        Raises:
            McpFailed: an environment variable is not set, or the keyring has no such entry or cannot be read.
        """
        return {name: REFERENCE.sub(lambda found: self._read(found[1], found[2]), text) for name, text in texts.items()}

    def remove(self, text: str) -> str:
        """Return `text` with "…" in place of each secret that was filled in, and of all that looks like one."""
        from models.remote.keys import HIDDEN, remove_secrets  # noqa: PLC0415 (only for a message)

        for value in self._values:
            text = text.replace(value, HIDDEN)
        return remove_secrets(text)

    def _read(self, kind: str, name: str) -> str:
        """Return the secret that a reference names, and store it for `remove`.

        Raises:
            McpFailed: there is none, or the keyring cannot be read.
        """
        from models.chat import ChatError  # noqa: PLC0415 (only where a secret is used)
        from models.remote.keys import read_from_keyring  # noqa: PLC0415

        if kind == "env":
            value = os.environ.get(name, "")
            if not value:
                raise McpFailed(f"The environment variable {name}, which the settings of the server name, is not set.")
        else:
            try:
                value = read_from_keyring(name) or ""
            except ChatError as error:
                raise McpFailed(str(error)) from error
            if not value:
                raise McpFailed(f"The system's keyring has no key {name}; store it with `starling key {name}`.")
        self._values.append(value)
        return value
