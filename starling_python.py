"""Python's own parser, for several threads.

CPython counts the depth of the tree that it builds in one counter for all threads. Where another thread parses in the
meantime, both fail with `SystemError: AST constructor recursion depth mismatch`. A thread is only interrupted there if
the garbage collector runs a finalizer, so the collector is off meanwhile. Imports of libraries that parse Python need
the same. Start at `parse_python`.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import threading
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK = threading.RLock()


def parse_python(text: str) -> ast.Module:
    """Return the syntax tree of `text`, without Python's warnings about it.

    Raises:
        SyntaxError: `text` is no Python, or too large or too deep for the parser.
    """
    try:
        with pause_garbage_collection(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about somebody's string escapes
            return ast.parse(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"it cannot be read ({error})") from None


@contextlib.contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Switch the garbage collector off in the block, for one thread at a time: other threads wait."""
    with _LOCK:
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()
