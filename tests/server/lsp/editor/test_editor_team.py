"""The team of a connection is imported at its first use, and not with the server."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = (
    "import sys, server.lsp.language_server\n"
    "print([name for name in sys.modules if name.startswith(('agents.team', 'server.assembly.team', 'pydantic'))"
    " or name.endswith('editor_team')])\n"
)


def test_the_server_starts_without_the_team() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
