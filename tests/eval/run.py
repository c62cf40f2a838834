"""Measurement of all quality figures, which rewrites the committed tables: `make eval`, after `make eval-data`.

Each table comes from a module of its own; this module runs them one after the other, each in its own process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MODULES = (
    "recall",
    "retrieval",
    "retrieval_typescript",
    "line_completion",
    "resolved",
    "humaneval",
    "replayed_typing",
    "seeded_bugs",
)
REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run all modules, or those named on the command line; stop at the first that fails, and return its status."""
    for name in sys.argv[1:] or MODULES:
        print(f"tests.eval.{name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"tests.eval.{name}"], cwd=REPOSITORY, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
