"""Bounded reading of a workspace's files: never blocks, reads at most a limit, and parses TOML in bounded time.

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
    """TOML that is nested too deeply, or has keys that take too long to parse."""


def read_toml(path: Path, limit: int) -> dict[str, Any]:
    """Return the tables of the TOML file at `path`.

    Raises:
        OSError: the file cannot be read, is not a regular file, or has more than `limit` bytes.
        ValueError: it is not TOML, is nested too deeply, or a key has too many parts.
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
