"""The relative paths of the files of one root, by path and by the end of a path. Start at `Paths`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FileKey = tuple[str, int]  # key of the root, and number of the file


class Paths:
    """The relative paths of the files of one root. Immutable."""

    def __init__(self, files: Iterable[tuple[str, FileKey]], *, is_installed: bool = False) -> None:
        """Take (relative path, key) of each file; of files with the same path the first counts.

        With `is_installed` they are files of installed libraries, whose paths are those by which code imports them.
        """
        self.is_installed = is_installed
        self._keys: dict[str, FileKey] = {}
        self._by_name: dict[str, list[str]] = {}
        for relative, key in files:
            if relative not in self._keys:
                self._keys[relative] = key
                self._by_name.setdefault(relative.rpartition("/")[2], []).append(relative)

        self._read: Callable[[FileKey], str] = lambda _: ""

    def bind(self, read: Callable[[FileKey], str]) -> Paths:
        """Return the same paths, with `read` to return the text of a file by its key, "" if it is gone."""
        bound = Paths((), is_installed=self.is_installed)
        bound._keys, bound._by_name, bound._read = self._keys, self._by_name, read
        return bound

    def read_text(self, relative: str) -> str:
        """Return the text of the file at `relative`; "" if there is none."""
        key = self.find(relative)
        return self._read(key) if key is not None else ""

    def find(self, relative: str) -> FileKey | None:
        """Return the key of the file at `relative`; None if there is none."""
        return self._keys.get(relative)

    def find_ending(self, tail: str) -> Sequence[str]:
        """Return the paths that are `tail` or end with "/" and `tail`."""
        found = self._by_name.get(tail.rpartition("/")[2], ())
        return [path for path in found if path == tail or path.endswith(f"/{tail}")]
