"""Python's own parser and the imports that use it, safe with several threads.

CPython counts the depth of a tree that it builds in one place for all threads. Where another thread parses while a
tree is being built, both are refused with `SystemError: AST constructor recursion depth mismatch`. A thread is only
interrupted there when the garbage collector runs somebody's finalizer, so the collector rests meanwhile.
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
    """Return the tree of a text; what Python warns of in it is not said.

    Raises:
        SyntaxError: it is no Python, or more than Python reads.
    """
    try:
        with uninterrupted(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about somebody's string escapes
            return ast.parse(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"it cannot be read ({error})") from None


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let the garbage collector rest; one thread at a time."""
    with _LOCK:
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()
