"""The files of one root's index: paths of its database, segments and lock, deletion, and repair of permissions.

Start at `IndexPaths.of`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starling_files import make_file, repair_folder

FORMAT = 9  # in every file name; raise it when what is stored changes its meaning

MARK_ENDING = ".use"  # of the marks of `use_marks`


@dataclass(frozen=True, slots=True)
class IndexPaths:
    """Paths of the index of one root.

    Attributes:
        storage: the folder.
        key: start of all file names, which names the root and the format.
    """

    storage: Path
    key: str

    @classmethod
    def of(cls, storage: Path, root: Path) -> IndexPaths:
        """Return the paths of the index of `root` in the folder `storage`."""
        real = os.path.realpath(root)
        digest = hashlib.blake2b(os.fsencode(real), digest_size=8).hexdigest()
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(real).name)[:40] or "root"
        return cls(storage, f"{name}-{digest}-v{FORMAT}")

    @property
    def database(self) -> Path:
        """Path of the SQLite file."""
        return self.storage / f"{self.key}.sqlite3"

    @property
    def lock(self) -> Path:
        """Path of the writer's lock file."""
        return self.storage / f"{self.key}.lock"

    def make_segment_path(self, generation: int) -> Path:
        """Return the path of the segment built at `generation`."""
        return self.storage / f"{self.key}.{generation}.segment"

    def list_files(self) -> list[Path]:
        """Return all existing files of the index but the lock and marks of use, sorted.

        None if the folder cannot be read.
        """
        found = self._list_matches(f"{self.key}.*")
        return sorted(path for path in found if path != self.lock and path.suffix != MARK_ENDING)

    def _list_matches(self, pattern: str) -> list[Path]:
        """Return the paths in the folder that match `pattern`; none if it cannot be read."""
        try:
            return list(self.storage.glob(pattern))
        except OSError:  # the folder cannot be read
            return []

    def discard_older(self) -> None:
        """Delete this root's indexes in older formats, which may hold files that are excluded now; ignores errors."""
        name, _, number = self.key.rpartition("-v")
        for path in self._list_matches(f"{name}-v*"):
            version = path.name.removeprefix(f"{name}-v").partition(".")[0]
            if version.isdecimal() and int(version) < int(number):
                with suppress(OSError):
                    path.unlink()

    def read_identity(self) -> tuple[int, int] | None:
        """Return device and inode of the database file; None if it is missing or cannot be read."""
        try:
            found = self.database.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def discard(self) -> bool:
        """Delete all files of the index but the lock, and folders in their place; return whether any was deleted."""
        return sum(map(_delete, self.list_files())) > 0

    def remove(self) -> None:
        """Delete all files of the index, the lock included; no process may use the index any more."""
        for mark in self._list_matches(f"{self.key}.*{MARK_ENDING}"):
            _delete(mark)
        self.discard()
        _delete(self.lock)

    def repair_permissions(self) -> None:
        """Make the folder, the lock file and the database writable for this user.

        Creates the folder and the lock file; deletes a folder in place of the lock file.

        Raises:
            OSError: they cannot be made writable.
        """
        repair_folder(self.storage, own=2)
        if self.lock.is_dir():
            _delete(self.lock)
        make_file(self.lock)
        if self.database.is_file():
            make_file(self.database)


def _delete(path: Path) -> bool:
    """Delete a file, or a folder with its contents; return whether that succeeded."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True
