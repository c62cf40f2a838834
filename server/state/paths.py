"""Paths of Starling's own files: index, cache, state, logs and the user's settings.

Asks the platform (`platformdirs`), unless STARLING_HOME names one folder for everything. The functions named `..._dir`
compute a path and touch no file; `ensure_writable` creates a folder, or a fallback among temporary files. A workspace
never decides anything here. Start at `index_dir` and `ensure_writable`.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from server.state.run_folder import HOME_VARIABLE, RUNTIME_VARIABLE, find_run_folder
from starling_files import make_folder

if TYPE_CHECKING:
    import platformdirs

SETTINGS_FILE = "settings.toml"
PARTS = {"cache": "user_cache_path", "state": "user_state_path", "config": "user_config_path", "log": "user_log_path"}
NOWHERE = Path(os.devnull, "starling")  # below a file, so that it cannot exist


@dataclass(frozen=True, slots=True)
class WritableFolder:
    """A folder that Starling can write to.

    Attributes:
        path: the requested folder or its fallback; None if neither could be created.
        problem: "" if `path` is the requested folder, else a sentence for a person: what happened, then what to do.
    """

    path: Path | None
    problem: str = ""


def cache_dir() -> Path:
    """Return the folder for files that can be computed again: indexes, cached answers."""
    return _locate("cache", "user_cache_path") or _locate_fallback("cache")


def state_dir() -> Path:
    """Return the folder for files that cannot be computed again: the state database, measurements."""
    return _locate("state", "user_state_path") or _locate_fallback("state")


def config_dir() -> Path:
    """Return the folder for files that the user writes: settings, catalog entries of own models.

    Without a home folder, returns a path that cannot exist: among temporary files, other users could write settings.
    """
    return _locate("config", "user_config_path") or NOWHERE / "config"


def log_dir() -> Path:
    """Return the folder of the rotating log."""
    return _locate("log", "user_log_path") or _locate_fallback("log")


def index_dir() -> Path:
    """Return the folder of the indexes of all workspaces."""
    return cache_dir() / "index"


def worktrees_dir() -> Path:
    """Return the folder of the worktrees in which queued tasks change files.

    It lies in none of the folders that the commands of agents may not read, except where there is no home folder.
    """
    data = _locate("data", "user_data_path")
    if data is not None and data in {config_dir(), state_dir()}:  # as on macOS and Windows
        return data.with_name(f"{data.name}-worktrees")
    return (data or _locate_fallback("data")) / "worktrees"


def models_dir() -> Path:
    """Return the folder of catalog entries and weights that the user added to the bundled ones."""
    return config_dir() / "models"


def temporary_dir() -> Path:
    """Return this user's folder among temporary files, for sockets and as the fallback of the other folders.

    If the system has no folder for temporary files, returns a path that cannot exist.
    """
    import tempfile  # noqa: PLC0415 (`initialize` needs no temporary file)

    try:
        folder = tempfile.gettempdir()
    except OSError:  # none can be written to
        return NOWHERE
    return Path(folder) / f"starling-{_identify_user()}"


def run_dir() -> Path:
    """Return the folder for sockets and locks of running processes."""
    if usual := find_run_folder():
        return Path(usual)
    named = os.environ.get(HOME_VARIABLE, "").strip()
    if not named and sys.platform == "linux" and not os.environ.get(RUNTIME_VARIABLE):  # as in a container
        return cache_dir() / "run"  # another user could create a folder among temporary files first
    return _locate("run", "user_runtime_path") or temporary_dir() / "run"


def settings_file() -> Path:
    """Return the path of the user's settings file."""
    return config_dir() / SETTINGS_FILE


def ensure_writable(directory: Path) -> WritableFolder:
    """Create `directory` for this user alone; if that fails, create a private temporary folder instead.

    The `path` of the result is None if neither can be written to, and its `problem` tells a person what is wrong.
    """
    try:
        return WritableFolder(_make_private(directory), explain_missing_home())
    except OSError as error:
        why = error.strerror or str(error)
    try:
        substitute = _make_private(temporary_dir() / directory.name)
    except OSError as error:
        return WritableFolder(
            None,
            f"Neither {directory} ({why}) nor a temporary directory ({error.strerror or error}) can be written to; "
            f"make one of them writable, or set {HOME_VARIABLE} to a directory that is.",
        )
    return WritableFolder(
        substitute,
        f"{directory} cannot be written to ({why}), so {substitute} is used, which a restart of the machine may "
        f"empty; make it writable, or set {HOME_VARIABLE} to a directory that is.",
    )


def explain_missing_home() -> str:
    """Return "" if the user has a home folder, else a sentence for a person: the problem, then advice."""
    if all(_locate(part, name) is not None for part, name in PARTS.items()):
        return ""
    if named := os.environ.get(HOME_VARIABLE, "").strip():
        why = f"{HOME_VARIABLE} is {named}, and the system knows no such folder"
    else:
        why = "HOME names no folder, and the system knows none for this user"
    return (
        f"There is no place for Starling's files ({why}): your settings are not read, and {temporary_dir()} is used, "
        f"which a restart of the machine may empty; set {HOME_VARIABLE} to a folder of yours."
    )


def expand_home(text: str) -> Path:
    """Return `text` as a path with `~` replaced by the home folder; unchanged if there is no home folder."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 (pathlib's raises)


def _locate(part: str, name: str) -> Path | None:
    """Return the folder `part` below STARLING_HOME, if that is set, else the platform's folder `name`.

    Returns None without a home folder.
    """
    if named := os.environ.get(HOME_VARIABLE, "").strip():
        home = expand_home(named)
        return None if named.startswith("~") and not home.is_absolute() else home.absolute() / part
    try:
        path = Path(getattr(_get_platform_dirs(), name))
    except RuntimeError:  # no HOME, and the system does not know the user
        return None
    return path if path.is_absolute() else None


def _locate_fallback(part: str) -> Path:
    """Return the folder `part` of this user among temporary files.

    If that is no folder, or another user owns it or can write to it, returns a path that cannot exist.
    """
    shared = temporary_dir()
    try:
        status = shared.lstat()
    except OSError:
        return shared / part  # `_make_private` checks the owner again when it creates the folder
    ours = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
    return (shared if ours and stat.S_ISDIR(status.st_mode) else NOWHERE) / part


def _get_platform_dirs() -> platformdirs.PlatformDirs:
    """Return the platform's folders for Starling."""
    import platformdirs  # noqa: PLC0415 (27 ms that the answer to `initialize` does not wait for)

    return platformdirs.PlatformDirs("starling", appauthor=False)


def _make_private(directory: Path) -> Path:
    """Create `directory` for this user alone, check that it can be written to, and return it.

    If it exists and others have access, removes their access.

    Raises:
        OSError: it cannot be created or written to, is no folder, or belongs to a user other than this one and root;
            or it is, or lies in, a folder among temporary files that is a link or belongs to another user.
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


def _identify_user() -> str:
    """Return the user's id as text; on Windows the user's name, "user" if that is unknown."""
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
