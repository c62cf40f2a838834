"""Folders and files that their owner alone can read, whatever the umask: each missing folder on the way is made 0700.

Start at `make_private_folder` and `make_private_file`.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
HAS_OWNERS = hasattr(os, "getuid")  # elsewhere a user's own folders are private by what they inherit


def make_private_folder(folder: Path) -> None:
    """Make `folder`, and what is missing above it; close it to others where it was open to them.

    Raises:
        OSError: it cannot be made, is a link or no folder, or belongs to another user.
    """
    if not folder.parent.is_dir():
        make_private_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=FOLDER_MODE)
    _close_to_others(folder, stat.S_ISDIR, FOLDER_MODE)


def make_private_file(file: Path) -> None:
    """Make `file`, empty, if it is missing; close it to others where it was open to them.

    Raises:
        OSError: it cannot be made, is a link or no plain file, or belongs to another user.
    """
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
    _close_to_others(file, stat.S_ISREG, FILE_MODE)


def _close_to_others(path: Path, is_kind: Callable[[int], bool], mode: int) -> None:
    status = path.lstat()
    if not is_kind(status.st_mode):
        raise PermissionError(0, f"{path} is a link, or not what belongs there")
    if not HAS_OWNERS:
        return
    if status.st_uid != os.getuid():
        raise PermissionError(0, f"{path} belongs to someone else")
    if stat.S_IMODE(status.st_mode) != mode:
        path.chmod(mode)
