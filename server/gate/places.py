# ruff: noqa: PTH112, PTH113, PTH114 (os.path returns False where pathlib raises: names too long, loops of links)
"""The files that the gate may write to: regular files inside a workspace folder, by their real path.

Reads the disk and changes nothing. A result may be stale a moment later, so the gate checks again just before a
change, and `disk.DiskWorkplace` follows no link. Start at `Places.resolve_existing` and `Places.resolve_new`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.workspace.access import OF_BYTES
from indexing.workspace.exclusion import Exclusion, find_outside_reason
from indexing.workspace.origins import parse_file_uri
from server.gate.question import diffs
from server.gate.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexing.limits import IndexLimits

LONGEST_NAME = 255  # bytes, the limit of nearly every file system
LONGEST_PATH = 1000  # characters, at most 4,000 bytes; Linux allows 4,095 bytes, other systems fewer
RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE
)  # names of devices on Windows
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
CELLS = "vscode-notebook-cell"
UNTITLED = {"untitled", "file", "buffer"}  # a buffer of Neovim without a name is `file://`


class Places:
    """The rules about which files of one workspace may be written."""

    def __init__(self, roots: Sequence[Path], excluded: Callable[[Path], str]) -> None:
        """Store the workspace folders, and a function that returns why a path is excluded, "" if it is not."""
        self.roots = tuple(roots)
        self._real_roots = tuple(Path(os.path.realpath(root)) for root in roots)
        self._excluded = excluded

    def allow_excluded(self) -> Places:
        """Return the same rules without exclusions, to undo a change of a file that was excluded afterwards."""
        return Places(self.roots, lambda _: "")

    def resolve_existing(self, path: Path, *, itself: bool = False, part: bool = False) -> Path:
        """Return the real path of a file that exists and may be changed.

        Args:
            path: the file.
            itself: whether the file itself is to be deleted or moved, which is refused for a link.
            part: whether only a cell of a notebook is to be changed, which is allowed in a file that is excluded for
                its content.

        Raises:
            Refused: the file must not be changed.
        """
        self._check_path(path)
        if itself and os.path.islink(path):
            raise Refused(f"{self.format_path(path)} is a link; name the file that it leads to.")
        real = self._resolve_inside(path, part=part)
        if not os.path.isfile(real):
            exists = os.path.lexists(real)
            raise Refused(f"{self.format_path(path)} {'is not a regular file' if exists else 'no longer exists'}.")
        return real

    def resolve_open(self, path: Path) -> Path:
        """Return the real path of a file that may be changed and is open in an editor; it need not exist on the disk.

        Raises:
            Refused: the file must not be changed or created.
        """
        return self.resolve_existing(path) if os.path.lexists(path) else self._resolve_name(path)

    def resolve_new(self, path: Path, *, coming_from: Path | None = None) -> Path:
        """Return the real path for a new file, or for the file at the real path `coming_from`, which is moved there.

        Raises:
            Refused: no file may be created there, or the folder has this name already, perhaps in another case.
        """
        real = self._resolve_name(path)
        own = coming_from.name if coming_from is not None and coming_from.parent == real.parent else None
        if os.path.lexists(real) and real.name != own:
            raise Refused(f"{self.format_path(path)} exists already; propose a change of it, or another name.")
        for name in _list_names(real.parent):
            if name != own and fold_name(name) == fold_name(real.name):
                raise Refused(
                    f"{self.format_path(path)} would lie beside {name}, and many disks treat both as the same file; "
                    "choose another name."
                )
        return real

    def check_untitled(self, uri: str) -> None:
        """Check that the open document `uri` is untitled, or a cell of a notebook that may be changed.

        Raises:
            Refused: the document is neither.
        """
        scheme, _, rest = uri.partition(":")
        if scheme == CELLS and (notebook := parse_file_uri(f"file:{rest.partition('#')[0]}")) is not None:
            self.resolve_existing(notebook, part=True)
        elif scheme not in UNTITLED:
            raise Refused(
                f"{uri} is neither a file nor an untitled document; save it as a file of the workspace first."
            )

    def format_path(self, path: Path) -> str:
        """Return `path` relative to its workspace folder, for a message; in full if no folder holds it."""
        return diffs.shorten_path(path, self.roots)

    def find_root(self, real: Path) -> Path | None:
        """Return the real path of the innermost workspace folder around the real path `real`; None if there is none."""
        holding = [root for root in self._real_roots if real.is_relative_to(root)]
        return max(holding, key=lambda root: len(root.parts), default=None)

    def _resolve_name(self, path: Path) -> Path:
        """Return the real path of a new file at `path`; its folders need not exist yet.

        Raises:
            Refused: no file may be created there.
        """
        self._check_path(path)
        if os.path.islink(path):
            raise Refused(f"{self.format_path(path)} is a link; name the file that it leads to.")
        _check_name(path.name)
        real = self._resolve_inside(path)
        root = self.find_root(real)
        assert root is not None  # noqa: S101 (`_resolve_inside` has found it)
        for depth, name in enumerate(real.relative_to(root).parts):
            folder = root.joinpath(*real.relative_to(root).parts[:depth])
            if not os.path.isdir(folder / name):
                _check_name(name)
            if os.path.lexists(folder) and not os.path.isdir(folder):
                raise Refused(
                    f"{self.format_path(path)} cannot be created: {self.format_path(folder)} is not a folder."
                )
        return real

    @staticmethod
    def _check_path(path: Path) -> None:
        """Raise `Refused` unless `path` is absolute, without `..` and NUL, and not too long."""
        if "\0" in str(path) or not path.is_absolute() or ".." in path.parts or len(str(path)) > LONGEST_PATH:
            raise Refused(
                f"{str(path)!r} is not a full path of a file; name it from the root of the disk, without `..`."
            )
        for part in path.parts[1:]:
            _check_length(part)

    def _resolve_inside(self, path: Path, *, part: bool = False) -> Path:
        """Return the real path of `path`; `part` is as for `resolve_existing`.

        Raises:
            Refused: the path lies outside of the workspace folders, or it or a folder of it is hidden or excluded.
        """
        if not self.roots:
            raise Refused(f"No workspace folder is open; open the folder of {path}, then try again.")
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as error:
            raise Refused(f"{path} cannot be resolved: {error}.") from None
        root = self.find_root(real)
        if root is None or real == root:
            where = "" if real == path else f" (it leads to {real})"
            raise Refused(f"{path}{where} is in no workspace folder; open its folder, then try again.")
        given = next((path.relative_to(one) for one in self.roots if path.is_relative_to(one)), Path())
        if any(part.startswith(".") for part in (*real.relative_to(root).parts, *given.parts)):
            raise Refused(
                f"{self.format_path(path)} is hidden, and Starling changes no hidden files; change this file yourself."
            )
        for one in dict.fromkeys((path, real)):
            reason = self._excluded(one)
            if reason and not (part and reason in OF_BYTES):
                raise Refused(
                    f"{self.format_path(path)} is excluded ({reason}); `.starlingignore` can include files without "
                    "secrets."
                )
        return real


def make_exclusion(roots: Sequence[Path], limits: IndexLimits) -> Callable[[Path], str]:
    """Return a function that returns why a path is excluded, "" if it is not, by the rules of its innermost root."""
    exclusions = sorted((Exclusion(root, limits) for root in roots), key=lambda one: -len(one.root.parts))

    def find_reason(path: Path) -> str:
        """Return why `path` is excluded, "" if it is not."""
        real = Path(os.path.realpath(path))
        holding = next((one for one in exclusions if real.is_relative_to(one.root)), None)
        return holding.find_reason(path) if holding is not None else find_outside_reason(path)

    return find_reason


def fold_name(name: str) -> str:
    """Return `name` in a form that is equal for names which differ only in case or Unicode composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _list_names(folder: Path) -> list[str]:
    """Return the names in `folder`, [] if the folder does not exist; raise `Refused` if it cannot be read."""
    try:
        return os.listdir(folder)  # noqa: PTH208 (names only)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Refused(f"{folder} cannot be read ({error.strerror}); make it readable.") from None


def _check_length(name: str) -> None:
    """Raise `Refused` if `name` is longer than `LONGEST_NAME` bytes, or cannot be encoded."""
    try:
        long = len(name.encode()) > LONGEST_NAME
    except UnicodeEncodeError:
        raise Refused(
            f"{name!r} is no valid file name: it holds half of a surrogate pair; choose another name."
        ) from None
    if long:
        raise Refused(
            f"{name[:40]}... is no valid file name: it is longer than {LONGEST_NAME} bytes; choose a shorter one."
        )


def _check_name(name: str) -> None:
    """Raise `Refused` unless `name` is a valid file name on Linux, macOS and Windows."""
    if FORBIDDEN.search(name) or RESERVED.fullmatch(name) or name != name.strip(" ") or name.endswith("."):
        raise Refused(f"{name!r} is not a valid file name on every system; choose a name of letters and digits.")
