"""The token that whoever connects to a socket must know, and the file that hands it to a person's own programs.

The file is readable by its owner alone, is never reached through a link, and is made anew or refused: a file that
others can read or write proves nothing. Start at `read` and `write`.
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
LONGEST = 4096  # bytes of a file that holds a token and perhaps an end of line
TOKEN = re.compile(r"[\x21-\x7e]{32,1024}")


class TokenFileError(Exception):
    """The file cannot hold the token, or does not; the message says why and what to do."""


def new() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def read(file: Path) -> str | None:
    """Return the token that `file` holds, None where there is no file.

    Raises:
        TokenFileError: it holds none, or others can read it.
    """
    try:
        return _read(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TokenFileError(f"The token file {file} cannot be read ({error.strerror or error}).") from error


def write(file: Path, token: str) -> None:
    """Write a token to `file`, which takes the place of a file of that name.

    Raises:
        TokenFileError: the file cannot be written.
    """
    try:
        write_file(file, f"{token}\n".encode())
    except OSError as error:
        raise TokenFileError(f"The token file {file} cannot be written ({error.strerror or error}).") from error


def remove(file: Path, token: str) -> None:
    """Delete the file if it still holds this token."""
    with contextlib.suppress(OSError, TokenFileError):
        if _read(file) == token:
            file.unlink()


def _read(file: Path) -> str:
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as reading:
        status = os.fstat(reading.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise TokenFileError(f"The token file {file} is no file; name another one.")
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o077):
            raise TokenFileError(f"The token file {file} must be yours alone: chmod 600 it, or name another one.")
        text = reading.read(LONGEST).decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(text):
        raise TokenFileError(f"The token file {file} holds no token of 32 characters or more; delete it for a new one.")
    return text
