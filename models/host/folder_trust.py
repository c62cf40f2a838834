"""Trust in folders: whether only this user and the administrator can change what lies at a path.

Walks down from the root through open directory handles, so that what was checked is what is entered. Start at
`explain_distrust`.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from starling_files import FOLDER_MODE, make_folder

HAS_OWNERS = hasattr(os, "getuid")  # elsewhere a user's folders are private by inheritance
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# With O_PATH, where the system has it, a folder that may be entered but not listed can be checked too.
ENTER = getattr(os, "O_PATH", os.O_RDONLY)
OPEN_FOLDER = ENTER | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
MOST_LINKS = 20


class UntrustedError(Exception):
    """Others could change what lies there; the message is the rest of a sentence."""


def explain_distrust(folder: Path, own: int = 1) -> str:
    """Return why others could change what lies in `folder`, as the rest of a sentence; "" if they cannot.

    Args:
        folder: an absolute path.
        own: how many of its last parts are Starling's own: they must belong to this user, be closed to all others, and
            be no links. The parts before them, and links among these, must belong to this user or the administrator;
            others may write to them only if the sticky bit is set (`/tmp`).
    """
    if sys.platform == "win32":
        return ""  # the folders of a user's profile are private by inheritance
    if not folder.is_absolute() or ".." in folder.parts or not 0 < own < len(folder.parts):
        return f"{folder} is not a plain path"
    try:
        with ExitStack() as opened:
            _walk(folder.parts[1:], own, opened)
    except UntrustedError as error:
        return str(error)
    except OSError as error:
        return f"{folder} cannot be looked at ({error.strerror or error})"
    return ""


def claim(folder: Path, own: int = 1) -> bool:
    """Create `folder` and its missing parents; return whether no other user can change what lies there.

    The user's own folder that others can read is closed to them. One that others can write to is left as it is.
    """
    if not folder.is_absolute():
        return False
    with suppress(OSError):
        for part in reversed((folder, *folder.parents[: own - 1])):
            if not part.parent.is_dir():
                make_folder(part.parent)
            with suppress(FileExistsError):
                part.mkdir(mode=FOLDER_MODE)
            status = part.lstat()
            ours = HAS_OWNERS and status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
            if ours and not status.st_mode & OTHERS_WRITE and status.st_mode & 0o077:
                part.chmod(FOLDER_MODE)
        return folder.is_dir() and os.access(folder, os.W_OK) and not explain_distrust(folder, own)
    return False


def _walk(parts: tuple[str, ...], own: int, opened: ExitStack) -> None:
    """Enter one part of the path after the other and check each.

    Raises:
        UntrustedError: others could change what lies there.
        OSError: a part cannot be opened.
    """
    root = (Path("/"), _enter("/", None, opened))
    way, links = [root], 0
    left = [(part, place >= len(parts) - own) for place, part in enumerate(parts)]
    _check(*root, ours=False)
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
        way.append((at / name, _enter(name, descriptor, opened)))
        _check(*way[-1], ours=ours)


def _enter(name: str, folder: int | None, opened: ExitStack) -> int:
    """Open a folder, closed with `opened`; return its descriptor."""
    descriptor = os.open(name, OPEN_FOLDER, dir_fd=folder)
    opened.callback(os.close, descriptor)
    return descriptor


def _check(path: Path, descriptor: int, *, ours: bool) -> None:
    """Check owner and mode of an open folder; `ours`: it must be closed to all others.

    Raises:
        UntrustedError: others could change what lies there.
    """
    status = os.fstat(descriptor)
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in ({os.getuid()} if ours else {0, os.getuid()}):
        raise UntrustedError(f"{path} belongs to user {status.st_uid}")
    if ours and mode & 0o077:
        raise UntrustedError(f"{path} is open to others (mode {mode:03o})")
    if mode & OTHERS_WRITE and not mode & stat.S_ISVTX:
        raise UntrustedError(f"others can write to {path} (mode {mode:03o})")
