"""Where Starling keeps its files: index, cache, state, logs and the user's settings.

Asks the platform (`platformdirs`) unless STARLING_HOME names one directory for everything. The functions named
`..._dir` only compute a path and touch no disk; `writable` is the one that creates, and that falls back. Nothing
here is ever decided by a workspace. Start at `index_dir` and `writable`.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starling_files import make_folder

if TYPE_CHECKING:
    import platformdirs

HOME_VARIABLE = "STARLING_HOME"
SETTINGS_FILE = "settings.toml"
PARTS = {"cache": "user_cache_path", "state": "user_state_path", "config": "user_config_path", "log": "user_log_path"}
NOWHERE = Path(os.devnull, "starling")


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
    return _found("cache", "user_cache_path") or _stand_in("cache")


def state_dir() -> Path:
    """For what cannot be computed again, but is no document of the user's: statistics, records."""
    return _found("state", "user_state_path") or _stand_in("state")


def config_dir() -> Path:
    """For what the user writes: settings, catalog entries of own models.

    Without a home this is a place that cannot exist: settings that lie among temporary files may be anybody's.
    """
    return _found("config", "user_config_path") or NOWHERE / "config"


def log_dir() -> Path:
    """For the rotating log."""
    return _found("log", "user_log_path") or _stand_in("log")


def index_dir() -> Path:
    """For the indexes of all workspaces."""
    return cache_dir() / "index"


def models_dir() -> Path:
    """For catalog entries and weights the user added to those that come with the program."""
    return config_dir() / "models"


def shared_dir() -> Path:
    """Among temporary files, for what must have a short name, or has no other place."""
    import tempfile  # noqa: PLC0415 (`initialize` needs no temporary file)

    try:
        folder = tempfile.gettempdir()
    except OSError:  # none can be written to
        return NOWHERE
    return Path(folder) / f"starling-{_user()}"


def run_dir() -> Path:
    """For sockets and locks of what runs now."""
    named = os.environ.get(HOME_VARIABLE, "").strip()
    if not named and sys.platform == "linux" and not os.environ.get("XDG_RUNTIME_DIR"):  # no session, as in a container
        return cache_dir() / "run"  # a folder among temporary files could be made by anybody before us
    return _found("run", "user_runtime_path") or shared_dir() / "run"


def settings_file() -> Path:
    """The user's settings."""
    return config_dir() / SETTINGS_FILE


def writable(directory: Path) -> Writable:
    """Create `directory` for this user alone; where that fails, a private temporary one stands in for it."""
    try:
        return Writable(_private(directory), homeless())
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


def homeless() -> str:
    """Return "" for a user who has a home, else one sentence for a person: what is missing and what to do."""
    if all(_found(part, name) is not None for part, name in PARTS.items()):
        return ""
    if named := os.environ.get(HOME_VARIABLE, "").strip():
        why = f"{HOME_VARIABLE} is {named}, and the system knows no such folder"
    else:
        why = "HOME names no folder, and the system knows none for this user"
    return (
        f"There is no place for Starling's files ({why}): your settings are not read, and {shared_dir()} is used, "
        f"which a restart of the machine may empty; set {HOME_VARIABLE} to a folder of yours."
    )


def expanded(text: str) -> Path:
    """Return a path whose `~` is the person's folder; where there is none, `~` stays as it is and names no file."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 (pathlib's raises)


def _found(part: str, name: str) -> Path | None:
    """Return one of Starling's folders, as the user or the platform names it; None where there is no home."""
    if named := os.environ.get(HOME_VARIABLE, "").strip():
        home = expanded(named)
        return None if named.startswith("~") and not home.is_absolute() else home.absolute() / part
    try:
        path = Path(getattr(_platform(), name))
    except RuntimeError:  # no HOME, and the system does not know the user
        return None
    return path if path.is_absolute() else None


def _stand_in(part: str) -> Path:
    """Return a folder among temporary files, or one that cannot exist where somebody else took our name."""
    shared = shared_dir()
    try:
        status = shared.lstat()
    except OSError:
        return shared / part  # to be made, which looks again
    ours = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
    return (shared if ours and stat.S_ISDIR(status.st_mode) else NOWHERE) / part


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
