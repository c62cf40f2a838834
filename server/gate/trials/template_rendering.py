"""The program of the process that renders a template with Copier. Start at `main`."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from typing import Any

from agents.ports.templates import MOST_BYTES

LONGEST_PROBLEM = 500


def main() -> None:
    """Read one request from standard input, render, and write an object to standard output, with a problem if any.

    The request is JSON with the template's folder, the folder to render into, and the answers.
    """
    request = json.loads(sys.stdin.buffer.read())
    _limit_file_size()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = _render(request)
    sys.stdout.buffer.write(json.dumps({"problem": problem} if problem else {}).encode())


def _render(request: dict[str, Any]) -> str:
    """Render the template of `request`; return why that failed, "" if it did not."""
    import copier  # noqa: PLC0415 (an extra)

    try:
        copier.run_copy(
            request["source"], request["target"], request["answers"], defaults=True, quiet=True, unsafe=False
        )
    except MemoryError:
        return "it takes too much memory"
    except Exception as error:  # noqa: BLE001 (code of the template raises anything; the process ends here)
        first = str(error).strip().splitlines() or [type(error).__name__]
        return first[0].rstrip(".")[:LONGEST_PROBLEM] or type(error).__name__
    return ""


def _limit_file_size() -> None:
    """Have the system refuse files of more than twice `MOST_BYTES`, where it can."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 (Unix alone has it)

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MOST_BYTES, 2 * MOST_BYTES))
