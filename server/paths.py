"""Where Starling keeps its files: index, cache, state, logs and the user's settings.

Asks the platform (`platformdirs`) unless STARLING_HOME names one directory for everything. The functions named
`..._dir` only compute a path and touch no disk; `writable` is the one that creates, and that falls back. Nothing
here is ever decided by a workspace. Start at `index_dir` and `writable`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starling_files import make_folder

if TYPE_CHECKING:
    import platformdirs

HOME_VARIABLE = "STARLING_HOME"
SETTINGS_FILE = "settings.toml"


@dataclass(frozen=True, slots=True)
class Writable:
    """A directory that can be written to.

    Attributes:
        path: the one asked for, or its stand-in; None when not even that could be made.
        problem: "" when `path` is the one asked for, else one sentence for a person: what happened and what to do.
    """

    path: Path | None
    problem: str = ""


def cache_dir() -> Path:
    """For what can be computed again."""
    return _home("cache") or Path(_platform().user_cache_path)


def state_dir() -> Path:
    """For what cannot be computed again, but is no document of the user's: statistics, records."""
    return _home("state") or Path(_platform().user_state_path)


def config_dir() -> Path:
    """For what the user writes: settings, catalog entries of own models."""
    return _home("config") or Path(_platform().user_config_path)


def log_dir() -> Path:
    """For the rotating log."""
    return _home("log") or Path(_platform().user_log_path)


def index_dir() -> Path:
    """For the indexes of all workspaces."""
    return cache_dir() / "index"


def models_dir() -> Path:
    """For catalog entries and weights the user added to those that come with the program."""
    return config_dir() / "models"


def shared_dir() -> Path:
    """Among temporary files, for what must have a short name, or has no other place."""
    import tempfile  # noqa: PLC0415 (`initialize` needs no temporary file)

    return Path(tempfile.gettempdir()) / f"starling-{_user()}"


def run_dir() -> Path:
    """For sockets and locks of what runs now."""
    if (home := _home("run")) is not None:
        return home
    if sys.platform == "linux" and not os.environ.get("XDG_RUNTIME_DIR"):  # no session, as in a container
        return shared_dir() / "run"
    return Path(_platform().user_runtime_path)


def settings_file() -> Path:
    """The user's settings."""
    return config_dir() / SETTINGS_FILE


def writable(directory: Path) -> Writable:
    """Create `directory` for this user alone; where that fails, a private temporary one stands in for it."""
    try:
        return Writable(_private(directory))
    except OSError as error:
        why = error.strerror or str(error)
    try:
        substitute = _private(shared_dir() / directory.name)
    except OSError as error:
        return Writable(
            None,
            f"Neither {directory} ({why}) nor a temporary directory ({error.strerror or error}) can be written to; "
            f"make one of them writable, or set {HOME_VARIABLE} to a directory that is.",
        )
    return Writable(
        substitute,
        f"{directory} cannot be written to ({why}), so {substitute} is used, which a restart of the machine may "
        f"empty; make it writable, or set {HOME_VARIABLE} to a directory that is.",
    )


def _home(part: str) -> Path | None:
    home = os.environ.get(HOME_VARIABLE, "").strip()
    return Path(home).expanduser().absolute() / part if home else None


def _platform() -> platformdirs.PlatformDirs:
    import platformdirs  # noqa: PLC0415 (27 ms that nobody pays before the answer to `initialize`)

    return platformdirs.PlatformDirs("starling", appauthor=False)


def _private(directory: Path) -> Path:
    """Make `directory` and prove that we can write there; what is shared must be ours and nobody else's.

    Raises:
        OSError: it is no directory, cannot be made or written to, or (among temporary files) belongs to someone else.
    """
    import tempfile  # noqa: PLC0415 (`initialize` needs no temporary file)

    make_folder(directory)
    shared = Path(tempfile.gettempdir())
    for part in (directory, *directory.parents):
        if part.parent == shared and hasattr(os, "getuid"):
            status = part.lstat()
            if status.st_uid != os.getuid() or not part.is_dir() or part.is_symlink():
                raise PermissionError(0, f"{part} belongs to someone else")
    with tempfile.TemporaryFile(dir=directory):
        return directory


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
