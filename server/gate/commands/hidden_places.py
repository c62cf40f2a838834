"""Places that commands of agents may not read or change: secrets in the home folder and in the workspace.

Secrets in a workspace are what the exclusion filter withholds as secret, by name, folder or content, and what the
settings or a `.starlingignore` exclude. Folders of installed packages and caches are not searched: what they hold was
published, and programs need it. Start at `list_personal_places` and `WorkspaceSearch`.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.syntax.texts import decode
from indexing.workspace.built_in_reasons import SECRET_BYTES
from indexing.workspace.exclusion import Exclusion
from indexing.workspace.files import read_regular
from indexing.workspace.secrets.literals import find_secrets
from indexing.workspace.secrets.secret_files import holds_secret, is_secret_folder, is_secret_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexing.limits import IndexLimits
    from indexing.workspace.ignore_rules import Rules

MOST_ENTRIES = 300_000
MOST_HIDDEN = 1_000
SEARCH_S = 15.0
_MOST_KNOWN = 100_000
_CODE = 1_048_576  # bytes of the largest file whose content is looked at

_PERSONAL = (
    ".1password", ".authinfo", ".authinfo.gpg", ".bash_history", ".cargo/credentials", ".cargo/credentials.toml",
    ".config/1Password", ".config/Bitwarden", ".config/BraveSoftware", ".config/chromium", ".config/gcloud",
    ".config/gh", ".config/git/credentials", ".config/github-copilot", ".config/google-chrome", ".config/hub",
    ".config/keepassxc", ".config/microsoft-edge", ".config/op", ".config/sops", ".docker", ".electrum",
    ".gem/credentials", ".git-credentials", ".huggingface",
    ".cache/huggingface/token", ".local/share/keyrings", ".local/share/kwalletd",
    ".mozilla", ".netrc", ".thunderbird", ".vault-token", ".zsh_history", "Library/Application Support/BraveSoftware",
    "Library/Application Support/Firefox", "Library/Application Support/Google/Chrome", "Library/Cookies",
    "Library/Keychains", "snap/firefox",
)  # fmt: skip
_SEARCHED = ("", ".config", ".local/share")  # folders of the home folder in which names of secrets are looked for
_PUBLISHED = frozenset({"vendored", "environment", "cache", "version control"})
_OF_A_PERSON = frozenset({"secret", "excluded"})


@dataclass(frozen=True, slots=True)
class Found:
    """The places that were found in a workspace.

    Attributes:
        hidden: files and folders that hold secrets or are excluded, with links resolved.
        repositories: files and folders named `.git`.
        complete: whether everything was searched within the bounds.
    """

    hidden: tuple[Path, ...]
    repositories: tuple[Path, ...]
    complete: bool


def list_personal_places(home: str, own_places: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files and folders of secrets below `home`, and the places `own_places`, as far as they exist.

    Links are resolved. If the user has no home folder, `home` is "~", below which there is nothing.
    """
    candidates = [*(Path(home, name) for name in _PERSONAL), *own_places]
    for name in _SEARCHED:
        folder = Path(home, name)
        with contextlib.suppress(OSError):
            candidates += [
                one for one in folder.iterdir() if is_secret_folder(one.name) or is_secret_path(one.as_posix())
            ]
    return _resolve(candidates)


def list_own_places(own: Sequence[Path]) -> tuple[Path, ...]:
    """Return the places in `own` that exist, with links resolved."""
    return _resolve(own)


def _resolve(places: Sequence[Path]) -> tuple[Path, ...]:
    """Return the `places` that exist, with links resolved and without duplicates; outer folders before inner ones."""
    real = {Path(os.path.realpath(place)) for place in places if os.path.lexists(place)}
    return tuple(sorted(one for one in real if one.exists()))


@dataclass(slots=True)
class _Search:
    """The state of one search."""

    deadline: float
    entries: int = 0
    hidden: list[Path] = field(default_factory=list)
    repositories: list[Path] = field(default_factory=list)

    def is_over(self) -> bool:
        """Return whether a bound is reached."""
        return self.entries > MOST_ENTRIES or len(self.hidden) > MOST_HIDDEN or time.monotonic() > self.deadline


class WorkspaceSearch:
    """Searches workspace folders for secrets; remembers which contents are none while their files do not change."""

    def __init__(self, limits: IndexLimits) -> None:
        self._limits = limits
        self._known: dict[tuple[str, int, int, int], bool] = {}

    def find(self, roots: Sequence[Path]) -> Found:
        """Return the places in `roots` that commands may not read or change, as far as the bounds allow. Blocking."""
        search = _Search(time.monotonic() + SEARCH_S)
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        for root in roots:
            self._search_root(Exclusion(root, self._limits), search)
        return Found(_resolve(search.hidden), _resolve(search.repositories), not search.is_over())

    def _search_root(self, exclusion: Exclusion, search: _Search) -> None:
        """Add the places to hide and the repositories below one root to `search`, until a bound is reached.

        Skips folders of packages and caches.
        """
        waiting: list[tuple[str, str, str, Rules]] = [(str(exclusion.root), "", "", exclusion.read_root_rules())]
        while waiting and not search.is_over():
            path, relative, name, outer = waiting.pop()
            try:
                with os.scandir(path) as listing:
                    entries = list(listing)
            except OSError:
                continue  # the command cannot read it either
            search.entries += len(entries)
            held = {entry.name for entry in entries}
            if relative:
                reason = exclusion.find_folder_reason(outer, name, relative, held)
                if reason in _OF_A_PERSON or (reason and outer.is_ignored(relative, starling=True)):
                    search.hidden.append(Path(path))
                    continue
                if reason in _PUBLISHED:
                    continue
            rules = exclusion.read_folder_rules(outer, path, relative, held) if relative else outer
            for entry in entries:
                if entry.name == ".git":
                    search.repositories.append(Path(entry.path))
                    search.hidden += _list_secret_settings(Path(entry.path))
                elif _is_folder(entry):
                    waiting.append((entry.path, f"{relative}{entry.name}/", entry.name, rules))
                elif self._must_hide(exclusion, rules, entry, relative + entry.name):
                    search.hidden.append(Path(entry.path))

    def _must_hide(self, exclusion: Exclusion, rules: Rules, entry: os.DirEntry[str], relative: str) -> bool:
        """Return whether a file must be hidden from commands: it holds a secret, or a person has excluded it."""
        reason = exclusion.find_file_reason(rules, entry.name, relative)
        if reason:
            return reason in _OF_A_PERSON or bool(rules.is_ignored(relative, starling=True))
        return self._holds_secret(entry)

    def _holds_secret(self, entry: os.DirEntry[str]) -> bool:
        """Return whether the first `SECRET_BYTES` of a file hold a secret; False for a large or unreadable file."""
        try:
            found = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode) or found.st_size > _CODE:
                return False
            key = (entry.path, found.st_ino, found.st_size, found.st_mtime_ns)
            if key not in self._known:
                text = decode(read_regular(Path(entry.path), SECRET_BYTES)[0])
                self._known[key] = holds_secret(text, entry.name)
        except OSError:
            return False
        return self._known[key]


def _list_secret_settings(repository: Path) -> list[Path]:
    """Return the path of a Git repository's `config` in a list; [] if that file holds no login or cannot be read."""
    settings = repository / "config"
    try:
        text = decode(read_regular(settings, SECRET_BYTES)[0])
    except OSError:
        return []
    return [settings] if any(find_secrets(text)) else []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder and no link."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def list_containing(places: Sequence[Path], roots: Sequence[Path]) -> Iterator[Path]:
    """Yield those of `places` that are or contain one of the workspace folders `roots`, and so cannot be hidden."""
    yield from (place for place in places if any(root.is_relative_to(place) for root in roots))
