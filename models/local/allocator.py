"""Bounds on the memory that glibc's allocator keeps; other allocators (musl, macOS, Windows) are never touched.

CTranslate2 allocates megabytes per request, from threads that come and go with the cached KV states. By default glibc
gives threads separate heaps, raises the size from which blocks get their own pages, and keeps freed memory: each heap
grows to its largest use, and the packed weights, in pages that were used before, hold hundreds of megabytes more.
Start at `limit_memory`.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

logger = logging.getLogger(__name__)

# glibc's `mallopt` parameters, from <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8

# Blocks of this size and more get pages of their own. Packed weights are larger, a layer's results are smaller: with
# 1 MB, allocating pages takes a third of the time.
MAPPED_BYTES = 8_000_000
# Free memory that stays at the end of a heap; with less, each request causes page faults.
SPARE_BYTES = 16_000_000
# The same while large weights compute: each layer allocates what the layer before freed. With less than 256 MB and
# some cached KV states, a third of the time of a prompt of 950 tokens goes to pages that were released a moment ago.
LARGE_SPARE_BYTES = 1_000_000_000
HEAPS = 2
SETTINGS = ((M_ARENA_MAX, HEAPS), (M_MMAP_THRESHOLD, MAPPED_BYTES), (M_TRIM_THRESHOLD, SPARE_BYTES))

# Seconds between a computation and the release of free pages, which happens at most this often.
REST_S = 1.0

_worked = threading.Event()


@functools.cache  # once per process
def limit_memory() -> bool:
    """Limit the memory that glibc keeps and start a thread that releases free pages; return False without glibc.

    To be called before other threads start: a thread that has a heap of its own keeps it.
    """
    library = _load_glibc()
    if library is None:
        return False
    refused = [name for name, value in SETTINGS if not library.mallopt(name, value)]
    if refused:
        logger.warning("glibc refused the memory settings %s, so memory may grow.", refused)
    threading.Thread(target=_release_after_work, name="memory", daemon=True).start()
    return True


def allow_large_heaps() -> None:
    """Let heaps keep `LARGE_SPARE_BYTES` of free memory from now on, for large weights; does nothing without glibc."""
    library = _load_glibc()
    if library is not None and not library.mallopt(M_TRIM_THRESHOLD, LARGE_SPARE_BYTES):
        logger.warning("glibc refused to keep more memory while a large model computes, so that takes longer.")


def release_free_pages() -> None:
    """Release all free pages to the system, in about a millisecond; does nothing without glibc."""
    library = _load_glibc()
    if library is not None:
        library.malloc_trim(0)


def note_work() -> None:
    """Record a computation: `REST_S` seconds later, the thread of `limit_memory` releases free pages. Thread-safe."""
    _worked.set()


@functools.cache
def _load_glibc() -> ctypes.CDLL | None:
    """Return the process's C library if it is glibc, else None."""
    if sys.platform != "linux" or not _is_glibc():
        return None
    import ctypes  # noqa: PLC0415  # only where it is of use

    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def _is_glibc() -> bool:
    """Return whether the C library is glibc."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, OSError, ValueError):
        return False


def _release_after_work() -> None:
    """Release free pages `REST_S` seconds after each computation; never returns."""
    while True:
        _worked.wait()
        time.sleep(REST_S)
        _worked.clear()
        release_free_pages()
