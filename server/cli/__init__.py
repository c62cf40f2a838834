"""The command line; the console script calls `run`.

`starling serve` is handled before anything heavy is imported, because the editor waits for the server. The other
commands are one module each, put together by `server.cli.app`. Start at `run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return the exit status.

    The status is 0, 1 for failure, 2 for misuse, 130 after Ctrl-C. Serving ends the process and does not return.
    """
    from server.cli import serve, terminal  # noqa: PLC0415 (standard library only; the package itself imports nothing)

    if (transport := serve.parse_without_typer(arguments)) is not None:
        try:
            return serve.serve(transport)
        except terminal.Failure as failure:
            terminal.note(str(failure))
            return failure.exit_code
    from server.cli.app import run_command  # noqa: PLC0415 (typer takes 75 ms, which `serve` saves)

    return run_command(arguments)
