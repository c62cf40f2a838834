"""The bundled model and small variations of it, for the tests of `models/`."""

from __future__ import annotations

import shutil
from functools import cache
from typing import TYPE_CHECKING

from models.catalog.catalog import DEFAULT_MODEL, Catalog, ModelEntry, read_entry
from models.completion import FillRequest
from models.tokenizer import Tokenizer
from tests import marked

if TYPE_CHECKING:
    from pathlib import Path


@cache
def entry() -> ModelEntry:
    return Catalog.load().entries[DEFAULT_MODEL]


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.read(entry().tokenizer)


def copy_model(target: Path) -> ModelEntry:
    """Copy the bundled model to `target`, where a test may damage it; return its entry."""
    shutil.copytree(entry().folder, target, dirs_exist_ok=True)
    for path in target.iterdir():
        path.chmod(0o644)
    return read_entry(target / "catalog.toml")


def request(fixture: str, *, max_tokens: int = 24) -> FillRequest:
    """Return a request at the cursor of `fixture`."""
    files = marked.parse(fixture)
    assert files.cursor is not None
    path, offset = files.cursor
    return FillRequest(path, files.text[:offset], files.text[offset:], max_tokens=max_tokens)


def never() -> bool:
    return False


def to_the_end(_: str) -> None:
    return None


def first_line(text: str) -> int | None:
    end = text.find("\n")
    return None if end < 0 else end
