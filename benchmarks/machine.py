"""A description of the machine that measured the figures: enough to compare them, nothing that names it."""

from __future__ import annotations

import os
import platform
from typing import Any

import psutil


def describe() -> dict[str, Any]:
    """Return cores, memory, operating system, Python version and the load before the run."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
