"""Measure quality anew and rewrite the committed tables: `make eval`, after `make eval-data`.

Each table comes from its own module, which says what it measures; this only runs them one after the other, each in a
process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MODULES = ("recall", "retrieval", "line_completion", "humaneval", "replayed_typing", "seeded_bugs")
REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run all of them, or those that were named; stop at the first that fails."""
    for name in sys.argv[1:] or MODULES:
        print(f"tests.eval.{name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"tests.eval.{name}"], cwd=REPOSITORY, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
