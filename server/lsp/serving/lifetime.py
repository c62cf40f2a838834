"""The end of the process: on signals, with its editor, and within a bounded time.

An editor that is killed sends no `exit`: then the end of input shows it, or, where another process holds the input
open, the editor's process id. Threads that still compute are not waited for. Start at `end`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

POLL_S = 1.0
GRACE_S = 8.0  # more than closing may take (`server.lsp.session.session.CLOSE_WAIT_S`)


def call_on_signals(stop: Callable[[], None]) -> None:
    """Have `stop` called on the running event loop on SIGTERM and SIGINT; do nothing on Windows."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, stop)


def call_after_end(process: int | None, on_end: Callable[[], None]) -> None:
    """Watch the process with the id `process` in a thread; after its end, call `on_end` on the running event loop.

    A number that is no visible process is ignored: a client may send any.
    """
    if process is not None and process > 0:
        loop = asyncio.get_running_loop()
        threading.Thread(target=_watch, args=(process, loop, on_end), name="parent", daemon=True).start()


def set_deadline(deadline_s: float = GRACE_S) -> None:
    """Start a timer that ends the process in `deadline_s` seconds with status 1, unless it has ended before."""
    timer = threading.Timer(deadline_s, _end_overdue)
    timer.daemon = True
    timer.start()


def end(status: int) -> NoReturn:
    """Flush the logs and end the process now with the exit status `status`, without waiting for threads.

    Kills the commands and MCP servers that this process has started and that still run.
    """
    for name in ("server.gate.commands.groups", "server.mcp_client.stdio"):
        if (groups := sys.modules.get(name)) is not None:
            groups.end_all_groups()
    if (traces := sys.modules.get("server.observation.opentelemetry_tracer")) is not None:
        traces.flush_all()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _end_overdue() -> None:
    """Log that closing took too long, and end the process with status 1."""
    logger.error("closing took too long; ending as it is")
    end(1)


def _watch(process: int, loop: asyncio.AbstractEventLoop, on_end: Callable[[], None]) -> None:
    """Poll the process until it has ended, then call `on_end` on `loop`; runs in a thread."""
    import psutil  # noqa: PLC0415 (on this thread, after `initialize`)

    try:
        parent = psutil.Process(process)
    except (psutil.Error, ValueError, OverflowError):
        return  # not a process here: invalid, or in another container or on another machine
    with contextlib.suppress(psutil.Error):  # it ended between the two calls
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL_S)
    logger.info("the editor, process %d, is gone", process)
    if not loop.is_closed():
        loop.call_soon_threadsafe(on_end)
