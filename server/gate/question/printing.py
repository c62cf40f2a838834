"""Text that a person can read on any screen. Imports nothing, because the server needs it before `initialize`."""

from __future__ import annotations


def replace_unprintable(text: str) -> str:
    """Return `text` with U+FFFD for each character that is neither printable nor a tab or newline."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
