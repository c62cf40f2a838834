"""Mount points of pseudo file systems such as `/proc`, whose files the system makes up as they are read.

They hold no source code, and a walk through one may never end. If the system does not list its mounts, the usual places
are used. Start at `list_pseudo_mounts`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # Linux; proc(5)
USUAL = frozenset({"/dev", "/proc", "/sys"})
TYPES = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs"),
        *("fusectl", "hugetlbfs", "mqueue", "nfsd", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs"),
        *("sysfs", "tracefs"),
    )
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def list_pseudo_mounts() -> frozenset[str]:
    """Return the absolute paths at which pseudo file systems are, or usually are, mounted; none on Windows."""
    if os.name != "posix":
        return frozenset()
    try:
        listing = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return USUAL
    return USUAL | parse_mountinfo(listing)


def parse_mountinfo(listing: str) -> frozenset[str]:
    """Return the mount points of pseudo file systems in a `mountinfo` listing."""
    found = set()
    for line in listing.splitlines():
        place, _, kind = line.partition(" - ")
        fields = place.split()
        # the fifth field is the mount point
        if len(fields) > 4 and kind.split(" ", 1)[0] in TYPES:
            found.add(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), fields[4]))
    return frozenset(found)
