"""Files with the records of turns: one private file of JSON lines for each turn of a session, the newest kept.

A record that cannot be written is no reason to end a turn. Start at `open_turn_file`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from typing import TYPE_CHECKING

from server.state import paths
from starling_files import make_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

FOLDER = "turns"
MOST_FILES = 200
MOST_BYTES = 20_000_000
"""Size of one record; further lines are left out."""


@contextlib.contextmanager
def open_turn_file(session: str) -> Iterator[Callable[[str], None]]:
    """Create a file for a turn of `session`, delete the oldest files, and yield a function that writes one line.

    The line has to end with a line break. The function does nothing if the file cannot be created or written, and
    leaves out lines beyond `MOST_BYTES`.
    """
    folder = paths.state_dir() / FOLDER
    try:
        make_folder(folder)
        remove_oldest(folder, MOST_FILES - 1)
        stream = open_private(folder / f"{time.time_ns()}-{session[:12]}.jsonl", "xb")
    except OSError as error:
        logger.warning("a turn is not recorded", extra={"reason": str(error)})
        yield lambda _: None
        return
    written = 0

    def write(line: str) -> None:
        """Write a line of the record, unless that would exceed `MOST_BYTES`."""
        nonlocal written
        data = line.encode("utf-8", "surrogatepass")
        if written + len(data) > MOST_BYTES:
            return
        try:
            stream.write(data)
            stream.flush()
            written += len(data)
        except OSError as error:  # a full disk: the turn goes on
            written = MOST_BYTES
            logger.warning("the rest of a turn is not recorded", extra={"reason": str(error)})

    with contextlib.suppress(OSError), stream:
        yield write


def remove_oldest(folder: Path, most: int) -> None:
    """Delete files of JSON lines in `folder`, in the order of their names, until `most` are left.

    The names begin with the time. Ignores files that cannot be deleted.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as found:  # sorting paths takes 20 times as long as sorting names
        names = [one.name for one in found if one.name.endswith(".jsonl")]
    for name in sorted(names)[: -most or None]:
        with contextlib.suppress(OSError):
            (folder / name).unlink()
