"""What the workspace says to ruff: which configuration is in force for a file, and which rules it selects or ignores.

Reads configuration files and asks ruff itself; writes nothing. Start at `Settings.of`.
"""

from __future__ import annotations

import os
import re
import threading
import time
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.reviewer import ruff_rules
from indexing.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_NAMES = (".ruff.toml", "ruff.toml", "pyproject.toml")  # ruff's own order within a folder
_LARGEST = 1_000_000  # bytes of a configuration file
_MOST_EXTENDED = 5
_LONGEST_LINE = 320  # ruff's own bound
_FRESH_S = 2.0
_MOST_FOLDERS = 5000
_ENABLED = re.compile(r"^linter\.rules\.enabled = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"\(([A-Z]+\d+)\)")
_MINIMUM = re.compile(r">=\s*3\.(\d+)")
_NEWEST = 14
NEWEST = f"py3{_NEWEST}"
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
    """

    file: Path | None
    select: tuple[str, ...]
    target: str = ""
    enabled: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    def left_out(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Which of `codes`, ruff's for rules of ours, are the workspace's own business: it reports or ignores them."""
        ignored = self.ignored or ("\0",)
        return tuple(code for code in codes if code in self.enabled or code.startswith(ignored))

    def arguments(self) -> list[str]:
        """For the command line."""
        if self.file is None:
            rules = [
                "--ignore",
                ",".join((*ruff_rules.IGNORED, *self.ignored)),
                "--per-file-ignores",
                ruff_rules.PER_FILE,
            ]
            target = ["--target-version", self.target]
            return ["--isolated", "--select", ",".join(self.select), *rules, *target, *self.more]
        ignored = ["--ignore", ",".join((*ruff_rules.IGNORED, *self.ignored))]
        return ["--config", str(self.file), "--force-exclude", "--select", ",".join(self.select), *ignored]


class SettingsCache:
    """Settings by folder; looked at again when the configuration changes."""

    def __init__(self, ask: Callable[[Path], str]) -> None:
        """`ask` gives what `ruff check --show-settings` prints for a configuration file."""
        self._ask = ask
        self._known: dict[tuple[str, int, int], Settings] = {}
        self._folders: dict[Path, tuple[float, tuple[Path | None, bool]]] = {}
        self._lock = threading.Lock()

    def of(self, path: Path | None, *, everything: bool) -> Settings:
        """The settings for the file `path`; `everything` includes what the workspace's own ruff reports."""
        file, own = self._nearest(path)
        if not own:
            return Settings(None, ruff_rules.SELECTED, _target(file))
        settings = self._own(file) if file is not None else Settings(None, ruff_rules.SELECTED, _target(None))
        if everything:
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

    def _own(self, file: Path) -> Settings:
        try:
            found = file.stat()
        except OSError:
            return Settings(None, ruff_rules.SELECTED, _target(None))
        key = (str(file), found.st_mtime_ns, found.st_size)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = _settings(file, self._ask(file))
            with self._lock:
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


def _ignored(file: Path) -> tuple[str, ...]:
    """What the configuration ignores, the files it extends included."""
    found: list[str] = []
    for _ in range(_MOST_EXTENDED):
        content = _read(file)
        table = _table(_table(content, "tool"), "ruff") if file.name == "pyproject.toml" else content
        for section in (table, _table(table, "lint")):
            for key in _IGNORES:
                values = section.get(key)
                found += [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
        extended = table.get("extend")
        if not isinstance(extended, str):
            break
        file = file.parent / os.path.expanduser(extended)  # noqa: PTH111 (pathlib's raises where there is no home)
    return tuple(sorted({code for code in found if re.fullmatch(r"[A-Z]+\d*", code)}))


def _target(file: Path | None) -> str:
    """The oldest Python that the project is for; the newest where it does not say, so that nothing is too new."""
    said = _table(_read(file), "project").get("requires-python") if file is not None else None
    match = _MINIMUM.search(said) if isinstance(said, str) else None
    return f"py3{min(max(int(match[1]), 7), _NEWEST) if match else _NEWEST}"


def _read(file: Path) -> dict[str, Any]:
    try:
        content, _ = read_regular(file, _LARGEST + 1)  # a workspace says which file: it may be a pipe, or `/dev/zero`
        return tomllib.loads(content.decode()) if len(content) <= _LARGEST else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}
