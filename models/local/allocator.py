"""Bounds on the memory that glibc's allocator keeps; other allocators (musl, macOS, Windows) are never touched.

CTranslate2 allocates megabytes per request, from threads that come and go with the kept KV states. By default glibc
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

# Blocks of this size get pages of their own. Packed weights are larger, what one layer computes is smaller: with 1 MB
# the pages cost a third of the time.
MAPPED_BYTES = 8_000_000
# The free end of a heap that stays; less costs page faults at each request.
SPARE_BYTES = 16_000_000
# The same while large weights are computed: what one layer frees the next one asks for. With less than 256 MB and some
# kept KV states, every third of the time of a prompt of 950 tokens goes to pages that were given back a moment ago.
LARGE_SPARE_BYTES = 1_000_000_000
HEAPS = 2
SETTINGS = ((M_ARENA_MAX, HEAPS), (M_MMAP_THRESHOLD, MAPPED_BYTES), (M_TRIM_THRESHOLD, SPARE_BYTES))

# Seconds after work until free pages are released: at most this often, and once after the last work.
REST_S = 1.0

_worked = threading.Event()


@functools.cache  # once per process
def limit_memory() -> bool:
    """Limit the memory that glibc keeps and start the thread that releases free pages; return False without glibc.

    Call it before other threads start: a thread that has a heap keeps it.
    """
    library = _glibc()
    if library is None:
        return False
    refused = [name for name, value in SETTINGS if not library.mallopt(name, value)]
    if refused:
        logger.warning("glibc refused the memory settings %s, so memory may grow.", refused)
    threading.Thread(target=_release_after_work, name="memory", daemon=True).start()
    return True


def allow_large_heaps() -> None:
    """Let heaps keep more memory between two layers of large weights; free pages are still released after the work."""
    library = _glibc()
    if library is not None and not library.mallopt(M_TRIM_THRESHOLD, LARGE_SPARE_BYTES):
        logger.warning("glibc refused to keep more memory while a large model computes, so that takes longer.")


def release_free_pages() -> None:
    """Return all free pages to the system; takes about a millisecond while other threads keep running."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def note_work() -> None:
    """Have free pages released after `REST_S`. Costs nothing; callable from any thread."""
    _worked.set()


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    """Return the C library where it is glibc, else None."""
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
    """Release free pages in pauses between work; never returns."""
    while True:
        _worked.wait()
        time.sleep(REST_S)
        _worked.clear()
        release_free_pages()
