"""Starling's server that also writes the model's computing time of each completion to a file, as JSON lines.

`benchmarks.overhead` starts it with the file's name. LSP has no place for the figure.
"""

from __future__ import annotations

import json
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.completion.generator import Generator
from server.lsp.serving.stdio import serve_stdio

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.suggestions import Completion
    from indexing.syntax.documents import Document


def log_times(complete: Callable[..., Completion], notes: Path) -> Callable[..., Completion]:
    """Return a wrapper of `complete` that appends the times of each answer to the file `notes`."""
    file = notes.open("a", encoding="utf-8", buffering=1)  # opening it at each key would be measured too

    @wraps(complete)
    def complete_and_log(self: Generator, document: Document, offset: int, **others: Any) -> Completion:  # noqa: ANN401
        """Complete as `complete` does, and log the times."""
        completion = complete(self, document, offset, **others)
        note = {
            "uri": document.uri,
            "version": document.version,
            "model_ms": completion.model_ms,
            "total_ms": completion.total_ms,
        }
        file.write(json.dumps(note) + "\n")
        return completion

    return complete_and_log


if __name__ == "__main__":
    Generator.complete = log_times(Generator.complete, Path(sys.argv[1]))  # type: ignore[method-assign]
    serve_stdio()
