"""The review's static layer: time from a change to its findings, and over whole packages compared with ruff alone."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from agents.reviewer.reviewer import Reviewer
from benchmarks.record import Record, Reference, compute_percentile, summarize
from indexing.syntax import texts
from indexing.syntax.documents import Document

CHANGES = 60
LINES = 2000
TURNS = 5
PACKAGES = ("rich", "pydantic", "hypothesis")  # from PyPI, and there wherever this is developed
SAVE_MS = 150.0
TIMES_RUFF = 2.0


def measure_save() -> Record:
    """Measure the time of the static layer for a file of 2,000 lines that changes each time.

    Raises:
        ValueError: a review found nothing, so that nothing was measured.
    """
    path = Path(argparse.__file__)
    text = "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:LINES])
    reviewer = Reviewer()
    took = []
    for number in range(CHANGES + 1):
        changed = text.replace("def add_argument(", f"def add_argument_{number}(", 1)
        before = time.perf_counter()
        found = reviewer.review(Document(path.as_uri(), path, "python", changed))
        took.append((time.perf_counter() - before) * 1000)
        if not found:
            raise ValueError("the review found nothing, so nothing was measured")
    reviewer.close()
    return Record(
        what=f"a changed file of {LINES:,} lines until all findings of the static layer are there, ruff's too, p95",
        unit="ms",
        value=compute_percentile(took[1:], 95),
        n=CHANGES,
        most=SAVE_MS,
        details=summarize(took[1:]),
    )


def measure_packages() -> Record:
    """Measure the time of the static layer for three packages; the reference is ruff with the same rules, uncached.

    The packages are copied, so that no configuration in a parent folder excludes files from ruff.
    """
    reviewer = Reviewer()
    ours, theirs, details = [], [], {}
    with tempfile.TemporaryDirectory() as place:
        for name in PACKAGES:
            folder = Path(place).resolve() / name
            shutil.copytree(_find_package(name), folder, ignore=shutil.ignore_patterns("__pycache__"))
            documents = [_read_document(path) for path in sorted(folder.rglob("*.py"))]
            arguments = reviewer.ruff.settings.resolve(documents[0].path, everything=False).build_arguments()
            command = [reviewer.ruff.binary, "check", "--no-cache", "--quiet", *arguments, str(folder)]
            our, their = [], []
            for _ in range(TURNS):
                before = time.perf_counter()
                list(reviewer.review_files(documents))
                between = time.perf_counter()
                subprocess.run(command, capture_output=True, check=False)
                our.append(between - before)
                their.append(time.perf_counter() - between)
            ours.append(statistics.median(our))
            theirs.append(statistics.median(their))
            details[name] = {
                "files": len(documents),
                "characters": sum(len(document.text) for document in documents),
                "ours_s": ours[-1],
                "ruff_s": theirs[-1],
                "ratio": ours[-1] / theirs[-1],
            }
    reviewer.close()
    return Record(
        what="the static layer over three packages from PyPI, with ruff's findings, beside ruff with the same rules",
        unit="s",
        value=sum(ours),
        n=TURNS,
        reference=Reference("ruff check", sum(theirs)),
        most=TIMES_RUFF,
        judged="ratio",
        details=details,
    )


def _find_package(name: str) -> Path:
    """Return the folder of an installed package; raise ValueError if it is not installed."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ValueError(f"{name} is not installed")
    return Path(found.origin).parent


def _read_document(path: Path) -> Document:
    """Read a Python file as a document."""
    return Document(path.as_uri(), path, "python", texts.decode(path.read_bytes()))
