"""The output of commands: one JSON object or text on stdout, everything else on stderr; and their failures.

Imports rich only for a console, so that failures are reported without it. Start at `Failure` and `emit`.
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


_EMITTED: list[bool] = []  # not empty once the command has written its JSON object


class Failure(Exception):  # noqa: N818 (a message to the user, not an error of the program)
    """A command cannot do what it was asked for; the message says why, and the next step. Exit status 1."""

    exit_code = 1


class Misuse(Failure):
    """The command line itself is wrong. Exit status 2."""

    exit_code = 2


def emit(answer: dict[str, Any]) -> None:
    """Write `answer` as the command's JSON object to stdout; in ASCII, which every terminal and pipe can encode."""
    _EMITTED.append(True)
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    sys.stdout.flush()


def report_failure(sentence: str, status: int, arguments: Sequence[str]) -> int:
    """Write the `sentence` about a failure to stderr; return the exit status `status`.

    If `arguments` ask for JSON and none was written before, write both to stdout, too.
    """
    note(sentence)
    if wants_json(arguments) and not _EMITTED:
        emit({"error": sentence, "status": status})
    return status


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether the command line `arguments` asks for JSON; it need not be valid otherwise."""
    options = list(arguments[: list(arguments).index("--")] if "--" in arguments else arguments)
    formats = [after for option, after in itertools.pairwise(options) if option == "--format"]
    return "--json" in options or "--format=json" in options or "json" in formats


def forget_emitted() -> None:
    """Forget that an earlier command of this process has written its JSON object."""
    _EMITTED.clear()


def get_stdout() -> Console:
    """Return a console on stdout, for the answer of a command."""
    return _make_console(sys.stdout)


def get_stderr() -> Console:
    """Return a console on stderr, for progress, notes and problems."""
    return _make_console(sys.stderr)


def note(sentence: str) -> None:
    """Write `sentence` to stderr, after the program's name."""
    sys.stderr.write(f"starling: {escape(sentence)}\n")
    sys.stderr.flush()


def show_help(context: typer.Context) -> None:
    """Write the help of a group of commands to stderr and exit with status 2, if no command of the group was given."""
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        context.exit(Misuse.exit_code)


def suggest_names(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean a or b?" with the up to three names of `known` most similar to `name`; "" if none is."""
    import difflib  # noqa: PLC0415 (a server starts without it)

    near = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def escape(text: str) -> str:
    r"""Return `text` with unprintable characters written like \x1b, except line feeds and tabs."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def format_count(number: int, noun: str) -> str:
    """Return `number` with `noun`, in the plural unless the number is 1: "1 file", "2,000 files"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def format_time(at: float) -> str:
    """Return the time `at` (seconds since the epoch) as date, hours and minutes of the person's own time zone."""
    import datetime as dt  # noqa: PLC0415 (a server starts without it)

    return dt.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def allow_any_text() -> None:
    """Make stdout and stderr write a character that their encoding lacks as an escape, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _make_console(stream: TextIO) -> Console:
    """Return a console on `stream`, which wraps lines only on a terminal."""
    from rich.console import Console  # noqa: PLC0415 (60 ms, which `--json` saves)

    return Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
