"""Names of documents of the packages, resolved among the files of their package in memory. Start at `make_opener`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution.files import TableCache
from indexing.resolution.names import DocumentNames
from indexing.resolution.paths import Paths
from indexing.resolution.signatures import open_alone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexing.resolution.paths import FileKey
    from indexing.resolution.signatures import NameOpener
    from indexing.syntax.documents import Document
    from tests.eval.data import Package


class PackageFiles:
    """The files of a package, as `indexing.resolution.files.Files`."""

    def __init__(self, package: Package) -> None:
        self.texts = {
            path.relative_to(package.root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
            for path in package.list_files()
        }
        self.paths = {"": Paths((relative, ("", number)) for number, relative in enumerate(self.texts))}
        self._names = list(self.texts)

    def read(self, key: FileKey) -> tuple[str, str, str] | None:
        """Return the path, the language and the text of a file."""
        return self._names[key[1]], "python", self.texts[self._names[key[1]]]

    def find(self, ending: str) -> int | None:
        """Return the number of the file whose path ends with `ending`; None if it is not in the package."""
        found = (number for number, name in enumerate(self._names) if f"/{name}".endswith(f"/{ending}"))
        return next(found, None)


def make_opener(packages: Iterable[Package]) -> NameOpener:
    """Return a function that opens the names of a document whose path ends like that of a file of `packages`.

    Those of other documents are resolved without any other file.
    """
    opened = [PackageFiles(package) for package in packages]
    tables = TableCache()

    def open_names(document: Document, offset: int, *, deadline: float | None = None) -> DocumentNames | None:
        """Return the names of the document."""
        ending = "/".join(document.path.parts[-2:]) if document.path is not None else ""
        for files in opened:
            if (number := files.find(ending)) is not None:
                relative = list(files.texts)[number]
                return DocumentNames(
                    document.text, offset, language="python", root="", relative=relative, key=("", number),
                    files=files, tables=tables, deadline=deadline,
                )  # fmt: skip
        return open_alone(document, offset, deadline=deadline)

    return open_names
