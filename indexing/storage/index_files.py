"""The files of one root's index: where its database, segments and lock lie, how they are deleted and made usable again.

Start at `Places.of`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starling_files import make_file, reclaim_folder

FORMAT = 4  # in every file name; raise it when what is stored changes its meaning


@dataclass(frozen=True, slots=True)
class Places:
    """Where the index of one root lies."""

    storage: Path
    key: str

    @classmethod
    def of(cls, storage: Path, root: Path) -> Places:
        """Places of the index of `root`, whose real path is its identity."""
        real = os.path.realpath(root)
        digest = hashlib.blake2b(os.fsencode(real), digest_size=8).hexdigest()
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(real).name)[:40] or "root"
        return cls(storage, f"{name}-{digest}-v{FORMAT}")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.storage / f"{self.key}.sqlite3"

    @property
    def lock(self) -> Path:
        """The lock file of the one writer."""
        return self.storage / f"{self.key}.lock"

    def segment(self, generation: int) -> Path:
        """The segment file built at `generation`."""
        return self.storage / f"{self.key}.{generation}.segment"

    def files(self) -> list[Path]:
        """All files of this index that exist, the lock excepted."""
        return sorted(path for path in self._named(f"{self.key}.*") if path != self.lock)

    def _named(self, pattern: str) -> list[Path]:
        try:
            return list(self.storage.glob(pattern))
        except OSError:  # the folder is closed
            return []

    def discard_older(self) -> None:
        """Delete the indexes of this root in older formats: they may hold files that are kept back by now."""
        name, _, number = self.key.rpartition("-v")
        for path in self._named(f"{name}-v*"):
            version = path.name.removeprefix(f"{name}-v").partition(".")[0]
            if version.isdecimal() and int(version) < int(number):
                with suppress(OSError):
                    path.unlink()

    def identity(self) -> tuple[int, int] | None:
        """Return what tells the database file from another one at its place; None when there is none."""
        try:
            found = self.database.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def discard(self) -> bool:
        """Delete the index, and folders in the places of its files; return whether anything was deleted."""
        return sum(map(_delete, self.files())) > 0

    def reclaim(self) -> None:
        """Make the folder usable, and the places of the lock file and of the database.

        Raises:
            OSError: it cannot be done.
        """
        reclaim_folder(self.storage, own=2)
        if self.lock.is_dir():
            _delete(self.lock)
        make_file(self.lock)
        if self.database.is_file():
            make_file(self.database)


def _delete(path: Path) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True
