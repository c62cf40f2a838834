"""Trust in folders: checks that only this user and the administrator can change the contents of a folder.

A path is checked from the root down through open directory handles, so that the folder that was checked is the folder
that is entered. Start at `explain_distrust`.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from starling_files import FOLDER_MODE, make_folder

HAS_OWNERS = hasattr(os, "getuid")  # on Windows a user's folders are private by inheritance
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# With O_PATH, if the system has it, a folder that may be entered but not listed can be checked too.
ENTER = getattr(os, "O_PATH", os.O_RDONLY)
OPEN_FOLDER = ENTER | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
MOST_LINKS = 20


class UntrustedError(Exception):
    """Other users could change the contents of a folder; the message says why, as a clause without a capital."""


def explain_distrust(folder: Path, own_parts: int = 1) -> str:
    """Return why other users could change the contents of `folder`, as a clause; "" if they cannot.

    The clause may also say that the folder cannot be checked. On Windows "" is always returned.

    Args:
        folder: an absolute path.
        own_parts: how many of its last components are Starling's own: these must belong to this user, be closed to all
            others, and be no links. The components before them, links included, must belong to this user or the
            administrator; others may write to them only if the sticky bit is set (`/tmp`).
    """
    if sys.platform == "win32":
        return ""  # the folders of a user's profile are private by inheritance
    if not folder.is_absolute() or ".." in folder.parts or not 0 < own_parts < len(folder.parts):
        return f"{folder} is not a plain path"
    try:
        with ExitStack() as opened:
            _check_path(folder.parts[1:], own_parts, opened)
    except UntrustedError as error:
        return str(error)
    except OSError as error:
        return f"{folder} cannot be checked ({error.strerror or error})"
    return ""


def create_private_folder(folder: Path, own_parts: int = 1) -> bool:
    """Create `folder` and its missing parents; return whether it is writable and no other user can change its contents.

    Of the last `own_parts` components, a folder of this user that others can read is closed to them; a folder that
    others can write to is left as it is, and False is returned.
    """
    if not folder.is_absolute():
        return False
    with suppress(OSError):
        for part in reversed((folder, *folder.parents[: own_parts - 1])):
            if not part.parent.is_dir():
                make_folder(part.parent)
            with suppress(FileExistsError):
                part.mkdir(mode=FOLDER_MODE)
            status = part.lstat()
            ours = HAS_OWNERS and status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
            if ours and not status.st_mode & OTHERS_WRITE and status.st_mode & 0o077:
                part.chmod(FOLDER_MODE)
        return folder.is_dir() and os.access(folder, os.W_OK) and not explain_distrust(folder, own_parts)
    return False


def _check_path(parts: tuple[str, ...], own_parts: int, opened: ExitStack) -> None:
    """Open the folders of a path one after the other, from the root down, and check each.

    Args:
        parts: the components after the root.
        own_parts: as for `explain_distrust`.
        opened: closes the folders later.

    Raises:
        UntrustedError: other users could change the contents of one of them.
        OSError: a folder cannot be opened.
    """
    root = (Path("/"), _open_folder("/", None, opened))
    way, links = [root], 0
    left = [(part, place >= len(parts) - own_parts) for place, part in enumerate(parts)]
    _check_folder(*root, ours=False)
    while left:
        name, ours = left.pop(0)
        at, descriptor = way[-1]
        if name == "..":  # of a link
            way = way[:-1] or [root]
            continue
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if ours or links > MOST_LINKS:
                raise UntrustedError(f"{at / name} is a link")
            if status.st_uid not in {0, os.getuid()}:
                raise UntrustedError(f"{at / name} is a link of user {status.st_uid}")
            target = Path(os.readlink(name, dir_fd=descriptor))
            way = [root] if target.is_absolute() else way
            left[:0] = [(part, False) for part in target.parts if part != target.root]
            continue
        if not stat.S_ISDIR(status.st_mode):
            raise UntrustedError(f"{at / name} is no folder")
        way.append((at / name, _open_folder(name, descriptor, opened)))
        _check_folder(*way[-1], ours=ours)


def _open_folder(name: str, folder: int | None, opened: ExitStack) -> int:
    """Open the folder `name` in the open folder `folder`, to be closed by `opened`; return its descriptor."""
    descriptor = os.open(name, OPEN_FOLDER, dir_fd=folder)
    opened.callback(os.close, descriptor)
    return descriptor


def _check_folder(path: Path, descriptor: int, *, ours: bool) -> None:
    """Check owner and mode of an open folder; with `ours`, it must be this user's and closed to all others.

    Raises:
        UntrustedError: other users could change its contents.
    """
    status = os.fstat(descriptor)
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in ({os.getuid()} if ours else {0, os.getuid()}):
        raise UntrustedError(f"{path} belongs to user {status.st_uid}")
    if ours and mode & 0o077:
        raise UntrustedError(f"{path} is open to others (mode {mode:03o})")
    if mode & OTHERS_WRITE and not mode & stat.S_ISVTX:
        raise UntrustedError(f"others can write to {path} (mode {mode:03o})")
