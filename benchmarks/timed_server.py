"""Our server as it is, that also writes down how long the model computed for each answer.

LSP has no place to say so, and the server's own overhead is the answer's time less the model's. Started by
`benchmarks.overhead` with the name of the file to write to; a line for each completion, as JSON.
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


def noting(complete: Callable[..., Completion], notes: Path) -> Callable[..., Completion]:
    """`complete`, with a note taken of each answer."""
    file = notes.open("a", encoding="utf-8", buffering=1)  # opening it at each key would be measured too

    @wraps(complete)
    def timed(self: Generator, document: Document, offset: int, **others: Any) -> Completion:  # noqa: ANN401
        completion = complete(self, document, offset, **others)
        note = {
            "uri": document.uri,
            "version": document.version,
            "model_ms": completion.model_ms,
            "total_ms": completion.total_ms,
        }
        file.write(json.dumps(note) + "\n")
        return completion

    return timed


if __name__ == "__main__":
    Generator.complete = noting(Generator.complete, Path(sys.argv[1]))  # type: ignore[method-assign]
    serve_stdio()
