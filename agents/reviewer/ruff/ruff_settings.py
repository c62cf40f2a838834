"""What the workspace says to ruff: which configuration is in force for a file, and which rules it selects or ignores.

Reads configuration files and asks ruff itself; writes nothing. ruff is handed no configuration that is no ordinary
file, or that has brought it down before; then its own rules are in force, and a sentence says so. Start at
`SettingsCache.of`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.reviewer.ruff import ruff_rules
from indexing import bounds
from indexing.workspace.files import TooDeepError, read_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_NAMES = (".ruff.toml", "ruff.toml", "pyproject.toml")  # ruff's own order within a folder
_LONGEST_LINE = 320  # ruff's own bound
_FRESH_S = 2.0
_MOST_FOLDERS = 5000
_MOST_FILES = 500
_MOST_CODES = 1000  # ruff has about as many
_ENABLED = re.compile(r"^linter\.rules\.enabled = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"\(([A-Z]+\d+)\)")
_MINIMUM = re.compile(r">=\s*3\.(\d+)")
_NEWEST = 14
NEWEST = f"py3{_NEWEST}"
_IGNORED_CODE = re.compile(r"[A-Z]{1,8}\d{0,4}")
_IGNORES = ("ignore", "extend-ignore")


@dataclass(frozen=True, slots=True)
class Settings:
    """What ruff is asked for one file.

    Attributes:
        file: the workspace's configuration of ruff, None for none.
        select: codes to look for.
        target: the oldest Python the code is for ("py311"), "" where the configuration says it.
        enabled: codes that the workspace's own ruff reports.
        ignored: codes or groups that are not looked for: the workspace ignores them.
        more: further arguments.
        problem: why the workspace's configuration is not in force, "" where it is or there is none.
    """

    file: Path | None
    select: tuple[str, ...]
    target: str = ""
    enabled: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    problem: str = ""

    def left_out(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Which of `codes`, ruff's for rules of ours, are the workspace's own business: it reports or ignores them."""
        ignored = self.ignored or ("\0",)
        return tuple(code for code in codes if code in self.enabled or code.startswith(ignored))

    def arguments(self) -> list[str]:
        """For the command line."""
        if self.file is None:
            rules = [
                "--ignore",
                self._ignore(),
                "--per-file-ignores",
                ruff_rules.PER_FILE,
            ]
            target = ["--target-version", self.target]
            return ["--isolated", "--select", ",".join(self.select), *rules, *target, *self.more]
        select = ["--select", ",".join(self.select), "--ignore", self._ignore()]
        return ["--config", str(self.file), "--force-exclude", *select]

    def _ignore(self) -> str:
        """Return what is ignored of what is selected, which fits a command line however much the workspace ignores."""
        told = [code for code in self.ignored if code.startswith(self.select) or _begins(self.select, code)]
        return ",".join((*ruff_rules.IGNORED, *told[:_MOST_CODES]))


class SettingsCache:
    """Settings by folder; looked at again when the configuration changes."""

    def __init__(self, ask: Callable[[Path], str]) -> None:
        """`ask` gives what `ruff check --show-settings` prints for a configuration file."""
        self._ask = ask
        self._known: dict[tuple[str, int, int], Settings] = {}
        self._refused: dict[tuple[str, int, int], str] = {}
        self._folders: dict[Path, tuple[float, tuple[Path | None, bool]]] = {}
        self._lock = threading.Lock()

    def of(self, path: Path | None, *, everything: bool) -> Settings:
        """The settings for the file `path`; `everything` includes what the workspace's own ruff reports."""
        file, own = self._nearest(path)
        if not own:
            return Settings(None, ruff_rules.SELECTED, _target(file))
        settings = self._own(file) if file is not None else Settings(None, ruff_rules.SELECTED, _target(None))
        if everything and settings.file is not None:
            return Settings(settings.file, (*settings.select, *sorted(settings.enabled)), ignored=settings.ignored)
        return settings

    def _nearest(self, path: Path | None) -> tuple[Path | None, bool]:
        """`_found`, looked up again after two seconds: a package has many files in one folder."""
        if path is None:
            return None, False
        now = time.monotonic()
        with self._lock:
            known = self._folders.get(path.parent)
        if known is None or now - known[0] > _FRESH_S:
            known = (now, _found(path))
            with self._lock:
                if len(self._folders) > _MOST_FOLDERS:
                    self._folders.clear()
                self._folders[path.parent] = known
        return known[1]

    def refuse(self, settings: Settings, why: str) -> Settings:
        """Take the configuration of `settings` out of force, until it changes; return what is in force instead."""
        refused = _without(str(settings.file), why)
        key = _key(settings.file) if settings.file is not None else None
        with self._lock:
            if len(self._refused) > _MOST_FILES:
                self._refused.clear()
            if key is not None:
                self._refused[key] = refused.problem
        return refused

    def _own(self, file: Path) -> Settings:
        key = _key(file)
        if key is None:
            return Settings(None, ruff_rules.SELECTED, _target(None))
        with self._lock:
            known, refused = self._known.get(key), self._refused.get(key)
        if refused is not None:
            return Settings(None, ruff_rules.SELECTED, _target(None), problem=refused)
        if known is None:
            why = _unreadable(file)
            known = _without(str(file), why) if why else _settings(file, self._ask(file))
            with self._lock:
                if len(self._known) > _MOST_FILES:
                    self._known.clear()
                self._known[key] = known
        return known


def pep8(path: Path | None) -> Settings:
    """Settings that look for what PEP 8 says and for nothing else, whatever the workspace selects."""
    file, _ = _found(path) if path is not None else (None, False)
    length = _line_length(file)
    return Settings(
        None,
        ruff_rules.PEP8,
        target=_target(file),
        ignored=ruff_rules.NOT_PEP8,
        more=("--preview", "--line-length", str(length)),
    )


def _line_length(file: Path | None) -> int:
    """The longest line that the project allows itself, or that PEP 8 allows where it does not say."""
    content = _read(file) if file is not None else {}
    tools = _table(content, "tool")
    for table in (_table(tools, "ruff"), _table(tools, "black"), content):
        length = table.get("line-length")
        if isinstance(length, int) and 1 <= length <= _LONGEST_LINE:
            return length
    return ruff_rules.PEP8_LINE


def _settings(file: Path, shown: str) -> Settings:
    section = _ENABLED.search(shown)
    enabled = frozenset(_CODE.findall(section[1])) if section else frozenset()
    return Settings(file, ruff_rules.SELECTED, enabled=enabled, ignored=_ignored(file))


def _found(path: Path) -> tuple[Path | None, bool]:
    """The nearest configuration of ruff above `path`, True; else the nearest `pyproject.toml`, False."""
    project: Path | None = None
    for folder in path.parents:
        for name in _NAMES:
            file = folder / name
            if file.is_file():
                if name != "pyproject.toml" or "ruff" in _table(_read(file), "tool"):
                    return file, True
                project = project or file
        if (folder / ".git").exists():
            break
    return project, False


def _chain(file: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the configurations that `file` is made of, itself first, each with ruff's table in it.

    Raises:
        OSError: one of them cannot be read, is no regular file, is too large, or there are too many.
        ValueError: one of them is not TOML.
    """
    for _ in range(bounds.CONFIGURATION_CHAIN):
        content = read_toml(file, bounds.CONFIGURATION_BYTES)
        table = _table(_table(content, "tool"), "ruff") if file.name == "pyproject.toml" else content
        yield file, table
        extended = table.get("extend")
        if not isinstance(extended, str):
            return
        extended = os.path.expandvars(extended)
        if "$" in extended or "\0" in extended:  # ruff might read something else there
            raise OSError(errno.EINVAL, "extends a file whose name cannot be told", str(file))
        file = file.parent / Path(extended).expanduser()
    raise OSError(errno.ELOOP, "too many files that extend one another", str(file))


def _unreadable(file: Path) -> str:
    """Return why ruff must not be handed the configuration `file`, "" where it may."""
    try:
        for _ in _chain(file):
            pass
    except OSError as error:
        return f"{error.filename or file} is {error.strerror}" if error.errno == errno.EINVAL else str(error.strerror)
    except TooDeepError as error:
        return str(error)
    except (ValueError, RuntimeError):  # ruff says better what is wrong with it; the second for an unknown `~name`
        return ""
    return ""


def _ignored(file: Path) -> tuple[str, ...]:
    """Return what the configuration ignores, the files it extends included."""
    found: set[str] = set()
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        for _, table in _chain(file):
            for section in (table, _table(table, "lint")):
                for key in _IGNORES:
                    values = section.get(key)
                    found.update(each for each in (values if isinstance(values, list) else ()) if isinstance(each, str))
    return tuple(sorted(code for code in found if _IGNORED_CODE.fullmatch(code)))


def _without(file: str, why: str) -> Settings:
    problem = f"ruff's configuration {file} is not in force ({why}); its usual rules are."
    return Settings(None, ruff_rules.SELECTED, _target(None), problem=problem)


def _key(file: Path) -> tuple[str, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return str(file), found.st_mtime_ns, found.st_size


def _begins(codes: tuple[str, ...], start: str) -> bool:
    return any(code.startswith(start) for code in codes)


def _target(file: Path | None) -> str:
    """The oldest Python that the project is for; the newest where it does not say, so that nothing is too new."""
    said = _table(_read(file), "project").get("requires-python") if file is not None else None
    match = _MINIMUM.search(said) if isinstance(said, str) else None
    return f"py3{min(max(int(match[1]), 7), _NEWEST) if match else _NEWEST}"


def _read(file: Path) -> dict[str, Any]:
    try:
        found = file.stat()
        return _content(file, found.st_mtime_ns, found.st_size, found.st_ctime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=64)
def _content(file: Path, *_state: int) -> dict[str, Any]:
    """Return what a configuration holds; parsed once for each state of the file, for a large one takes a second."""
    return read_toml(file, bounds.CONFIGURATION_BYTES)


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}
