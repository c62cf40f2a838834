"""Starting modules of the program as separate processes: isolated, with pipes, at low priority. Start at `spawn`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexing.process.children import limit_memory

if TYPE_CHECKING:
    from collections.abc import Generator

_PACKAGES = Path(__file__).resolve().parents[2]


def make_command(module: str) -> list[str]:
    """Return the command that runs `main()` of one of the program's modules.

    `-I` keeps PYTHONPATH, the working directory and the user's site-packages out. The program's folder goes to the end
    of `sys.path`, which works for a wheel and a checkout and shadows nothing of the standard library. Files that the
    process creates are readable by its user only.
    """
    path = f"import sys; sys.path.append({str(_PACKAGES)!r})"
    code = (
        f"{path}; from starling_files import set_private_umask; set_private_umask(); from {module} import main; main()"
    )
    return [sys.executable, "-I", "-c", code]


def spawn(module: str, folder: Path, memory_bytes: int) -> subprocess.Popen[bytes]:
    """Start `main()` of `module` in `folder`, with pipes for its input and output; bounds its memory on Linux."""
    process = subprocess.Popen(
        make_command(module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        process_group=None if sys.platform == "win32" else 0,  # Ctrl-C ends the parent, and the process ends with it
    )
    limit_memory(process.pid, memory_bytes)
    return process


def read_events(process: subprocess.Popen[bytes]) -> Generator[dict[str, Any]]:
    """Yield the events that `process` writes as lines of JSON, until it ends; skips lines that are not JSON.

    Closes the pipe at the end.
    """
    if process.stdout is None:
        return
    with process.stdout as lines:
        for line in lines:
            try:
                event: dict[str, Any] = json.loads(line)
            except ValueError:
                continue  # killed in the middle of a line
            yield event


def lower_priority(nice: int) -> None:
    """Lower the priority of this process and its future children for processor and disk, where that is permitted.

    `nice` is the niceness on Unix, unless the process has a higher one; Windows ignores it.
    """
    import psutil  # noqa: PLC0415  # only the indexing process needs it

    process = psutil.Process()
    try:
        if sys.platform == "win32":
            process.nice(psutil.IDLE_PRIORITY_CLASS)
            process.ionice(psutil.IOPRIO_VERYLOW)
        else:
            process.nice(max(nice, process.nice()))
            if sys.platform == "linux":
                process.ionice(psutil.IOPRIO_CLASS_IDLE)
    except (psutil.Error, OSError):
        pass  # containers may forbid it
