"""The heaps of glibc's allocator in a running process, read from outside: each begins at a multiple of 64 MB."""

from __future__ import annotations

import itertools
from pathlib import Path

HEAP_BYTES = 64 << 20


def count_thread_heaps(pid: int) -> int:
    """Return how many heaps beside the main one the process has; 0 where there is no `/proc`."""
    maps = Path("/proc", str(pid), "maps")
    if not maps.exists():
        return 0
    lines = [line.split() for line in maps.read_text(encoding="utf-8").splitlines()]
    spans = [(*(int(end, 16) for end in fields[0].split("-")), fields[1], len(fields)) for fields in lines]
    return sum(
        used == "rw-p" and unnamed == 5 and spare == "---p" and start % HEAP_BYTES == end % HEAP_BYTES == 0
        for (start, middle, used, unnamed), (again, end, spare, _) in itertools.pairwise(spans)
        if middle == again
    )
