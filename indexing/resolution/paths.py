"""The relative paths of the files of one root, by path and by the end of a path. Start at `Paths`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FileKey = tuple[str, int]  # key of the root, and number of the file


MOST_HELD = 4_000_000  # characters of texts that one question keeps


class Paths:
    """The relative paths of the files of one root."""

    def __init__(self, files: Iterable[tuple[str, FileKey]], *, is_installed: bool = False) -> None:
        """Take (relative path, key) of each file; of files with the same path the first counts.

        With `is_installed` they are files of installed libraries, whose paths are those by which code imports them.
        """
        self.is_installed = is_installed
        self._keys: dict[str, FileKey] = {}
        self._by_name: dict[str, list[str]] = {}
        self._by_folder: dict[str, list[str]] = {}
        for relative, key in files:
            if relative not in self._keys:
                self._keys[relative] = key
                folder, _, name = relative.rpartition("/")
                self._by_name.setdefault(name, []).append(relative)
                self._by_folder.setdefault(folder, []).append(name)

        self._read: Callable[[FileKey], str] = lambda _: ""
        self._texts: dict[str, str] = {}
        self._held = 0

    def bind(self, read: Callable[[FileKey], str]) -> Paths:
        """Return the same paths, with `read` to return the text of a file by its key, "" if it is gone."""
        bound = Paths((), is_installed=self.is_installed)
        bound._keys, bound._by_name, bound._by_folder = self._keys, self._by_name, self._by_folder
        bound._read = read
        return bound

    def read_text(self, relative: str) -> str:
        """Return the text of the file at `relative`; "" if there is none. A question reads a file once."""
        text = self._texts.get(relative)
        if text is None:
            key = self.find(relative)
            text = self._read(key) if key is not None else ""
            if self._held + len(text) <= MOST_HELD:
                self._texts[relative] = text
                self._held += len(text)
        return text

    def find(self, relative: str) -> FileKey | None:
        """Return the key of the file at `relative`; None if there is none."""
        return self._keys.get(relative)

    def list_names(self, folder: str) -> Sequence[str]:
        """Return the names of the files directly in `folder`; () if there is none."""
        return self._by_folder.get(folder, ())

    def find_folders(self, tail: str) -> list[str]:
        """Return the folders with files directly in them whose paths are `tail` or end with "/" and `tail`."""
        return [path for path in self._by_folder if path == tail or path.endswith(f"/{tail}")]

    def find_ending(self, tail: str) -> Sequence[str]:
        """Return the paths that are `tail` or end with "/" and `tail`."""
        found = self._by_name.get(tail.rpartition("/")[2], ())
        return [path for path in found if path == tail or path.endswith(f"/{tail}")]
