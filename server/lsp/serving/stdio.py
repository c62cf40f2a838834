"""Serving the editor that started us, over standard input and output: its end is ours.

What every way of serving shares stands here too; the others are `server.lsp.serving.sockets`'. Start at `serve_stdio`.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from models.local import allocator
from server.assembly import core
from server.lsp.language_server import create_server
from server.lsp.serving import first_start, lifetime
from server.lsp.wire import streams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from server.assembly.core import Builder
    from server.lsp.language_server import StarlingServer

SWITCH_S = 0.0005


class ServeError(Exception):
    """The address cannot be served; the message says why and what to do."""


def serve_stdio(build: Builder = core.build) -> NoReturn:
    """Serve the editor that started us, then end the process; `build` makes the session's core."""
    reading, writing = streams.claim_stdio()
    stay_quick()
    allocator.bound()
    status = asyncio.run(_stdio(reading, writing, build))
    lifetime.end(status)


def logging_built(build: Builder) -> Builder:
    """`build`, and the process's log as the settings of the newest core say."""

    def built(roots: Sequence[Path], options: object, old: core.Core | None) -> core.Core:
        from server.assembly import log  # noqa: PLC0415 (structlog, after `initialize`)
        from server.state import paths  # noqa: PLC0415 (structlog, after `initialize`)

        new = build(roots, options, old)
        if old is None or old.settings.log != new.settings.log:
            folder = paths.writable(paths.log_dir())
            problem = log.configure(new.settings.log, folder.path or paths.log_dir())
            if not any(paths.HOME_VARIABLE in said for said in new.problems):  # else it is said of the index already
                problem = problem or folder.problem
            new = replace(new, problems=(*new.problems, *filter(None, [problem])))
        return new

    return built


async def _stdio(reading: int, writing: int, build: Builder) -> int:
    server = create_server(logging_built(build))
    loop = asyncio.get_running_loop()
    server.exit_status = loop.create_future()
    writer = streams.DescriptorWriter(writing, broken=lambda: server.stop(1))
    server.protocol.set_writer(writer)

    def loaded() -> None:
        settle()
        if (loaded_core := server.session.cores.current) is not None:
            first_start.tell(loaded_core.settings, server.session.make_teller())

    server.session.on_loaded = loaded
    server.session.on_begin = lambda: lifetime.on_death(server.session.client.process, lambda: server.stop(1))
    streams.read_in_thread(reading, _receiver(server))
    lifetime.on_signals(lambda: server.stop(0))
    status = await server.exit_status
    lifetime.end_by()
    await server.session.close()
    writer.close()
    return status


def _receiver(server: StarlingServer) -> streams.Receiver:
    """Return who takes what standard input brings; its end is obeyed after what came before it is answered."""
    protocol = server.protocol

    def ended(problem: Exception | None) -> None:
        ending = protocol.end() if problem is None else protocol.break_off(problem)
        server.session.guard.run_in_background("end of input", ending, otherwise=lambda: server.stop(1))

    return streams.Receiver(protocol.receive, protocol.refuse_oversized, ended)


def stay_quick() -> None:
    """Look for garbage in cycles less often, and change threads more often: both come in the middle of a key.

    A look takes up to milliseconds. A key goes through four threads, and each change waits until whatever is analysed
    or reviewed meanwhile has had its turn, which is five milliseconds unless told otherwise.
    """
    gc.set_threshold(10_000, 20, 20)
    gc.freeze()  # what was imported is not looked through before the answer to `initialize`, for which that is 30 ms
    gc.enable()  # `server.cli.serve` holds it off until here
    sys.setswitchinterval(SWITCH_S)


@functools.cache  # once: a later session's objects go with it
def settle() -> None:
    """What is loaded once stays: it is not to be looked through for garbage again, which takes 25 ms."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
