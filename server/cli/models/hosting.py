"""`starling models serve`: runs the model host, which servers also start by themselves. Start at `serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from models.errors import ModelError
from server.cli import terminal
from server.cli.terminal import Failure
from server.state import paths

# Of the machine's memory; the rest is left to editors and other programs.
MEMORY_SHARE = 0.8
IDLE_S = 900.0
WAITING = 64


def serve(
    *,
    memory_mb: Annotated[
        int, typer.Option("--memory", min=0, metavar="MB", help="For all models together; 0 is 80 % of the machine's.")
    ] = 0,
    idle_s: Annotated[
        float, typer.Option("--idle", min=0.2, metavar="SECONDS", help="End after this time without a request.")
    ] = IDLE_S,
    waiting: Annotated[
        int, typer.Option("--waiting", metavar="N", min=1, max=10_000, help="Most requests that wait for one model.")
    ] = WAITING,
) -> None:
    """Hold models in memory for all your servers.

    Listens on a socket that you alone can open. A server starts this by itself for a model of 200 MB or more. It speaks
    OpenAI's API, so other programs of yours may use it too.
    """
    import psutil  # noqa: PLC0415 (used only here, like all below)

    from models.host import daemon  # noqa: PLC0415
    from models.host.loaded_models import Limits  # noqa: PLC0415
    from server.assembly import hosts, log  # noqa: PLC0415
    from server.assembly.settings import resolve  # noqa: PLC0415
    from server.lsp.serving import lifetime  # noqa: PLC0415

    settings, _ = resolve()
    log.configure(settings.log, paths.log_dir())
    memory = memory_mb * 1_000_000 or int(psutil.virtual_memory().total * MEMORY_SHARE)
    loaders = daemon.make_loaders(paths.ensure_writable(paths.state_dir()).path)
    try:
        daemon.run(
            hosts.choose_host_address(),
            Limits(memory, waiting, idle_s),
            models_dir=paths.models_dir(),
            loaders=loaders,
            ready=lambda place: terminal.note(f"The model host listens at {place}."),
        )
    except daemon.AlreadyRunningError as error:
        terminal.note(str(error))
    except ModelError as error:
        raise Failure(str(error)) from error
    lifetime.end(0)  # also where another host runs already: the models are held
