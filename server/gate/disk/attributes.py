"""The attributes of files: mode, owner, group and extended attributes, ACLs among them.

Reads them from an open file and sets them on another one, as far as the system and the user's rights allow. Ignores
times. Start at `read_attributes` and `set_attributes`.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import stat
import sys
from contextlib import suppress

from agents.edits import Attributes

_MOST_BYTES = 65_536  # kept of the extended attributes of one file
_PRIVILEGES = stat.S_ISUID | stat.S_ISGID
_NOT_CARRIED = frozenset(
    {"security.capability", "security.ima", "security.evm"}
)  # they are valid for the old content only


def read_attributes(descriptor: int) -> Attributes:
    """Return the attributes of the open file `descriptor`; on Windows owner and group are -1.

    Extended attributes are read on Linux alone, up to `_MOST_BYTES`, without those that hold for the old content only.
    """
    found = os.fstat(descriptor)
    owner, group = (-1, -1) if os.name == "nt" else (found.st_uid, found.st_gid)
    return Attributes(stat.S_IMODE(found.st_mode), owner, group, _read_extended(descriptor))


def set_attributes(descriptor: int, wanted: Attributes) -> bool:
    """Set the attributes `wanted` on an open file as far as possible; return whether all could be set.

    Leaves out setuid and setgid if the owner or group could not be set. Does nothing on Windows, and returns True.

    Raises:
        OSError: the disk is full, or the mode cannot be set.
    """
    if sys.platform == "win32":
        return True
    owned = _set_owner(descriptor, wanted)
    extended = _set_extended(descriptor, wanted)
    mode = wanted.mode if owned else wanted.mode & ~_PRIVILEGES
    os.fchmod(descriptor, mode)
    return owned and extended and stat.S_IMODE(os.fstat(descriptor).st_mode) == wanted.mode


def serialize_attributes(attributes: Attributes | None) -> str:
    """Return `attributes` as JSON, "" for None."""
    if attributes is None:
        return ""
    extended = [(name, base64.b64encode(value).decode()) for name, value in attributes.extended]
    return json.dumps([attributes.mode, attributes.owner, attributes.group, extended])


def parse_attributes(text: str) -> Attributes | None:
    """Return the attributes that `serialize_attributes` turned into `text`; None for ""."""
    if not text:
        return None
    mode, owner, group, extended = json.loads(text)
    return Attributes(mode, owner, group, tuple((name, base64.b64decode(value)) for name, value in extended))


def _set_owner(descriptor: int, wanted: Attributes) -> bool:
    """Set the owner and group, or only the group if the owner is refused; return whether both are as wanted.

    Does nothing, and returns True, on Windows or if the owner is unknown.
    """
    if sys.platform == "win32" or wanted.owner < 0:
        return True
    for owner in (wanted.owner, -1):
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid) == (wanted.owner, wanted.group):
            return True
        with suppress(OSError):
            os.fchown(descriptor, owner, wanted.group)
    found = os.fstat(descriptor)
    return (found.st_uid, found.st_gid) == (wanted.owner, wanted.group)


def _read_extended(descriptor: int) -> tuple[tuple[str, bytes], ...]:
    """Return the name and value of each extended attribute, sorted by name; () on systems other than Linux.

    Leaves out values beyond `_MOST_BYTES` in total, and attributes that are valid for the old content only.
    """
    if sys.platform != "linux":
        return ()
    found: list[tuple[str, bytes]] = []
    left = _MOST_BYTES
    try:
        names = sorted(os.listxattr(descriptor))
    except OSError:
        return ()
    for name in names:
        with suppress(OSError):  # removed meanwhile, or not readable
            value = os.getxattr(descriptor, name)
            left -= len(value)
            if name not in _NOT_CARRIED and left >= 0:
                found.append((name, value))
    return tuple(found)


def _set_extended(descriptor: int, wanted: Attributes) -> bool:
    """Set the extended attributes of `wanted`, and remove others if possible; return whether all could be set.

    Does nothing, and returns True, on systems other than Linux.

    Raises:
        OSError: the disk is full.
    """
    if sys.platform != "linux":
        return True
    present, complete = dict(_read_extended(descriptor)), True
    for name in present.keys() - dict(wanted.extended).keys():  # a new file inherits some from its folder
        with suppress(OSError):
            os.removexattr(descriptor, name)
    for name, value in wanted.extended:
        if present.get(name) == value:
            continue
        try:
            os.setxattr(descriptor, name, value)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            complete = False
    return complete
