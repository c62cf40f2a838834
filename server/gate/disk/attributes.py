"""What a file has beside its bytes: mode, owner, group and extended attributes, ACLs among them.

Reads them from an open file and gives them to another one, as far as the system and the user's rights allow. Times are
not carried. Start at `of` and `give`.
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

_MOST_BYTES = 65_536  # of all extended attributes of one file that are kept
_PRIVILEGES = stat.S_ISUID | stat.S_ISGID
_NOT_CARRIED = frozenset({"security.capability", "security.ima", "security.evm"})  # they vouch for the old content


def of(descriptor: int) -> Attributes:
    """Return the attributes of an open file."""
    found = os.fstat(descriptor)
    owner, group = (-1, -1) if os.name == "nt" else (found.st_uid, found.st_gid)
    return Attributes(stat.S_IMODE(found.st_mode), owner, group, _extended(descriptor))


def give(descriptor: int, wanted: Attributes) -> bool:
    """Give an open file `wanted` as far as it goes; return whether it has all of it now.

    A file whose owner or group could not be kept gets no setuid or setgid.
    """
    if sys.platform == "win32":
        return True
    owned = _own(descriptor, wanted)
    extended = _extend(descriptor, wanted)
    mode = wanted.mode if owned else wanted.mode & ~_PRIVILEGES
    os.fchmod(descriptor, mode)
    return owned and extended and stat.S_IMODE(os.fstat(descriptor).st_mode) == wanted.mode


def to_text(attributes: Attributes | None) -> str:
    """Write attributes as JSON for the record, "" for none."""
    if attributes is None:
        return ""
    extended = [(name, base64.b64encode(value).decode()) for name, value in attributes.extended]
    return json.dumps([attributes.mode, attributes.owner, attributes.group, extended])


def from_text(text: str) -> Attributes | None:
    """Read what `to_text` wrote."""
    if not text:
        return None
    mode, owner, group, extended = json.loads(text)
    return Attributes(mode, owner, group, tuple((name, base64.b64decode(value)) for name, value in extended))


def _own(descriptor: int, wanted: Attributes) -> bool:
    """Give the file its owner and group; where the owner is refused, at least the group."""
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


def _extended(descriptor: int) -> tuple[tuple[str, bytes], ...]:
    if sys.platform != "linux":
        return ()
    found: list[tuple[str, bytes]] = []
    left = _MOST_BYTES
    try:
        names = sorted(os.listxattr(descriptor))
    except OSError:
        return ()
    for name in names:
        with suppress(OSError):  # it went meanwhile, or may not be read
            value = os.getxattr(descriptor, name)
            left -= len(value)
            if name not in _NOT_CARRIED and left >= 0:
                found.append((name, value))
    return tuple(found)


def _extend(descriptor: int, wanted: Attributes) -> bool:
    """Make the extended attributes exactly those of `wanted`; return whether they are."""
    if sys.platform != "linux":
        return True
    held, complete = dict(_extended(descriptor)), True
    for name in held.keys() - dict(wanted.extended).keys():  # a folder gives its own to every new file
        with suppress(OSError):
            os.removexattr(descriptor, name)
    for name, value in wanted.extended:
        if held.get(name) == value:
            continue
        try:
            os.setxattr(descriptor, name, value)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            complete = False
    return complete
