"""The command `starling resident`, by which a front starts the resident server; not for people. Start at `serve`."""

from __future__ import annotations

import gc
from pathlib import Path

from server.assembly import log
from server.cli import terminal


def serve(socket_path: str) -> int:
    """Serve all windows whose fronts connect to the socket, then end the process; return 1 if that cannot be."""
    gc.disable()  # imports leave no garbage; serving enables it
    from server.lsp.serving import resident  # noqa: PLC0415 (as above)
    from server.lsp.serving.stdio import ServeError  # noqa: PLC0415 (as above)

    log.begin()
    try:
        resident.serve(Path(socket_path))
    except ServeError as error:
        terminal.note(str(error))
        return 1
