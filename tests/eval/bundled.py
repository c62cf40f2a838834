"""Models to measure: the bundled one, others from folders, and variants with less or more input."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from agents.completion import sources
from models.catalog.catalog import DEFAULT_MODEL, ENTRY_FILE, Catalog, PromptShares, read_entry
from models.local.loading import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel, FillRequest, Generation, Score

# A quarter of a small window for other files' code, taken from the prefix.
WITH_CONTEXT = PromptShares(prefix=0.5, suffix=0.25, stable=0.2, volatile=0.05)


def find_bundled_entry() -> ModelEntry:
    """Return the catalog entry of the bundled model."""
    return Catalog.load(None).entries[DEFAULT_MODEL]


@contextmanager
def load_bundled_model() -> Iterator[CompletionModel]:
    """Load the bundled model, and free it at the end of the block."""
    with open_model(find_bundled_entry()) as model:
        yield model


@contextmanager
def open_model(entry: ModelEntry) -> Iterator[CompletionModel]:
    """Load the model of `entry`, and free it at the end of the block."""
    model = load(entry)
    try:
        yield model
    finally:
        model.close()


def add_models_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--beside`, the folders of further models, to a command line."""
    parser.add_argument(
        "--beside", type=Path, nargs="*", default=[], metavar="FOLDER", help=f"other models, folders with {ENTRY_FILE}"
    )


def read_entries(folders: Sequence[Path]) -> dict[str, ModelEntry]:
    """Return the catalog entries of the models in `folders`, by folder name."""
    return {folder.name: read_entry(folder / ENTRY_FILE) for folder in folders}


class PrefixOnly:
    """A model that does not see the text after the cursor."""

    def __init__(self, model: CompletionModel) -> None:
        self._model = model
        self.entry = model.entry
        self.count_tokens = model.count_tokens

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> Sequence[Generation]:
        """Generate as the model does, with an empty suffix."""
        asked = replace(request, suffix="")
        return self._model.generate(asked, stop=stop, cancelled=cancelled, alternatives=alternatives)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> Sequence[Score]:
        """Score as the model does, with an empty suffix."""
        return self._model.score(replace(request, suffix=""), continuations, cancelled=cancelled)


@contextmanager
def load_with_context(entry: ModelEntry) -> Iterator[CompletionModel]:
    """Load a model that gets other files' code in its prompt, even if its window is small."""
    with (
        mock.patch.object(sources, "_LEAST_WINDOW", 0),
        open_model(replace(entry, shares=WITH_CONTEXT)) as model,
    ):
        yield model
