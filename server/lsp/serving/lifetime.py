"""When the process ends: with its editor, on request, and never later than that.

An editor that is killed says nothing: then the end of input tells it, or, where something else holds our input open,
its process id. Whatever still computes is left behind, for a thread of a model must not keep us alive. Start at `end`.
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
GRACE_S = 8.0  # longer than closing everything may take (`server.lsp.session.session.CLOSE_WAIT_S`)


def on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on the running event loop for SIGTERM and SIGINT; where a platform cannot, they end the process."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, stop)


def on_death(process: int | None, gone: Callable[[], None]) -> None:
    """Call `gone` on the running event loop once that process has ended; one that we cannot see is not watched.

    A client may say any number; what is no process is not watched either.
    """
    if process is not None and process > 0:
        loop = asyncio.get_running_loop()
        threading.Thread(target=_watch, args=(process, loop, gone), name="parent", daemon=True).start()


def end_by(deadline_s: float = GRACE_S) -> None:
    """From now on the process ends after that time, however stuck it is."""
    timer = threading.Timer(deadline_s, _give_up)
    timer.daemon = True
    timer.start()


def end(status: int) -> NoReturn:
    """End the process now, with its logs written, and without waiting for a thread."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _give_up() -> None:
    logger.error("closing took too long; ending as it is")
    end(1)


def _watch(process: int, loop: asyncio.AbstractEventLoop, gone: Callable[[], None]) -> None:
    import psutil  # noqa: PLC0415 (on this thread, after `initialize`)

    try:
        parent = psutil.Process(process)
    except (psutil.Error, ValueError, OverflowError):
        return  # no number of a process, or in another container or on another machine, so it says nothing
    with contextlib.suppress(psutil.Error):  # it went between two questions
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL_S)
    logger.info("the editor, process %d, is gone", process)
    if not loop.is_closed():
        loop.call_soon_threadsafe(gone)
