"""Names of the clients that hold leases of sessions: unique, and one can tell from a name that its process has ended.

So the sessions of a killed process can be used again at once, not only when their leases expire. Start at `name_owner`.
"""

from __future__ import annotations

import platform
import re
import uuid

import psutil

_OWNER = re.compile(r"\s(?P<host>\S+):(?P<pid>\d{1,10}) (?P<begun>[0-9a-f]{1,16})-[0-9a-f]{8}\Z")


def name_owner(client: str) -> str:
    """Return a unique name for the client `client` in this process: with host, process id and the process's start."""
    process = psutil.Process()
    return f"{client} {platform.node()}:{process.pid} {int(process.create_time()):x}-{uuid.uuid4().hex[:8]}"


def describe_owner(owner: str) -> str:
    """Return the name `owner` in words for a person: client, machine and process; any other text unchanged."""
    return _OWNER.sub(lambda found: f" on {found['host']}, process {found['pid']}", owner)


def has_ended(owner: str) -> bool:
    """Return whether the process of `owner` has certainly ended; false for other machines, and for other names."""
    parts = _OWNER.search(owner)
    if parts is None or parts["host"] != platform.node():
        return False
    try:
        return bool(abs(psutil.Process(int(parts["pid"])).create_time() - int(parts["begun"], 16)) > 2)
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
