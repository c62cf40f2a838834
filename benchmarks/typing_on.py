"""Typing on in a line with a large model: time of later keys compared with the first, which reads the whole prompt.

Runs in this process with random weights of 150 MB, one thread, and the layout prefix, suffix, middle, in which the
suffix is read anew with each key. Start at `measure`.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.record import Record, Reference, compute_percentile, summarize
from models.completion import FillRequest
from models.local.loading import load
from tests.models.large import install_large

MEGABYTES = 150
PLACES = 6
KEYS = 12
NEW_TOKENS = 4
LINE = "result = combine(first_value, second_value)"


def measure() -> Record:
    """Measure the time of each key while a line is typed at several places that the model has not seen."""
    first: list[float] = []
    later: list[float] = []
    reused: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        entry = install_large(Path(folder) / "models", Path(folder) / "scratch", "large", megabytes=MEGABYTES)
        model = load(replace(entry, fim=replace(entry.fim, layouts=("psm",))), device="cpu", threads=1)
        model.generate(make_request(0, 0), stop=lambda _: None, cancelled=lambda: False)  # warms up
        for place in range(1, PLACES + 1):
            for key in range(KEYS):
                began = time.perf_counter()
                (generation,) = model.generate(make_request(place, key), stop=lambda _: None, cancelled=lambda: False)
                (later if key else first).append((time.perf_counter() - began) * 1000)
                if key:
                    reused.append(generation.reused_tokens / generation.prompt_tokens)
        model.close()
    return Record(
        what="a key typed on in a line until a large model has written four tokens, median",
        unit="ms",
        value=compute_percentile(later, 50),
        n=len(later),
        reference=Reference("the line's first key, which reads all of the prompt", compute_percentile(first, 50)),
        most=0.35,
        judged="ratio",
        details={"first": summarize(first), "later": summarize(later), "share_of_prompt_reused": summarize(reused)},
    )


def make_request(place: int, key: int) -> FillRequest:
    """Return the request after `3 * key` characters of the line at `place`."""
    lines = (f"def function_{place}_{number}(first, second):\n    return first + second\n" for number in range(40))
    behind = f"\n\n\ndef last_{place}(value):\n    return value\n"
    return FillRequest("functions.py", "".join(lines) + LINE[: 3 * key], behind, max_tokens=NEW_TOKENS)
