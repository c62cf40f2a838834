"""The command line; the console script calls `run`.

`starling serve` is handled before anything heavy is imported, because the editor waits for the server. The other
commands are one module each, put together by `server.cli.app`. Start at `run`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


PLAIN_SERVE = (["serve"], ["serve", "--stdio"])
VARIABLE = "STARLING_RESIDENT"
RESIDENT = ["resident"]  # the command by which a front starts the resident server; not for people


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return the exit status.

    The status is 0, 1 for failure, 2 for misuse, 130 after Ctrl-C. Serving ends the process and does not return.
    """
    if _wants_resident(arguments):
        from server.lsp.front import front  # noqa: PLC0415 (standard library only)

        front.run()  # returns only if there can be no resident server
    if len(arguments) == len(RESIDENT) + 1 and [*arguments[:1]] == RESIDENT:
        from server.cli import resident  # noqa: PLC0415 (pygls)

        return resident.serve(arguments[1])
    from server.cli import serve, terminal  # noqa: PLC0415 (standard library only; the package itself imports nothing)

    if (transport := serve.parse_without_typer(arguments)) is not None:
        try:
            return serve.serve(transport)
        except terminal.Failure as failure:
            terminal.note(str(failure))
            return failure.exit_code
    from server.cli.app import run_command  # noqa: PLC0415 (typer takes 75 ms, which `serve` saves)

    return run_command(arguments)


def _wants_resident(arguments: Sequence[str]) -> bool:
    """Return whether the command line serves an editor on stdio that may share the resident server.

    False where there are no Unix sockets, with `STARLING_RESIDENT=off`, and for a person at a terminal.
    """
    if [*arguments] not in PLAIN_SERVE or os.name != "posix" or sys.stdin is None:
        return False
    return os.environ.get(VARIABLE, "") != "off" and not sys.stdin.isatty()
