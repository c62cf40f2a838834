"""Secrets, input and rights of a command of a deployment, besides its request.

Never comes from an agent or a workspace: `server.deployment` makes it from the person's own settings. Start at
`Extras`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 (a dataclass keeps its types)
from typing import TYPE_CHECKING

from server.gate.commands.scrubbing import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Extras:
    """Rights and input of one command, beside those of its request.

    Attributes:
        environment: further environment variables, which may be secrets.
        given: what the command reads on its standard input: bytes, or a file.
        writable: folders outside of the workspace that it may change.
        sockets: sockets that it may use, as that of Docker.
        scrubber: removes secrets from its output before anything of it is kept.
        collect: gets the command's folder for temporary files when it has ended with status 0, before that is deleted.
            Blocking; raises `OSError`.
    """

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    given: bytes | Path = field(default=b"", repr=False)
    writable: tuple[Path, ...] = ()
    sockets: tuple[Path, ...] = ()
    scrubber: Scrubber = field(default_factory=lambda: Scrubber(()), repr=False)
    collect: Callable[[Path], None] | None = None


NO_EXTRAS = Extras()
