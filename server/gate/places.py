# ruff: noqa: PTH112, PTH113, PTH114 (os.path takes for absent what pathlib raises at: names too long, loops of links)
"""Where the gate lets anything be written: inside a workspace folder, by the real path, and in no special file.

Looks at the disk and changes nothing; what it finds holds for that moment, so it is asked again just before a change is
made, and `disk.DiskWorkplace` follows no link then. Start at `Places.existing` and `Places.free`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.workspace.access import OF_BYTES
from indexing.workspace.exclusion import Exclusion, outside_reason
from indexing.workspace.origins import path_of
from server.gate.question import diffs
from server.gate.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexing.limits import IndexLimits

LONGEST_NAME = 255  # bytes, the limit of nearly every file system
LONGEST_PATH = 1000  # characters, at most 4,000 bytes; Linux takes 4,095 of them, others fewer
RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE
)  # Windows' devices
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
CELLS = "vscode-notebook-cell"
UNTITLED = {"untitled", "file", "buffer"}  # a buffer of Neovim without a name is `file://`


class Places:
    """The rules of one workspace."""

    def __init__(self, roots: Sequence[Path], excluded: Callable[[Path], str]) -> None:
        """`excluded` gives the reason for which a path is kept from index and models, "" for none (`Exclusion`)."""
        self.roots = tuple(roots)
        self._real_roots = tuple(Path(os.path.realpath(root)) for root in roots)
        self._excluded = excluded

    def forgiving(self) -> Places:
        """The same for an undoing: what was ours to make is ours to take back, whatever has been excluded since."""
        return Places(self.roots, lambda _: "")

    def existing(self, path: Path, *, itself: bool = False, part: bool = False) -> Path:
        """Return the real path of a file whose text may be changed; `itself`: it may go or move; `part`: a cell of it.

        Raises:
            Refused: it must not be touched.
        """
        self._plain(path)
        if itself and os.path.islink(path):
            raise Refused(f"{self.shown(path)} is a link; name the file that it leads to.")
        real = self._inside(path, part=part)
        if not os.path.isfile(real):
            there = os.path.lexists(real)
            raise Refused(f"{self.shown(path)} is {'no regular file' if there else 'not there any more'}.")
        return real

    def openable(self, path: Path) -> Path:
        """As `existing`, for a file that is open in an editor: it need not be saved yet."""
        return self.existing(path) if os.path.lexists(path) else self._named(path)

    def free(self, path: Path, *, coming_from: Path | None = None) -> Path:
        """The real path of a file that may be made, or that the file `coming_from` (a real path) may be moved to.

        Raises:
            Refused: it must not be made there, or something of that name is there.
        """
        real = self._named(path)
        own = coming_from.name if coming_from is not None and coming_from.parent == real.parent else None
        if os.path.lexists(real) and real.name != own:
            raise Refused(f"{self.shown(path)} exists already; propose a change of it, or another name.")
        for name in _held(real.parent):
            if name != own and folded(name) == folded(real.name):
                raise Refused(f"{self.shown(path)} would stand beside {name}; many disks take both for the same file.")
        return real

    def untitled(self, uri: str) -> None:
        """Whether a document without a file may be changed while it is open.

        Raises:
            Refused: it stands for something elsewhere.
        """
        scheme, _, rest = uri.partition(":")
        if scheme == CELLS and (notebook := path_of(f"file:{rest.partition('#')[0]}")) is not None:
            self.existing(notebook, part=True)
        elif scheme not in UNTITLED:
            raise Refused(
                f"{uri} is neither a file nor an untitled document; save it as a file of the workspace first."
            )

    def shown(self, path: Path) -> str:
        """`path` as a person knows it."""
        return diffs.shown_path(path, self.roots)

    def root_of(self, real: Path) -> Path | None:
        """The innermost workspace folder of a real path, real itself."""
        holding = [root for root in self._real_roots if real.is_relative_to(root)]
        return max(holding, key=lambda root: len(root.parts), default=None)

    def _named(self, path: Path) -> Path:
        """The real path that a new file would have; its folder may have to be made, too."""
        self._plain(path)
        if os.path.islink(path):
            raise Refused(f"{self.shown(path)} is a link; name the file that it leads to.")
        _check_name(path.name)
        real = self._inside(path)
        root = self.root_of(real)
        assert root is not None  # noqa: S101 (it is inside)
        for depth, name in enumerate(real.relative_to(root).parts):
            folder = root.joinpath(*real.relative_to(root).parts[:depth])
            if not os.path.isdir(folder / name):
                _check_name(name)
            if os.path.lexists(folder) and not os.path.isdir(folder):
                raise Refused(f"{self.shown(path)} cannot be made: {self.shown(folder)} is no folder.")
        return real

    @staticmethod
    def _plain(path: Path) -> None:
        if "\0" in str(path) or not path.is_absolute() or ".." in path.parts or len(str(path)) > LONGEST_PATH:
            raise Refused(
                f"{str(path)!r} is not the whole path of a file; name it from the root of the disk, without `..`."
            )
        for part in path.parts[1:]:
            _check_length(part)

    def _inside(self, path: Path, *, part: bool = False) -> Path:
        """The real path, inside a workspace folder, and nothing hidden or excluded on the way."""
        if not self.roots:
            raise Refused(f"No workspace folder is open; open the folder that {path} lies in, then try again.")
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as error:
            raise Refused(f"{path} leads nowhere: {error}.") from None
        root = self.root_of(real)
        if root is None or real == root:
            where = "" if real == path else f" (it leads to {real})"
            raise Refused(f"{path}{where} lies in no workspace folder; open its folder, then try again.")
        given = next((path.relative_to(one) for one in self.roots if path.is_relative_to(one)), Path())
        if any(part.startswith(".") for part in (*real.relative_to(root).parts, *given.parts)):
            raise Refused(f"{self.shown(path)} is hidden, and nothing hidden is changed; change it yourself.")
        for one in dict.fromkeys((path, real)):
            reason = self._excluded(one)
            if reason and not (part and reason in OF_BYTES):
                raise Refused(
                    f"{self.shown(path)} is left alone ({reason}); `.starlingignore` says what is, unless it is secret."
                )
        return real


def excluding(roots: Sequence[Path], limits: IndexLimits) -> Callable[[Path], str]:
    """Why a path is left alone, by the rules of the innermost of `roots`."""
    exclusions = sorted((Exclusion(root, limits) for root in roots), key=lambda one: -len(one.root.parts))

    def excluded(path: Path) -> str:
        real = Path(os.path.realpath(path))
        holding = next((one for one in exclusions if real.is_relative_to(one.root)), None)
        return holding.reason(path) if holding is not None else outside_reason(path)

    return excluded


def folded(name: str) -> str:
    """A name as disks that ignore case and composition compare it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _held(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 (names only)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Refused(f"{folder} cannot be looked into ({error.strerror}); make it readable.") from None


def _check_length(name: str) -> None:
    """Raise `Refused` for a name that no file has."""
    try:
        long = len(name.encode()) > LONGEST_NAME
    except UnicodeEncodeError:
        raise Refused(f"{name!r} is no name for a file: it holds what is no character.") from None
    if long:
        raise Refused(f"{name[:40]}... is no name for a file: it is longer than {LONGEST_NAME} bytes.")


def _check_name(name: str) -> None:
    """Raise `Refused` for a name that some system cannot have."""
    if FORBIDDEN.search(name) or RESERVED.fullmatch(name) or name != name.strip(" ") or name.endswith("."):
        raise Refused(f"{name!r} is no name for a file on every system; choose a plain one.")
