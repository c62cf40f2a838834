"""Installed models to measure, with records of their requests and answers.

`find_entry(name)` finds a model as the program does, below STARLING_HOME; `Watched` wraps a model and records its
calls. Start at `find_entry`.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.catalog.catalog import Catalog
from models.local.loading import load
from models.local.weights_file import WEIGHTS_FILE
from server.state import paths
from tests.eval.real.answers import Answers
from tests.eval.real.replaying import Replaying

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel, FillRequest

MARKED_BYTES = 1 << 20
SEEN_CHARACTERS = 200  # of a prompt's ends, kept to find out why an answer is wrong


def find_entry(name: str) -> ModelEntry:
    """Return the catalog entry of an installed model, or of the bundled one.

    Raises:
        SystemExit: there is no model called `name`.
    """
    catalog = Catalog.load(paths.models_dir())
    entry = catalog.get(name)
    if entry is None:
        raise SystemExit(f"There is no model {name!r}; there are {', '.join(sorted(catalog.entries))}.")
    return entry


def identify(entry: ModelEntry) -> str:
    """Return the name of a model with a hash of the beginning and size of its weights."""
    path = entry.weights / WEIGHTS_FILE
    with path.open("rb") as file:
        head = file.read(MARKED_BYTES)
    return f"{entry.name}@{hashlib.sha256(head + str(path.stat().st_size).encode()).hexdigest()[:8]}"


def describe_processor() -> str:
    """Return the name of the processor, and the number of cores that this process may use, as text."""
    name = "unknown"
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = cpus.read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


@dataclass
class Watched:
    """A model whose calls are recorded; all other attributes are those of the model.

    Attributes:
        model: the model.
        engine: its engine, if it replays recorded answers; else None.
        calls: requests and answers since `forget`.
    """

    model: CompletionModel
    engine: Replaying | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def forget(self) -> None:
        """Clear the recorded calls and the replayed time."""
        self.calls = []
        if self.engine is not None:
            self.engine.spared_s = 0.0

    @property
    def spared_ms(self) -> float:
        """Milliseconds that the answers replayed since `forget` took when they were computed."""
        return self.engine.spared_s * 1000 if self.engine is not None else 0.0

    def generate(self, request: FillRequest, **options: Any) -> Any:
        """Generate as the model does, and record request and answers."""
        began = time.perf_counter()
        found = self.model.generate(request, **options)
        told = [
            {
                "text": one.text,
                "stop": str(one.stop),
                "prompt_tokens": one.prompt_tokens,
                "reused_tokens": one.reused_tokens,
                "answer_tokens": len(one.log_probs),
                "log_prob": round(sum(one.log_probs), 3),
            }
            for one in found
        ]
        self._record("generate", request, began, told)
        return found

    def score(self, request: FillRequest, continuations: Sequence[str], **options: Any) -> Any:
        """Score as the model does, and record request and scores."""
        began = time.perf_counter()
        found = self.model.score(request, continuations, **options)
        told = [{"text": one.text, "log_probs": [round(value, 2) for value in one.log_probs]} for one in found]
        self._record("score", request, began, told)
        return found

    def _record(self, kind: str, request: FillRequest, began: float, told: list[dict[str, Any]]) -> None:
        """Add a call that began at the time `began`, with its answers `told`, to `calls`."""
        self.calls.append(
            {
                "kind": kind,
                "ms": round((time.perf_counter() - began) * 1000),
                "prefix": len(request.prefix),
                "prefix_end": request.prefix[-SEEN_CHARACTERS:],
                "suffix": len(request.suffix),
                "snippets": [(one.path, len(one.text)) for one in request.snippets],
                "told": told,
            }
        )


def load_watched(entry: ModelEntry, threads: int, *, timed: bool = False) -> Watched:
    """Load a completion model on the CPU with `threads` threads, and record its calls.

    With `timed`, its speed is measured, prompts are cut to the length that it reads in time, and nothing is replayed.
    Without, answers that an earlier run decoded for the same prompt are replayed.
    """
    model = load(entry, device="cpu", threads=threads, state_dir=paths.state_dir() if timed else None)
    if timed:
        return Watched(model)
    path = Answers.open_default().path.with_name("decoded.jsonl")
    engine = Replaying(model._engine, path, identify(entry))
    model._engine = engine  # type: ignore[assignment]
    return Watched(model, engine)
