"""The log of actions: what the team of agents did, one JSON object a line, in files of their own beside the log.

Modules log to `agents.ports.action_log`; this one writes its records. Each process has one file a day
(`2026-11-28-4711.jsonl`), and any of them deletes the old ones, so that processes never write to the same file. Secrets
are replaced in every field, and texts (`..._text`) are left out unless `log.texts` is set. Start at `start`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import os
import re
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from agents.ports.action_log import actions
from indexing.workspace.secrets.literals import replace_secrets
from server.assembly.log import STANDARD_ATTRIBUTES, WITHHELD, PrivacyFilter
from server.observation.ids import add_ids
from starling_files import make_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from server.assembly.setting_sections import LogSettings

FOLDER = "actions"
MOST_FILE_BYTES = 10_000_000
"""Size at which a process begins its next file of the day."""
LONGEST_FIELD = 2000
DAY_S = 24 * 3600.0
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-\d+(?:-\d+)?\.jsonl", re.ASCII)

logger = logging.getLogger(__name__)


def start(settings: LogSettings, directory: Path, clock: Callable[[], float] = time.time) -> None:
    """Write actions from now on to files in the folder `FOLDER` of `directory`, in place of those of earlier calls.

    Does nothing if the last call had the same settings, folder and clock. Without `log.file` or `log.actions`, drops
    actions. `clock` returns the seconds since the epoch.
    """
    wanted = ActionFiles(settings, directory / FOLDER, clock)
    for handler in list(actions.handlers):
        if isinstance(handler, ActionFiles) and handler.is_like(wanted):
            return
        actions.removeHandler(handler)
        handler.close()
    actions.setLevel(logging.INFO)
    actions.propagate = False
    actions.addHandler(wanted)


class ActionFiles(logging.Handler):
    """Writes records to files of this process, one a day; any number of processes share a folder.

    Args:
        settings: whether and how much is written.
        folder: the folder of the files.
        clock: returns the seconds since the epoch.
    """

    def __init__(self, settings: LogSettings, folder: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(logging.INFO)
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._day = ("", 0)  # with the process, because a fork must not go on with the file
        self._written = 0
        self._most = min(MOST_FILE_BYTES, settings.actions_bytes // 10)
        self._failed = False
        self.addFilter(add_ids)
        self.addFilter(PrivacyFilter(texts=settings.texts))

    def is_like(self, other: ActionFiles) -> bool:
        """Return whether `other` has the same settings, folder and clock."""
        return (self._settings, self._folder, self._clock) == (other._settings, other._folder, other._clock)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line, if the settings turn that on; logs only the first failure, and raises none."""
        if not (self._settings.file and self._settings.actions):
            return
        try:
            line = self._format(record)
            file = self._choose_file(len(line))
            file.write(line)
            file.flush()
            self._written += len(line)
        except (OSError, ValueError, TypeError) as error:
            self._close_file()
            if not self._failed:
                logger.warning("actions are not logged: %s", error)
            self._failed = True

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            self._close_file()
        super().close()

    def _format(self, record: logging.LogRecord) -> bytes:
        """Return the line of a record: time, what happened, process, and its fields."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        for name, value in vars(record).items():
            if name not in STANDARD_ATTRIBUTES and value not in {None, "", WITHHELD}:
                line[name] = replace_secrets(value[:LONGEST_FIELD], WITHHELD) if isinstance(value, str) else value
        line["process"] = record.process
        return json.dumps(line, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace") + b"\n"

    def _choose_file(self, more: int) -> BinaryIO:
        """Return the file of today with room for `more` bytes; a new one if there is none, after old ones are deleted.

        Raises:
            OSError: no file can be created.
        """
        day = _format_day(self._clock()), os.getpid()
        gone = self._path is not None and not self._path.exists()
        if self._file is None or gone or day != self._day or self._written + more > self._most:
            self._close_file()
            make_folder(self._folder.parent)
            make_folder(self._folder)
            self._delete_old()
            self._day, self._written = day, 0
            for number in range(1000):
                path = self._folder / f"{day[0]}-{day[1]}{f'-{number}' if number else ''}.jsonl"
                with contextlib.suppress(FileExistsError):
                    self._file, self._path = open_private(path, "xb"), path
                    break
            else:
                raise FileExistsError(f"{path} and a thousand files before it exist")
        assert self._file is not None  # noqa: S101 (opened above)
        return self._file

    def _delete_old(self) -> None:
        """Delete files that are older than the settings keep, and the oldest beyond their size; ignore failures."""
        kept = self._settings.actions_bytes - self._most
        oldest = _format_day(self._clock() - self._settings.actions_days * DAY_S)
        found = []
        for path in self._folder.glob("*.jsonl"):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((_read_day(path) or _format_day(status.st_mtime), status.st_mtime, status.st_size, path))
        total = 0
        for day, _, size, path in sorted(found, reverse=True):
            total += size
            if day < oldest or total > kept:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _close_file(self) -> None:
        """Close the file if one is open."""
        file, self._file, self._path = self._file, None, None
        if file is not None:
            file.close()


def _format_day(seconds: float) -> str:
    """Return the local date of a time since the epoch, "2026-11-28"."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def _read_day(path: Path) -> str:
    """Return the date in the name of a file with actions; "" if it has another name."""
    found = _NAME.match(path.name)
    return found[1] if found else ""
