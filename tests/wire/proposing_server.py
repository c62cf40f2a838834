"""The real server over stdio, with one more command: `test.propose` hands the caller's proposal to the gate."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from server.lsp.commands import COMMANDS
from server.lsp.serving import stdio

COMMANDS["test.propose"] = "tests.wire.proposing"

if __name__ == "__main__":
    stdio.serve_stdio()
