"""Text of a model as a line that a person reads: nothing in it moves the cursor, is invisible or turns around.

Start at `write_plainly`.
"""

from __future__ import annotations

import re

_SPACES = re.compile(r"\s+")


def write_plainly(text: str) -> str:
    r"""Return `text` on one line, with each character that cannot be seen written as its number (`\u202e`)."""
    seen = (one if one.isprintable() or one.isspace() else _escape(one) for one in text)
    return _SPACES.sub(" ", "".join(seen)).strip()


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
