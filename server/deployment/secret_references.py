"""References to secrets in the person's settings, resolved only at the moment when a command runs.

A value goes into the environment of the command and nowhere else. No message of this module has a value. Start at
`resolve_secrets`.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from server.gate.commands.scrubbing import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCE = re.compile(
    r"keyring:(?P<service>[A-Za-z0-9._@-]{1,100})/(?P<name>[A-Za-z0-9._@-]{1,100})"
    r"|env:(?P<variable>[A-Za-z_][A-Za-z0-9_]{0,99})|file:(?P<file>[^\x00-\x1f]{1,1000})"
)
"""A reference: `keyring:SERVICE/NAME`, `env:NAME` or `file:PATH`."""

LONGEST = 32_768
"""Bytes of the longest secret."""


class SecretUnavailable(Exception):  # noqa: N818 (the answer to a person, not a bug)
    """A secret is missing or cannot be used; the message says which one and what to do, without its value."""


def resolve_secrets(references: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that variables refer to, by the variables' names. Blocking: a keyring may ask the person.

    Raises:
        SecretUnavailable: one of them is missing, too short or too long, open to other users, or cannot be read.
    """
    return {name: _resolve(name, reference) for name, reference in references.items()}


def _resolve(variable: str, reference: str) -> str:
    """Return the secret that `reference` names, for the variable `variable`.

    Raises:
        SecretUnavailable: as `resolve_secrets`.
    """
    found = REFERENCE.fullmatch(reference)
    if found is None:
        raise SecretUnavailable(
            f"The secret {variable} has no valid reference; write keyring:SERVICE/NAME, env:NAME or file:PATH."
        )
    if found["variable"]:
        value = os.environ.get(found["variable"], "")
        missing = f"The environment variable {found['variable']}, the secret {variable}, is not set."
    elif found["name"]:
        value = _read_keyring(variable, found["service"], found["name"])
        missing = f"The system's keyring has no entry {found['name']} of {found['service']}, the secret {variable}."
    else:
        value = _read_file(variable, found["file"])
        missing = f"The file {found['file']}, the secret {variable}, is empty."
    if not value.strip():
        raise SecretUnavailable(missing)
    if "\0" in value or len(value.encode("utf-8", "replace")) > LONGEST:
        raise SecretUnavailable(f"The secret {variable} has a NUL or more than {LONGEST:,} bytes.")
    if len(value.strip()) < SHORTEST:
        raise SecretUnavailable(
            f"The secret {variable} has fewer than {SHORTEST} characters and could not be removed from outputs; use a "
            "longer one."
        )
    return value


def _read_keyring(variable: str, service: str, name: str) -> str:
    """Return an entry of the system's keyring, "" for none.

    Raises:
        SecretUnavailable: the keyring is missing or does not open.
    """
    from models.chat import ChatError  # noqa: PLC0415 (only where a keyring is used)
    from models.remote.keys import read_from_keyring  # noqa: PLC0415

    try:
        return read_from_keyring(name, service) or ""
    except ChatError:
        raise SecretUnavailable(
            f"The system's keyring, which holds the secret {variable}, cannot be read; unlock it and install the extra "
            "`keyring`, or use env:NAME or file:PATH."
        ) from None


def _read_file(variable: str, name: str) -> str:
    """Return the text of a file without line breaks at its end.

    Raises:
        SecretUnavailable: it cannot be read, is no regular file of this user, is open to other users, is not UTF-8, or
            is longer than `LONGEST` bytes.
    """
    path = Path(os.path.expanduser(name))  # noqa: PTH111 (pathlib's raises)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            problem = _find_file_problem(os.fstat(descriptor))
            data = b"" if problem else file.read(LONGEST + 1)
    except OSError as error:
        why = error.strerror or "unknown"
        raise SecretUnavailable(f"The file {path}, the secret {variable}, cannot be read ({why}).") from None
    if problem:
        raise SecretUnavailable(f"The file {path}, the secret {variable}, {problem}")
    if len(data) > LONGEST:
        raise SecretUnavailable(f"The file {path}, the secret {variable}, has more than {LONGEST:,} bytes.")
    try:
        return data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretUnavailable(f"The file {path}, the secret {variable}, is no text in UTF-8.") from None


def _find_file_problem(found: os.stat_result) -> str:
    """Return why a file cannot hold a secret, the end of a sentence with the next step; "" if it can."""
    if not stat.S_ISREG(found.st_mode):
        return "is no regular file."
    if sys.platform == "win32":
        return ""  # who may read a file is not a part of its mode there
    if found.st_uid != os.getuid():
        return "belongs to another user."
    if found.st_mode & 0o077:
        return f"is open to other users (mode {found.st_mode & 0o777:o}); run `chmod 600` on it."
    return ""
