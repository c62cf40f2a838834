"""The files of `deploy/` as the tests read them, and the check of a command line in them against the program's own."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer.main

from server.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CONTAINERFILE = DEPLOY / "Containerfile"
COMPOSE = DEPLOY / "compose.yaml"
WORK_UNIT = DEPLOY / "systemd" / "starling-work@.service"
SERVE_UNIT = DEPLOY / "systemd" / "user" / "starling-serve.service"
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def read_unit(path: Path) -> dict[str, list[str]]:
    """Return the values of each directive of a unit, of all its sections."""
    found = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(("#", "[")) and line.strip():
            name, _, value = line.partition("=")
            found[name].append(value)
    return dict(found)


def read_instructions(path: Path = CONTAINERFILE) -> list[tuple[str, str]]:
    """Return the instructions of a Containerfile in order: the word in capitals, and what follows it."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def check_command(words: Sequence[str] | str) -> str:
    """Parse the arguments of `starling` as the program does, without running it; return the command's name.

    Raises:
        click.UsageError: the program does not know the command, or one of its options.
    """
    name, *rest = shlex.split(words) if isinstance(words, str) else words
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, rest, resilient_parsing=False).close()
    return name
