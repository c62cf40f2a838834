"""Reading a file of a workspace: never blocks, never reads on without end, and parses nothing that could hold us up.

Start at `read_regular`, and at `read_toml` for settings.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from starling_files import read_regular, read_text

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TooDeepError", "parse_toml", "read_regular", "read_text", "read_toml"]

# `tomllib` takes quadratic time for keys of many parts: 30 s for one of 256 kB
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?>[\w-]+|"[^"\n]{0,99}"|'[^'\n]{0,99}')(?>[ \t]*)\.(?>[ \t]*)){50}""")


class TooDeepError(ValueError):
    """What was made to hold up its reader."""


def read_toml(path: Path, limit: int) -> dict[str, Any]:
    """Return the tables of the TOML file at `path`.

    Raises:
        OSError: it cannot be read, is no regular file, or holds more than `limit` bytes.
        ValueError: it is not TOML.
    """
    return parse_toml(read_text(path, limit))


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables in `text`.

    Raises:
        ValueError: it is not TOML, is nested too deeply, or a key has too many parts.
    """
    if _LONG_KEY.search(text):
        raise TooDeepError("a key has too many parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TooDeepError("it is nested too deeply") from None
