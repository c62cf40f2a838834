"""The command line: `run` is what the console script calls.

`starling serve` is taken before anything heavy is imported, because the editor waits for it; all other commands are
one module each, gathered by `server.cli.app`. Holds no domain rule. Start at `run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name); returns the exit status: 0, 1 for failure, 2 for misuse."""
    from server.cli import serve, terminal  # noqa: PLC0415 (stdlib only; the package itself imports nothing)

    if (transport := serve.plain(arguments)) is not None:
        try:
            return serve.serve(transport)
        except terminal.Failure as failure:
            terminal.note(str(failure))
            return failure.exit_code
    from server.cli.app import run_command  # noqa: PLC0415 (typer costs 75 ms that `serve` need not pay)

    return run_command(arguments)
