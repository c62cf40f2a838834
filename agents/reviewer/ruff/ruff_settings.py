"""The workspace's settings of ruff: which configuration applies to a file, and which rules it selects or ignores.

Reads configuration files and runs ruff to show them; writes nothing. A configuration that is no regular file, or that
made ruff fail, is refused: Starling's default rules apply and a sentence says so. Start at `RuffSettingsCache.resolve`.
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

_NAMES = (".ruff.toml", "ruff.toml", "pyproject.toml")  # in ruff's order of precedence within a folder
_LONGEST_LINE = 320  # ruff's limit
_FRESH_S = 2.0
_MOST_FOLDERS = 5000
_MOST_FILES = 500
_MOST_CODES = 1000  # about the number of ruff's rules
_ENABLED = re.compile(r"^linter\.rules\.enabled = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"\(([A-Z]+\d+)\)")
_MINIMUM = re.compile(r">=\s*3\.(\d+)")
_NEWEST = 14
NEWEST = f"py3{_NEWEST}"
_IGNORED_CODE = re.compile(r"[A-Z]{1,8}\d{0,4}")
_IGNORES = ("ignore", "extend-ignore")


@dataclass(frozen=True, slots=True)
class RuffSettings:
    """Settings of ruff for one file.

    Attributes:
        file: the workspace's configuration of ruff, None if there is none.
        select: codes of the rules to run.
        target: oldest Python version that the code supports ("py311"), "" if the configuration says it.
        enabled: codes that the workspace's configuration selects.
        ignored: codes or groups that the workspace's configuration ignores.
        more: further arguments of the command line.
        problem: one sentence why the workspace's configuration is not used, "" if it is, or there is none.
    """

    file: Path | None
    select: tuple[str, ...]
    target: str = ""
    enabled: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    problem: str = ""

    def select_workspace_codes(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Return the members of `codes` that the workspace's configuration selects or ignores."""
        ignored = self.ignored or ("\0",)
        return tuple(code for code in codes if code in self.enabled or code.startswith(ignored))

    def build_arguments(self) -> list[str]:
        """Return the arguments for ruff's command line."""
        if self.file is None:
            rules = [
                "--ignore",
                self._build_ignore_list(),
                "--per-file-ignores",
                ruff_rules.PER_FILE,
            ]
            target = ["--target-version", self.target]
            return ["--isolated", "--select", ",".join(self.select), *rules, *target, *self.more]
        select = ["--select", ",".join(self.select), "--ignore", self._build_ignore_list()]
        return ["--config", str(self.file), "--force-exclude", *select]

    def _build_ignore_list(self) -> str:
        """Return the codes to ignore, separated by commas.

        Of the workspace's codes only those that concern selected rules, at most `_MOST_CODES`, to fit a command line.
        """
        relevant = [
            code for code in self.ignored if code.startswith(self.select) or _is_prefix_of_any(self.select, code)
        ]
        return ",".join((*ruff_rules.IGNORED, *relevant[:_MOST_CODES]))


class RuffSettingsCache:
    """Settings by folder, read again when the configuration changes. Thread-safe."""

    def __init__(self, ask: Callable[[Path], str]) -> None:
        """Create an empty cache; `ask` returns what `ruff check --show-settings` prints for a file."""
        self._ask = ask
        self._known: dict[tuple[str, int, int], RuffSettings] = {}
        self._refused: dict[tuple[str, int, int], str] = {}
        self._folders: dict[Path, tuple[float, tuple[Path | None, bool]]] = {}
        self._lock = threading.Lock()

    def resolve(self, path: Path | None, *, everything: bool) -> RuffSettings:
        """Return the settings for the file `path`; Starling's defaults if no usable configuration of ruff applies.

        Reads configuration files, and runs ruff if a configuration is new or changed.

        With `everything`, the settings also select the rules that the workspace's configuration enables.
        """
        file, own = self._find_cached_configuration(path)
        if not own:
            return RuffSettings(None, ruff_rules.SELECTED, _read_target(file))
        settings = self._load(file) if file is not None else RuffSettings(None, ruff_rules.SELECTED, _read_target(None))
        if everything and settings.file is not None:
            return RuffSettings(settings.file, (*settings.select, *sorted(settings.enabled)), ignored=settings.ignored)
        return settings

    def _find_cached_configuration(self, path: Path | None) -> tuple[Path | None, bool]:
        """Return the result of `_find_configuration(path)`, cached by folder for two seconds."""
        if path is None:
            return None, False
        now = time.monotonic()
        with self._lock:
            known = self._folders.get(path.parent)
        if known is None or now - known[0] > _FRESH_S:
            known = (now, _find_configuration(path))
            with self._lock:
                if len(self._folders) > _MOST_FOLDERS:
                    self._folders.clear()
                self._folders[path.parent] = known
        return known[1]

    def refuse(self, settings: RuffSettings, why: str) -> RuffSettings:
        """Refuse the configuration of `settings` until it changes; return the settings to use instead."""
        refused = _make_fallback(str(settings.file), why)
        key = _make_key(settings.file) if settings.file is not None else None
        with self._lock:
            if len(self._refused) > _MOST_FILES:
                self._refused.clear()
            if key is not None:
                self._refused[key] = refused.problem
        return refused

    def _load(self, file: Path) -> RuffSettings:
        """Return the settings for the configuration `file`, cached until it changes; defaults if missing or refused."""
        key = _make_key(file)
        if key is None:
            return RuffSettings(None, ruff_rules.SELECTED, _read_target(None))
        with self._lock:
            known, refused = self._known.get(key), self._refused.get(key)
        if refused is not None:
            return RuffSettings(None, ruff_rules.SELECTED, _read_target(None), problem=refused)
        if known is None:
            why = _find_refusal_reason(file)
            known = _make_fallback(str(file), why) if why else _make_settings(file, self._ask(file))
            with self._lock:
                if len(self._known) > _MOST_FILES:
                    self._known.clear()
                self._known[key] = known
        return known


def make_pep8_settings(path: Path | None) -> RuffSettings:
    """Return settings that select the rules of PEP 8 and no others, whatever the workspace selects.

    The line length and the Python version are those that the workspace configures, by default PEP 8's limit and the
    newest version.
    """
    file, _ = _find_configuration(path) if path is not None else (None, False)
    length = _read_line_length(file)
    return RuffSettings(
        None,
        ruff_rules.PEP8,
        target=_read_target(file),
        ignored=ruff_rules.NOT_PEP8,
        more=("--preview", "--line-length", str(length)),
    )


def _read_line_length(file: Path | None) -> int:
    """Return the configured line length in characters; the limit of PEP 8 if none is configured."""
    content = _read_configuration(file) if file is not None else {}
    tools = _get_table(content, "tool")
    for table in (_get_table(tools, "ruff"), _get_table(tools, "black"), content):
        length = table.get("line-length")
        if isinstance(length, int) and 1 <= length <= _LONGEST_LINE:
            return length
    return ruff_rules.PEP8_LINE


def _make_settings(file: Path, shown: str) -> RuffSettings:
    """Return settings for the configuration `file`: Starling's rules, and the codes that it enables or ignores.

    The enabled codes are read from `shown`, the output of `ruff check --show-settings`, the ignored ones from the
    configuration files.
    """
    section = _ENABLED.search(shown)
    enabled = frozenset(_CODE.findall(section[1])) if section else frozenset()
    return RuffSettings(file, ruff_rules.SELECTED, enabled=enabled, ignored=_read_ignored_codes(file))


def _find_configuration(path: Path) -> tuple[Path | None, bool]:
    """Return ruff's nearest configuration above `path`, and True.

    Without one, returns the nearest `pyproject.toml` (None if there is none) and False. Searches no farther than the
    folder that contains `.git`.
    """
    project: Path | None = None
    for folder in path.parents:
        for name in _NAMES:
            file = folder / name
            if file.is_file():
                if name != "pyproject.toml" or "ruff" in _get_table(_read_configuration(file), "tool"):
                    return file, True
                project = project or file
        if (folder / ".git").exists():
            break
    return project, False


def _walk_extends(file: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield `file` and the configurations that it extends, each with ruff's table in it.

    Raises:
        OSError: one of them cannot be read, is no regular file or is too large, or there are too many.
        ValueError: one of them is not TOML.
    """
    for _ in range(bounds.CONFIGURATION_CHAIN):
        content = read_toml(file, bounds.CONFIGURATION_BYTES)
        table = _get_table(_get_table(content, "tool"), "ruff") if file.name == "pyproject.toml" else content
        yield file, table
        extended = table.get("extend")
        if not isinstance(extended, str):
            return
        extended = os.path.expandvars(extended)
        if "$" in extended or "\0" in extended:  # ruff might resolve it differently
            raise OSError(errno.EINVAL, "extends a file whose name cannot be resolved", str(file))
        file = file.parent / Path(extended).expanduser()
    raise OSError(errno.ELOOP, "too many files that extend one another", str(file))


def _find_refusal_reason(file: Path) -> str:
    """Return the reason why ruff must not read the configuration `file`; "" if ruff may, also if it is malformed."""
    try:
        for _ in _walk_extends(file):
            pass
    except OSError as error:
        return f"{error.filename or file} is {error.strerror}" if error.errno == errno.EINVAL else str(error.strerror)
    except TooDeepError as error:
        return str(error)
    except (ValueError, RuntimeError):  # ruff reports a better message; RuntimeError is for an unknown `~name`
        return ""
    return ""


def _read_ignored_codes(file: Path) -> tuple[str, ...]:
    """Return the codes that the configuration and those it extends ignore, sorted."""
    found: set[str] = set()
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        for _, table in _walk_extends(file):
            for section in (table, _get_table(table, "lint")):
                for key in _IGNORES:
                    values = section.get(key)
                    found.update(each for each in (values if isinstance(values, list) else ()) if isinstance(each, str))
    return tuple(sorted(code for code in found if _IGNORED_CODE.fullmatch(code)))


def _make_fallback(file: str, why: str) -> RuffSettings:
    """Return default settings with a problem that says that the configuration `file` is not used because of `why`."""
    problem = f"ruff's configuration {file} is not used ({why}), so Starling's default rules apply."
    return RuffSettings(None, ruff_rules.SELECTED, _read_target(None), problem=problem)


def _make_key(file: Path) -> tuple[str, int, int] | None:
    """Return a cache key for `file`: its path, time of modification and size; None if it does not exist."""
    try:
        found = file.stat()
    except OSError:
        return None
    return str(file), found.st_mtime_ns, found.st_size


def _is_prefix_of_any(codes: tuple[str, ...], start: str) -> bool:
    """Return whether one of `codes` begins with `start`."""
    return any(code.startswith(start) for code in codes)


def _read_target(file: Path | None) -> str:
    """Return the oldest Python version that the project of `file` supports, as ruff writes it ("py311").

    Returns the newest known version if `requires-python` is missing.
    """
    required = _get_table(_read_configuration(file), "project").get("requires-python") if file is not None else None
    match = _MINIMUM.search(required) if isinstance(required, str) else None
    return f"py3{min(max(int(match[1]), 7), _NEWEST) if match else _NEWEST}"


def _read_configuration(file: Path) -> dict[str, Any]:
    """Return the content of a TOML file, {} if it cannot be read."""
    try:
        found = file.stat()
        return _parse_configuration(file, found.st_mtime_ns, found.st_size, found.st_ctime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=64)
def _parse_configuration(file: Path, *_state: int) -> dict[str, Any]:
    """Return the content of a TOML file, cached by its times and size: a large file takes a second to parse."""
    return read_toml(file, bounds.CONFIGURATION_BYTES)


def _get_table(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the table `name` in `content`, {} if it is missing or no table."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}
