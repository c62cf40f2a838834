"""The model that comes with Starling, loaded for measuring."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from models.catalog import DEFAULT_MODEL, Catalog
from models.loading import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.completion import CompletionModel


@contextmanager
def bundled_model() -> Iterator[CompletionModel]:
    """The bundled model, freed at the end."""
    entry = Catalog.load(None).entries[DEFAULT_MODEL]
    model = load(entry)
    try:
        yield model
    finally:
        model.close()
