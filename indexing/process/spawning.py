"""How this program starts itself again: isolated, at low priority, talking through pipes. Start at `spawn`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from indexing.process.children import limit_memory

_PACKAGES = Path(__file__).resolve().parents[2]


def command(module: str) -> list[str]:
    """The command that runs `main()` of one of our modules.

    `-I` keeps PYTHONPATH, the working directory and the user's site-packages out; our own folder goes to the end of
    `sys.path`, so that an installed wheel and a checkout both work and nothing of the standard library is shadowed.
    What it writes belongs to its user alone.
    """
    path = f"import sys; sys.path.append({str(_PACKAGES)!r})"
    code = f"{path}; from starling_files import close_process; close_process(); from {module} import main; main()"
    return [sys.executable, "-I", "-c", code]


def spawn(module: str, folder: Path, memory_bytes: int) -> subprocess.Popen[bytes]:
    """Start `main()` of `module` in `folder` with pipes for its input and output, and a bound for its memory."""
    process = subprocess.Popen(
        command(module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        process_group=None if sys.platform == "win32" else 0,  # Ctrl-C is for whoever started us; we leave when it does
    )
    limit_memory(process.pid, memory_bytes)
    return process


def lower_priority(nice: int) -> None:
    """Give way to everything else on the machine; what is started from here inherits it."""
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
        pass  # containers may forbid it; then we work at the priority we have
