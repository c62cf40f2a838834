"""How commands speak to the terminal: one JSON object or text on stdout, everything else on stderr.

Imports rich only when asked for a console, so that failures can be told without it. Start at `Failure` and `emit`.
"""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import typer
    from rich.console import Console


_EMITTED: list[bool] = []  # the one object that a command with JSON writes


class Failure(Exception):  # noqa: N818 (it is what the command's user sees, no program error)
    """A command cannot do what was asked; the message is one sentence with the next step. Exit status 1."""

    exit_code = 1


class Misuse(Failure):
    """The command line itself is wrong. Exit status 2."""

    exit_code = 2


def emit(answer: dict[str, Any]) -> None:
    """Write `answer` as the one JSON object on stdout; in ASCII, so that no terminal or pipe can stumble over it."""
    _EMITTED.append(True)
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    sys.stdout.flush()


def refuse(sentence: str, status: int, arguments: Sequence[str]) -> int:
    """Tell on stderr why a command was refused, and on stdout where the command line wants JSON; return `status`."""
    note(sentence)
    if wants_json(arguments) and not _EMITTED:
        emit({"error": sentence, "status": status})
    return status


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON, whatever else is wrong with it."""
    options = list(arguments[: list(arguments).index("--")] if "--" in arguments else arguments)
    formats = [after for option, after in itertools.pairwise(options) if option == "--format"]
    return "--json" in options or "--format=json" in options or "json" in formats


def begin() -> None:
    """Forget what an earlier command of this process wrote."""
    _EMITTED.clear()


def out() -> Console:
    """The console on stdout."""
    return _console(sys.stdout)


def err() -> Console:
    """The console on stderr: progress, notes, problems."""
    return _console(sys.stderr)


def note(sentence: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"starling: {printable(sentence)}\n")
    sys.stderr.flush()


def overview(context: typer.Context) -> None:
    """Show a group's help where no command of it is named: on stderr, with the status of a misuse."""
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        context.exit(Misuse.exit_code)


def meant(name: str, known: Iterable[str]) -> str:
    """What was likely meant instead of a name that is not known, as a question; "" when nothing is near."""
    import difflib  # noqa: PLC0415 (what starting a server need not pay)

    near = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def printable(text: str) -> str:
    """`text` without what would drive the terminal (a file's name or content may hold escape sequences)."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def settle() -> None:
    """Make stdout and stderr take any text: what their encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _console(stream: TextIO) -> Console:
    from rich.console import Console  # noqa: PLC0415 (60 ms that `--json` does without)

    return Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
