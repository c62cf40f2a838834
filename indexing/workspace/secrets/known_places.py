"""Secret values of the environment and of `.env` files, which may turn up in a text without the name of their setting.

A command may print them, and a model repeat them; they are registered with `known_values`. Reads within bounds; stores
nothing. Start at `register_secrets`.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
from typing import TYPE_CHECKING

from indexing.workspace.files import read_regular
from indexing.workspace.secrets import known_values
from indexing.workspace.secrets.literals import find_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

MOST_FOLDERS = 200
MOST_FILES = 100
MOST_BYTES = 64 * 1024
MOST_VALUES = known_values.MOST // 4  # of the files of one call
_FILE = re.compile(r"^\.env\d*([._-].+)?$|^.+\.env$|^\.?envrc$|^\.flaskenv$", re.IGNORECASE)
_NAME = re.compile(r"(?:^|[_.-])key(?:$|[_.\d-])|apikey|token|secret|passw|pwd|credential", re.IGNORECASE)
_PATH = re.compile(r"(?:^|[=:;,])(?:/[\w. -]+(?:/|$)|~|\.{1,2}/|[A-Za-z]:\\)")
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*$", re.MULTILINE)


def register_secrets(roots: Sequence[Path], environment: Mapping[str, str] | None = None) -> None:
    """Register the secret values of the environment, and of the `.env` files in `roots` and the folders in them.

    Looks no deeper, and leaves out files that cannot be read. `environment` is that of this process by default.
    Blocking.
    """
    found = (one for root in roots for path in _list_files(root) for one in _read_values(path))
    known_values.register(itertools.islice(found, MOST_VALUES))  # first, so that a workspace drives no other value out
    known_values.register(_select(tuple((os.environ if environment is None else environment).items())))


@functools.lru_cache(maxsize=8)  # each session of the team registers the same ones again
def _select(settings: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the secret values in `settings`, pairs of a name and a value."""
    return tuple(_find_values(settings))


def _find_values(settings: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the values whose names say that they are secret, and the secret parts of others, such as of addresses.

    A path is no secret, whatever its name: `PWD`, `SSH_AUTH_SOCK`.
    """
    for name, value in settings:
        if _PATH.search(value):
            continue
        if _NAME.search(name) and re.search(r"\d", value) and re.search("[A-Za-z]", value):  # `SORT_KEY=created_at`
            yield value
        line = f'{name}="{value}"'
        for start, end in find_secrets(line):
            yield line[start:end].strip('"')
        bare = f"{name}={value}\n"
        for start, end in find_secrets(bare):
            yield bare[start:end]


def _read_values(path: Path) -> list[str]:
    """Return the secret values of a file of settings; [] if it cannot be read."""
    try:
        data, _ = read_regular(path, MOST_BYTES)
    except OSError:
        return []
    text = data.decode("utf-8", "replace")
    return [*_select(tuple((found[1], found[2].strip("\"'")) for found in _LINE.finditer(text)))]


def _list_files(root: Path) -> list[Path]:
    """Return up to `MOST_FILES` files of settings in a folder and in up to `MOST_FOLDERS` folders directly below it."""
    folders, found = [root], []
    try:
        with os.scandir(root) as entries:
            below = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    folders += [root / os.path.basename(name) for name in below[:MOST_FOLDERS]]  # noqa: PTH119 (of a string)
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                found += sorted(folder / entry.name for entry in entries if _FILE.match(entry.name))
        except OSError:
            continue
    return found[:MOST_FILES]
