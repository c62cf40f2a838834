"""A file's bytes as text and back, without loss: whoever changes a text leaves everything else of the file as it was.

Only what decodes and encodes to exactly the same bytes is a text; anything else is refused rather than guessed at.
Reads files, never writes. Start at `read`.
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

LARGEST = 1_000_000  # bytes; a larger file is neither changed nor made
UTF8 = "utf-8"
MARKS = {"utf-8-sig": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
CODECS = {"utf-8-sig": UTF8}  # Python's own codec of that name would drop a second mark
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
NAMES = {"utf-8-sig": "UTF-8", UTF8: "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "latin-1": "Latin-1"}


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    Attributes:
        text: without byte order mark, line endings as they are.
        encoding: a name of `NAMES`; the mark, where it has one, belongs to it.
        executable: whether its owner may run it.
        attributes: its mode, owner and the like; None where nobody looked.
    """

    text: str
    encoding: str = UTF8
    executable: bool = False
    attributes: Attributes | None = field(default=None, compare=False)

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return encoded(self.text, self.encoding)


def read(path: Path) -> Content | None:
    """What the file at `path` holds, None when there is none.

    Raises:
        OSError: it is there, but is no regular file, not readable, too large, or not exactly a text.
    """
    try:
        data, found = read_regular(path, LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, f"larger than {LARGEST:,} bytes", str(path))
    return decoded(data, path, executable=bool(found.st_mode & stat.S_IXUSR) and os.name != "nt")


def read_whole(path: Path) -> Content | None:
    """Return what the file at `path` holds together with its attributes, None when there is none.

    Raises:
        OSError: as `read`.
    """
    content = read(path)
    if content is None:
        return None
    descriptor = os.open(path, _READING)
    try:
        return replace(content, attributes=attributes.of(descriptor))
    finally:
        os.close(descriptor)


def is_protected(path: Path) -> bool:
    """Whether a file is there that nobody, or not this user, may write; root counts as anybody."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path, os.W_OK)


def decoded(data: bytes, path: Path, *, executable: bool = False) -> Content:
    """The text that `data` is in exactly one encoding that we know.

    Raises:
        OSError: it is binary, or damaged text.
    """
    text = texts.decode(data)
    marked = (name for name, mark in MARKS.items() if data.startswith(mark))
    for encoding in (next(marked, UTF8), "latin-1"):
        if "\0" not in text and _exactly(text, encoding) == data:
            return Content(text, encoding, executable)
    raise OSError(errno.EILSEQ, "not a text in UTF-8, UTF-16 or Latin-1 that could be written back as it is", str(path))


def encoded(text: str, encoding: str) -> bytes:
    """The bytes of `text`, with the mark that belongs to the encoding.

    Raises:
        UnicodeEncodeError: the encoding has no such character.
    """
    return MARKS.get(encoding, b"") + text.encode(CODECS.get(encoding, encoding))


def holds(encoding: str, text: str) -> bool:
    """Whether the encoding has all characters of a text."""
    return _exactly(text, encoding) is not None


def holds_exactly(data: bytes, text: str) -> bool:
    """Whether a file of these bytes is read as this text and nothing else."""
    try:
        return decoded(data, Path()).text == text
    except OSError:
        return False


def digest(text: str | None) -> str:
    """A fingerprint of a text for the record, "" for none."""
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _exactly(text: str, encoding: str) -> bytes | None:
    try:
        return encoded(text, encoding)
    except UnicodeEncodeError:
        return None
