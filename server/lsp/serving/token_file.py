"""The token that clients of a socket must send, and the file from which the user's own programs read it.

Only its owner may read and write the file, and it must not be a link; any other file is refused. Start at `read` and
`write`.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from typing import TYPE_CHECKING

from starling_files import write_file

if TYPE_CHECKING:
    from pathlib import Path

TOKEN_BYTES = 32
LONGEST = 4096  # bytes that are read of a token file
TOKEN = re.compile(r"[\x21-\x7e]{32,1024}")


class TokenFileError(Exception):
    """The token file cannot be read, written or trusted; the message says why and what to do."""


def generate() -> str:
    """Return a new random token."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def read(file: Path) -> str | None:
    """Return the token in `file`, None if there is no file.

    Raises:
        TokenFileError: the file cannot be read, is not a regular file, holds no token, or is not this user's alone.
    """
    try:
        return _read(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TokenFileError(f"The token file {file} cannot be read ({error.strerror or error}).") from error


def write(file: Path, token: str) -> None:
    """Write `token` to `file`, which only this user may read, replacing an existing file.

    Raises:
        TokenFileError: the file cannot be written.
    """
    try:
        write_file(file, f"{token}\n".encode())
    except OSError as error:
        raise TokenFileError(f"The token file {file} cannot be written ({error.strerror or error}).") from error


def remove(file: Path, token: str) -> None:
    """Delete `file` if it still holds `token`; ignore errors."""
    with contextlib.suppress(OSError, TokenFileError):
        if _read(file) == token:
            file.unlink()


def _read(file: Path) -> str:
    """Return the token in `file` after checking its type, owner and mode. Raises OSError and TokenFileError."""
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as reading:
        status = os.fstat(reading.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise TokenFileError(f"The token file {file} is not a regular file; name another one.")
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o077):
            raise TokenFileError(f"The token file {file} must be yours alone: chmod 600 it, or name another one.")
        text = reading.read(LONGEST).decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(text):
        raise TokenFileError(f"The token file {file} holds no token of 32 characters or more; delete it for a new one.")
    return text
