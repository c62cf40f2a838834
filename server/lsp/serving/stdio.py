"""Serving one editor over standard input and output; the process ends with the editor.

Also holds what all transports share; the other transports are in `server.lsp.serving.sockets`. Start at `serve_stdio`.
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

SWITCH_S = 0.0005  # Python's interval between thread switches; its default is 0.005


class ServeError(Exception):
    """The address cannot be served; the message says why and what to do."""


def serve_stdio(build: Builder = core.build) -> NoReturn:
    """Serve the editor that started this process, then end the process; `build` makes the session's core."""
    reading, writing = streams.claim_stdio()
    tune_for_latency()
    allocator.limit_memory()
    status = asyncio.run(_serve(reading, writing, build))
    lifetime.end(status)


def wrap_with_logging(build: Builder) -> Builder:
    """Return a builder that calls `build`, then configures the process's log by the settings of the new core.

    Leaves the log as it is if its settings have not changed. Adds problems of the log to those of the core.
    """

    def build_and_configure(roots: Sequence[Path], options: object, old: core.Core | None) -> core.Core:
        """Build a core, and configure the log if its settings have changed."""
        from server.assembly import log  # noqa: PLC0415 (structlog, after `initialize`)
        from server.assembly.observation import switching  # noqa: PLC0415 (as above)
        from server.assembly.watching import action_log  # noqa: PLC0415 (as above)
        from server.state import paths  # noqa: PLC0415 (structlog, after `initialize`)
        from server.state.run_folder import HOME_VARIABLE  # noqa: PLC0415 (as above)

        new = build(roots, options, old)
        if old is None or old.settings.log != new.settings.log:
            folder = paths.ensure_writable(paths.log_dir())
            problem = log.configure(new.settings.log, folder.path or paths.log_dir())
            action_log.start(new.settings.log, folder.path or paths.log_dir())
            if not any(HOME_VARIABLE in one for one in new.problems):  # else the index has reported the problem
                problem = problem or folder.problem
            new = replace(new, problems=(*new.problems, *filter(None, [problem])))
        if wrong := switching.apply(new.settings):
            new = replace(new, problems=(*new.problems, *wrong))
        return new

    return build_and_configure


async def _serve(reading: int, writing: int, build: Builder) -> int:
    """Serve until the editor ends the connection or its process, its output breaks, or a signal comes.

    Returns:
        The exit status, with which the caller ends the process: `lifetime.set_deadline` soon does it otherwise.
    """
    server = create_server(wrap_with_logging(build))
    loop = asyncio.get_running_loop()
    server.exit_status = loop.create_future()
    writer = streams.DescriptorWriter(writing, broken=lambda: server.stop(1))
    server.protocol.set_writer(writer)

    follow_session(server)
    streams.read_in_thread(reading, _make_receiver(server))
    lifetime.call_on_signals(lambda: server.stop(0))
    status = await server.exit_status
    lifetime.set_deadline()
    await server.session.close()
    writer.close()
    return status


def follow_session(server: StarlingServer) -> None:
    """Have the session end with its editor's process, and freeze what it loads and show the hint of a first start."""
    session = server.session

    def finish_loading() -> None:
        """Exclude what was loaded from later collections of garbage, and show the hint at the first start."""
        freeze_loaded_objects()
        if (loaded_core := session.cores.current) is not None:
            first_start.show_hint_once(loaded_core.settings, session.make_notifier())

    session.on_loaded = finish_loading
    session.on_begin = lambda: lifetime.call_after_end(session.client.process, lambda: server.stop(1))


def _make_receiver(server: StarlingServer) -> streams.Receiver:
    """Return the callbacks for standard input; at the end of input, requests that came before are still answered."""
    protocol = server.protocol

    def end_input(problem: Exception | None) -> None:
        """End the session in the background; `problem` is the error that ended the input, if any."""
        ending = protocol.end() if problem is None else protocol.end_after_error(problem)
        server.session.guard.run_in_background("end of input", ending, otherwise=lambda: server.stop(1))

    return streams.Receiver(protocol.receive, protocol.refuse_oversized, end_input)


def tune_for_latency() -> None:
    """Tune Python for latency: collect garbage less often, and switch threads more often.

    A collection takes up to milliseconds. A keystroke passes through four threads, and each switch may wait for the
    turn of a thread that analyses or reviews meanwhile, by default five milliseconds.
    """
    gc.set_threshold(10_000, 20, 20)
    gc.freeze()  # excludes imported objects: saves 30 ms before the answer to `initialize`
    gc.enable()  # `server.cli.serve` has disabled it until here
    sys.setswitchinterval(SWITCH_S)


@functools.cache  # runs once: the objects of later sessions are freed at their end
def freeze_loaded_objects() -> None:
    """Collect garbage, then exclude all existing objects from later collections, which saves 25 ms each time.

    Does nothing after the first call.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
