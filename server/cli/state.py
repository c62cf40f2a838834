"""`starling state`: writes the whole state into one file, and reads it back. Start at `app`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import terminal
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from server.state.databases.transfer import Transferred

app = typer.Typer(
    help="The whole state: export it, import it, also between databases.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="The new file.")]
OldFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file of `starling state export`.")]


@app.command("export")
def export(file: NewFile) -> None:
    """Write requests, sessions, queued tasks and all other records of the state into a file, as of this moment.

    The file is for you alone: it holds conversations, diffs, contents of changed files, and keys of accounts.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.databases.choice import open_state  # noqa: PLC0415
    from server.state.databases.transfer import export_state  # noqa: PLC0415
    from starling_files import open_private  # noqa: PLC0415

    state = open_state()
    try:
        with open_private(file, "xb") as stream:
            try:
                done = export_state(state, stream)
                stream.flush()
                os.fsync(stream.fileno())
            except BaseException:
                with suppress(OSError):
                    file.unlink()
                raise
    except FileExistsError as error:
        raise Failure(f"{file} exists already; name a new file.") from error
    except StateError as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror or error}.") from error
    finally:
        state.close()
    terminal.note(f"{_describe(done)} are in {file}; keep it private, and read it back with `starling state import`.")


@app.command("import")
def import_(
    file: OldFile,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="First delete all that is in the state, which cannot be undone.")
    ] = False,
) -> None:
    """Read a file of `starling state export` into the state, whole or not at all."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.databases.choice import open_state  # noqa: PLC0415
    from server.state.databases.transfer import TransferRefused, import_state  # noqa: PLC0415
    from starling_files import open_regular_file  # noqa: PLC0415

    state = open_state()
    try:
        with open_regular_file(file) as stream:
            done = import_state(state, stream, replaces=replace)
    except (StateError, TransferRefused) as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror or error}.") from error
    finally:
        state.close()
    terminal.note(f"{_describe(done)} were read from {file}.")


def _describe(done: Transferred) -> str:
    """Return the numbers of rows and tables in words."""
    return f"{terminal.format_count(done.rows, 'row')} of {terminal.format_count(done.tables, 'table')}"
