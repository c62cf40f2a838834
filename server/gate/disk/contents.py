"""The content of a file as text, with its encoding, byte order mark and line endings.

Refuses a file whose text would not encode to exactly the same bytes again. Reads files, never writes. Start at `read`.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.syntax import texts
from indexing.workspace.files import read_regular
from server.gate.disk import attributes

if TYPE_CHECKING:
    from agents.edits import Attributes

LARGEST = 1_000_000  # bytes; a larger file is neither changed nor created
UTF8 = "utf-8"
MARKS = {"utf-8-sig": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
CODECS = {"utf-8-sig": UTF8}  # Python's own codec of that name would drop a second mark
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
NAMES = {"utf-8-sig": "UTF-8", UTF8: "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "latin-1": "Latin-1"}


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a file.

    Attributes:
        text: the text without byte order mark, with its line endings.
        encoding: a key of `NAMES`, which also determines the byte order mark.
        executable: whether the file's owner may execute it.
        attributes: mode, owner and so on; None if they were not read.
    """

    text: str
    encoding: str = UTF8
    executable: bool = False
    attributes: Attributes | None = field(default=None, compare=False)

    @property
    def data(self) -> bytes:
        """The bytes of the file, encoded."""
        return encode(self.text, self.encoding)


def read(path: Path) -> Content | None:
    """Return the content of the file at `path` without its attributes; None if it does not exist.

    Raises:
        OSError: the file is not regular, not readable, larger than `LARGEST`, or not a text that `decode` accepts.
    """
    try:
        data, found = read_regular(path, LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, f"larger than {LARGEST:,} bytes", str(path))
    return decode(data, path, executable=bool(found.st_mode & stat.S_IXUSR) and os.name != "nt")


def read_with_attributes(path: Path) -> Content | None:
    """Return the content of the file at `path` with its attributes; None if it does not exist.

    Raises:
        OSError: as from `read`.
    """
    content = read(path)
    if content is None:
        return None
    descriptor = os.open(path, _READING)
    try:
        return replace(content, attributes=attributes.read_attributes(descriptor))
    finally:
        os.close(descriptor)


def is_protected(path: Path) -> bool:
    """Return whether the file at `path` exists and is write-protected, or this user may not write it."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path, os.W_OK)


def decode(data: bytes, path: Path, *, executable: bool = False) -> Content:
    """Return the content of a file with the bytes `data` in UTF-8, UTF-16 or Latin-1; `path` is named in the error.

    Raises:
        OSError: the data is binary, or its text does not encode to the same bytes again.
    """
    text = texts.decode(data)
    by_mark = (name for name, mark in MARKS.items() if data.startswith(mark))
    for encoding in (next(by_mark, UTF8), "latin-1"):
        if "\0" not in text and _try_encode(text, encoding) == data:
            return Content(text, encoding, executable)
    raise OSError(errno.EILSEQ, "not a text in UTF-8, UTF-16 or Latin-1 that can be written back unchanged", str(path))


def encode(text: str, encoding: str) -> bytes:
    """Return the bytes of `text`, with the byte order mark of the encoding (a key of `NAMES`).

    Raises:
        UnicodeEncodeError: the encoding lacks a character.
    """
    return MARKS.get(encoding, b"") + text.encode(CODECS.get(encoding, encoding))


def can_encode(encoding: str, text: str) -> bool:
    """Return whether `encoding` can encode all characters of `text`."""
    return _try_encode(text, encoding) is not None


def decodes_to(data: bytes, text: str) -> bool:
    """Return whether a file with the bytes `data` is decoded to exactly `text`."""
    try:
        return decode(data, Path()).text == text
    except OSError:
        return False


def hash_text(text: str | None) -> str:
    """Return the SHA-256 hash of `text` in hexadecimal digits, "" for None."""
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _try_encode(text: str, encoding: str) -> bytes | None:
    """Return the bytes of `text`, None if `encoding` lacks a character."""
    try:
        return encode(text, encoding)
    except UnicodeEncodeError:
        return None
