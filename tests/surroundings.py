"""Gives each test surroundings of its own: home, settings, state, cache, runtime and temporary folders, environment.

A person who uses Starling every day must see the same results as a fresh machine, and find nothing changed afterwards.
`tests/conftest.py` calls `clear` before anything else is imported and `enter` before each test.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    import pytest

# Variables by which a person's setup would reach the program, or git, ruff, Python and terminals beside it.
PERSONAL = re.compile(
    r"(STARLING|XDG|GIT|RUFF|COVERAGE|HF|HUGGINGFACE|LLAMA|OPENAI|ANTHROPIC|OLLAMA|NVIM|VIM|SSH|GNUPG|CLICOLOR|LC)_\w+"
    r"|\w+_(API_KEY|TOKEN|SECRET|PROXY)"
    r"|PYTHON(?!HASHSEED)\w+"
    r"|VIRTUAL_ENV|CONDA_PREFIX|NO_COLOR|FORCE_COLOR|COLUMNS|LINES|EDITOR|VISUAL|PAGER|LESS|LANGUAGE"
    r"|MALLOC_\w+|OMP_NUM_THREADS|CT2_\w+",
    re.IGNORECASE,
)
LEAVING_S = 20.0  # for processes that notice the end of the one that started them

_number = count(1)


def clear(environment: MutableMapping[str, str]) -> None:
    """Remove what a person's setup put into `environment`.

    Python's own variables too: with `PYTHONDONTWRITEBYTECODE` each of the many processes that tests start would
    compile the whole program anew.
    """
    for name in [name for name in environment if PERSONAL.fullmatch(name)]:
        del environment[name]


def make_root() -> Path:
    """Make the folder that holds the surroundings of all tests of this process; its name is short, for sockets."""
    return Path(tempfile.mkdtemp(prefix="st-"))


def enter(patch: pytest.MonkeyPatch, root: Path) -> Path:
    """Point everything that names a person's folders to new ones below `root`, and return their parent."""
    own = root / str(next(_number))
    home, run, temporary = own / "home", own / "run", own / "tmp"
    for folder in (home, run, temporary):
        folder.mkdir(mode=0o700, parents=True)
    patch.setattr(tempfile, "tempdir", str(temporary))
    folders = {
        "HOME": home,
        "USERPROFILE": home,
        "APPDATA": home / "AppData" / "Roaming",
        "LOCALAPPDATA": home / "AppData" / "Local",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_RUNTIME_DIR": run,
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
    }
    for name, folder in folders.items():
        patch.setenv(name, str(folder))
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return own


def left_behind(root: Path) -> list[str]:
    """End the processes that still run with a home below `root`, and return their command lines."""
    found = [process for process in psutil.process_iter() if _lives_below(process, root)]
    _, alive = psutil.wait_procs(found, timeout=LEAVING_S)
    lines = []
    for process in alive:
        try:
            lines.append(" ".join(process.cmdline()))
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return lines


def remove(root: Path) -> None:
    """Remove the surroundings of all tests."""
    shutil.rmtree(root, ignore_errors=True)


def _lives_below(process: psutil.Process, root: Path) -> bool:
    try:
        home = process.environ().get("HOME", "")
    except psutil.Error:
        return False
    return process.pid != os.getpid() and Path(home).is_relative_to(root)
