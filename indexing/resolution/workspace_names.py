"""Resolution for a workspace: opens documents, and caches tables of names and paths of files between questions.

Start at `WorkspaceNames.open`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.resolution import rules
from indexing.resolution.describing import describe
from indexing.resolution.files import TableCache, ViewFiles, list_paths
from indexing.resolution.inference import Inference
from indexing.resolution.lookup import Lookup
from indexing.resolution.names import DocumentNames
from indexing.resolution.paths import Paths
from indexing.resolution.values import Value
from indexing.segments import Ranked

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from indexing.resolution.lookup import Source
    from indexing.resolution.paths import FileKey
    from indexing.resolution.records import FoundDefinition
    from indexing.segments import View
    from indexing.syntax.documents import Document

MOST_HOMES = 8  # files that define the first part of a qualified name
_SEPARATOR = re.compile(r"\.|::|#")


class WorkspaceNames:
    """Tables and paths kept between two questions. Thread-safe: values are immutable, the last one wins."""

    def __init__(self) -> None:
        self._tables = TableCache()
        self._paths: tuple[Hashable, dict[str, Paths]] | None = None
        self._libraries: dict[int, Paths] = {}  # by the serial number of the segment

    def open(  # noqa: PLR0913 - the document, the place and the workspace
        self,
        view: View,
        document: Document,
        offset: int,
        *,
        home: tuple[str, str],
        key: FileKey | None,
        deadline: float | None,
        libraries: bool = False,
    ) -> DocumentNames:
        """Return the names of `document` at `offset`.

        Args:
            view: the files of the workspace.
            document: the document.
            offset: the cursor, in code points.
            home: key of the document's root, and its path there.
            key: key of its stored version; None if it is not indexed.
            deadline: moment of `time.monotonic` after which no file is parsed; None for none.
            libraries: whether imports are followed into installed libraries, too, where the language's can be.
        """
        environment = home[0] if libraries and document.entry.resolves_libraries else None
        return DocumentNames(
            document.text,
            offset,
            language=document.language,
            root=home[0],
            relative=home[1],
            key=key,
            files=self._list_files(view, environment, is_hurried=deadline is not None),
            tables=self._tables,
            deadline=deadline,
        )

    def prepare(self, view: View) -> None:
        """List the paths of the files and libraries of `view` now, so that the first question need not wait for it."""
        self._list_paths(view)
        for root in view.roots:
            self._list_libraries(view, root, is_hurried=False)
        kept = {serial for root in view.roots for serial in view.list_libraries(root).values()}
        self._libraries = {serial: paths for serial, paths in list(self._libraries.items()) if serial in kept}

    def find_qualified(self, view: View, written: str, *, deadline: float | None) -> tuple[FoundDefinition, ...]:
        """Return what a qualified name ("Class.method", "package.module.function") means anywhere in the workspace.

        If it means nothing there, what it means in the installed libraries, where it has to begin with a module.
        Inherited members are found in the class that has them. () for a name without a separator.
        """
        parts = [each for each in _SEPARATOR.split(written) if each]
        if len(parts) < 2:
            return ()
        files = self._list_files(view, None, is_hurried=deadline is not None)
        if found := self._find_parts(parts, files, view, deadline):
            return found
        for root in view.roots:
            libraries = self._list_libraries(view, root, is_hurried=deadline is not None)
            if found := self._find_parts(parts, ViewFiles(view, {}, libraries), None, deadline):
                return found
        return ()

    def _find_parts(
        self, parts: list[str], files: ViewFiles, view: View | None, deadline: float | None
    ) -> tuple[FoundDefinition, ...]:
        """Return what the qualified name `parts` means in `files`; with a `view` also what its files define."""
        lookup = Lookup(files, self._tables, deadline)
        found: dict[FoundDefinition, None] = {}
        for source, rest in _iterate_homes(parts, view, lookup, files.paths, deadline):
            inference = Inference(lookup, source.rules.types)
            values: tuple[Value, ...] = (Value("module", source),)
            for part in rest[:-1]:
                values = tuple(each for value in values for each in inference.read_member(value, part))
            references = [each for value in values for each in inference.find_members(value, rest[-1])]
            found.update((describe(each, inference), None) for each in references)
        return tuple(found)

    def _list_files(self, view: View, root: str | None, *, is_hurried: bool) -> ViewFiles:
        """Return the files of `view`, with those of the libraries of `root`; None for a root: without libraries.

        Paths are listed again only after files came or went; those of libraries not at all if it `is_hurried`.
        """
        libraries = self._list_libraries(view, root, is_hurried=is_hurried) if root is not None else {}
        return ViewFiles(view, self._list_paths(view), libraries)

    def _list_paths(self, view: View) -> dict[str, Paths]:
        """Return the paths of the files of `view` by the key of their root."""
        known = self._paths
        if known is None or known[0] != view.files_key:
            self._paths = known = (view.files_key, list_paths(view))
        return known[1]

    def _list_libraries(self, view: View, root: str, *, is_hurried: bool) -> dict[str, Paths]:
        """Return the paths of the libraries of `root` by key; if it `is_hurried`, of those that are listed already."""
        found: dict[str, Paths] = {}
        for library, serial in view.list_libraries(root).items():
            paths = self._libraries.get(serial)
            if paths is None and not is_hurried:
                paths = self._libraries[serial] = Paths(view.iterate_library_paths(library), is_installed=True)
            if paths is not None:
                found[library] = paths
        return found


def _iterate_homes(
    parts: list[str], view: View | None, lookup: Lookup, paths: Mapping[str, Paths], deadline: float | None
) -> Iterator[tuple[Source, list[str]]]:
    """Yield modules in which the qualified name `parts` may be, each with the parts that are left to look up there.

    `view` has the files of the workspace, of which also those count that define its first part; None for libraries.
    """
    for split in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:split])
        for language_rules in rules.load_all(libraries=view is None):
            for in_root in paths.values():
                for source in lookup.load_all(language_rules.locate_named(module, in_root)):
                    yield source, parts[split:]
    if view is None:
        return
    homes = view.find_definitions(parts[:1], imported_modules=(), own=None, limit=MOST_HOMES, deadline=deadline)
    for source in lookup.load_all(list(dict.fromkeys(each.key for each in homes))):
        yield source, parts


def list_chunks(view: View, found: Iterable[FoundDefinition]) -> list[Ranked]:
    """Return the chunks that begin the definitions `found`, in the same order and each once.

    Leaves out definitions in the edited document, and those in files that `view` does not have.
    """
    chunks: dict[tuple[FileKey, int], None] = {}
    for each in found:
        if each.key is None:
            continue
        try:
            ordinal = view.find_chunk(each.key, each.line)
        except KeyError:
            continue
        if ordinal is not None:
            chunks[each.key, ordinal] = None
    return [Ranked(key, ordinal, 1.0 / (1 + place)) for place, (key, ordinal) in enumerate(chunks)]
