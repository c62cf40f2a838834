"""Looking names up: in the scopes of a file, in a module, and through imports into other files.

Nothing here knows a type. Bounded by the number of files read and by a deadline; imports in a circle end. Start at
`Lookup.find_in_scopes`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from indexing.resolution import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexing.resolution.files import Files, TableCache
    from indexing.resolution.paths import FileKey
    from indexing.resolution.records import Definition, ImportedName, NameTable, Parameter

MOST_FILES = 400  # read for one question
MOST_REFERENCES = 12  # that one name can mean
DEEPEST = 40  # imports followed one after the other


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """A file with its table; two are equal only if they are the same object.

    Attributes:
        key: key of the file in the index; None for the edited document.
        root: key of the root that it is in.
        relative: its path relative to the root.
        table: its names.
        rules: those of its language.
        is_library: whether it is a file of an installed library.
    """

    key: FileKey | None
    root: str
    relative: str
    table: NameTable
    rules: rules.Rules
    is_library: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A meaning of a name: a definition of a file, a parameter of that function, or the file's module (number -1)."""

    source: Source
    number: int = -1
    parameter: Parameter | None = None

    @property
    def definition(self) -> Definition:
        """The definition; for a parameter, that of its function. Raises IndexError for a module."""
        if self.number < 0:
            raise IndexError("a module is no definition")
        return self.source.table.definitions[self.number]


class FindMembers(Protocol):
    """A function that returns the members with a name of a class, those of its base classes included."""

    def __call__(self, source: Source, number: int, name: str) -> Sequence[Reference]:
        """Return the members `name` of the class `number` of a file; () if it has none."""


class Lookup:
    """Looks names up for one question.

    Args:
        files: the files of the workspace.
        tables: the cache of tables.
        deadline: moment of `time.monotonic` after which no file is parsed; cached tables are still used. None for none.
    """

    def __init__(self, files: Files, tables: TableCache, deadline: float | None = None) -> None:
        self._files = files
        self._tables = tables
        self._deadline = deadline
        self._started = time.monotonic()
        self._sources: dict[FileKey, Source | None] = {}
        self._found: dict[tuple[Source, str], tuple[Reference, ...]] = {}
        self._imports: dict[Source, dict[str, list[ImportedName]]] = {}
        self._own: Source | None = None
        self._own_key: FileKey | None = None
        self._depth = 0
        self.was_cut = False
        self.find_bare_members: FindMembers = _find_declared

    def set_own(self, source: Source, key: FileKey | None) -> None:
        """Have the edited document read as `source` in place of the stored file with `key`."""
        self._own, self._own_key = source, key

    def is_late(self, share: float = 1.0) -> bool:
        """Return whether this share of the time between the start and the deadline has passed; False without one."""
        if self._deadline is None:
            return False
        return time.monotonic() > self._started + share * (self._deadline - self._started)

    def load(self, key: FileKey) -> Source | None:
        """Return a file with its table; None if it is gone, not resolved, or there is no time or budget to read it."""
        if key == self._own_key:
            return self._own
        if key in self._sources:
            return self._sources[key]
        if len(self._sources) >= MOST_FILES:
            self.was_cut = True
            return None
        source = None
        read = self._files.read(key)
        if read is not None and (language_rules := rules.load(read[1])) is not None:
            relative, language, text = read
            table = self._tables.find(language, text)
            if table is None and self.is_late():
                self.was_cut = True
                return None
            paths = self._files.paths.get(key[0])
            is_library = paths is not None and paths.is_installed
            table = table or self._tables.read(language, text)
            source = Source(key, key[0], relative, table, language_rules, is_library)
        self._sources[key] = source
        return source

    def load_all(self, keys: Sequence[FileKey]) -> list[Source]:
        """Return those of the files that can be loaded."""
        return [source for key in keys if (source := self.load(key)) is not None]

    def find_in_scopes(self, source: Source, scope: int, name: str, offset: int) -> tuple[Reference, ...]:
        """Return what `name` means at a place of a file.

        Args:
            source: the file.
            scope: number of the innermost definition around the place; -1 at the top level.
            name: the name.
            offset: the place; of several assignments in a function the last one before it counts.
        """
        definitions, at, innermost = source.table.definitions, scope, True
        while at >= 0:
            around = definitions[at]
            if name in around.generics:
                return ()
            if around.has_bare_members and (members := self.find_bare_members(source, at, name)):
                return tuple(members)
            if around.kind != "class" or innermost or around.is_open:
                if numbers := source.table.members.get(at, {}).get(name, ()):
                    local = [number for number in numbers if _reaches(definitions[number], offset)]
                    if local:
                        return _choose_assigned(source, local, offset)
                for parameter in around.parameters:
                    if parameter.name == name:
                        return (Reference(source, at, parameter),)
            at, innermost = around.scope, False
        return self.find_in_module(source, name)

    def find_in_module(self, source: Source, name: str) -> tuple[Reference, ...]:
        """Return what `name` means at the top level of a file, through its imports."""
        known = self._found.get((source, name))
        if known is not None:
            return known
        if self._depth > DEEPEST:
            return ()
        self._found[source, name] = ()  # imports in a circle end here
        self._depth += 1
        numbers = source.table.members.get(-1, {}).get(name, ())
        found = [Reference(source, number) for number in numbers if source.table.definitions[number].how != "narrowed"]
        bound = self._list_imports(source, name)
        for imported in bound:
            found += self.follow(source, imported)
        if not found:
            found += self._find_by_star(source, name)
        if not found and not bound:
            found += self._find_in_parts(source, name)
        if not found and (implicit := source.rules.find_implicit(name)) is not None:
            found += self.follow(source, implicit)
        self._depth -= 1
        result = tuple(dict.fromkeys(found))[:MOST_REFERENCES]
        self._found[source, name] = result
        return result

    def _list_imports(self, source: Source, name: str) -> Sequence[ImportedName]:
        """Return the imports of `source` that bind `name`; sorts all by name once, as a file may have thousands."""
        by_name = self._imports.get(source)
        if by_name is None:
            by_name = self._imports[source] = {}
            for imported in source.table.imports:
                by_name.setdefault(imported.name.partition(".")[0], []).append(imported)
        return by_name.get(name, ())

    def follow(self, source: Source, imported: ImportedName) -> list[Reference]:
        """Return what a name that `source` imports means; [] if it is in no known file."""
        if not imported.member and "." in imported.name:  # `import a.b` binds `a`
            first = imported.name.partition(".")[0]
            imported = type(imported)(first, first, imported.level, offset=imported.offset)
        if not imported.module and not imported.level:  # another name of what is in this file
            return list(self.find_in_module(source, imported.member))
        modules = self.locate(source, imported)
        if not imported.member:
            whole = source.rules.whole
            value = self.find_in_module(modules[0], whole) if whole and modules else ()
            return list(value) or [Reference(module) for module in modules[:1]]
        return self._follow_member(source, modules, imported)

    def _follow_member(self, source: Source, modules: Sequence[Source], imported: ImportedName) -> list[Reference]:
        """Return what a name that `source` imports from a module means; `modules` are the files of the module."""
        for module in modules:
            if module is not source and (found := self.find_in_module(module, imported.member)):
                return list(found)
        if source.rules.whole and imported.member == "default":
            return [each for module in modules for each in self.find_in_module(module, source.rules.whole)]
        return self._find_submodules(modules, imported.member) if modules else self._follow_path(source, imported)

    def _follow_path(self, source: Source, imported: ImportedName) -> list[Reference]:
        """Return what an imported name means where its module is no file: a namespace, or a name of a class."""
        inner = ".".join(filter(None, (imported.module, imported.member)))
        namespace = type(imported)(imported.name, inner, imported.level, offset=imported.offset)
        if found := self.locate(source, namespace):
            return [Reference(found[0])]
        homes = self._find_homes(source, imported)
        return [each for home in homes for each in self._find_inside(home, imported.member)]

    def _find_homes(self, source: Source, imported: ImportedName) -> list[Reference]:
        """Return what the path of an import means where its last part is no file but defined in one (`a.Class`)."""
        home, _, last = imported.module.rpartition(".")
        if self._depth > DEEPEST:
            return []
        if not home:  # a name of this file, where a path may begin with one
            return list(self.find_in_module(source, last)) if source.rules.has_local_paths else []
        self._depth += 1
        found = self.follow(source, type(imported)(last, home, imported.level, last, imported.offset))
        self._depth -= 1
        return found

    def _find_inside(self, home: Reference, name: str) -> Sequence[Reference]:
        """Return what `name` means in a module or a class."""
        if home.number < 0:
            return self.find_in_module(home.source, name)
        return [Reference(home.source, each) for each in home.source.table.members.get(home.number, {}).get(name, ())]

    def find_parts(self, source: Source, name: str, *, of_class: bool = False) -> list[Source]:
        """Return the other files that may define `name` in the module of `source`; all of the module for "".

        With `of_class` those that may define members of a class with this name.
        """
        paths = self._files.paths.get(source.root)
        keys = source.rules.locate_parts(source.relative, name, paths, of_class=of_class) if paths is not None else ()
        found = [each for each in self.load_all(keys) if each.relative != source.relative]
        return [each for each in found if each.table.package == source.table.package]

    def _find_in_parts(self, source: Source, name: str) -> list[Reference]:
        """Return what `name` means at the top level of the other files of the module of `source`."""
        return [
            Reference(part, number)
            for part in self.find_parts(source, name)
            for number in part.table.members.get(-1, {}).get(name, ())
        ]

    def find_submodule(self, module: Source, name: str) -> list[Reference]:
        """Return the module `name` in the package `module`; [] if there is none."""
        return self._find_submodules([module], name)

    def iterate_public(self, module: Source, *, through: int = 2) -> Iterator[tuple[str, Reference]]:
        """Yield the names of a module that others can use, and what each means; follows `through` star imports.

        A library's module that does not say what it exports also offers what it imports from parts of its package.
        """
        exported = module.table.exported
        names = exported or tuple(
            name for name in module.table.members.get(-1, {}) if exported is None and module.rules.is_public(name)
        )
        for name in names:
            for reference in self.find_in_module(module, name):
                yield name, reference
        for part in self.find_parts(module, ""):
            for name, numbers in part.table.members.get(-1, {}).items():
                if module.rules.is_public(name):
                    yield name, Reference(part, numbers[0])
        if exported is None:
            yield from self._iterate_exports(module, through)

    def _iterate_exports(self, module: Source, through: int) -> Iterator[tuple[str, Reference]]:
        """Yield the imported names that a module offers to others; follows `through` star imports.

        Those that it says so, those of star imports, and in a library those from parts of its package.
        """
        for imported in module.table.imports:
            of_part = module.is_library and imported.level > 0 and module.rules.is_public(imported.name)
            if imported.name != "*" and (imported.visibility == "public" or of_part):
                for reference in self.find_in_module(module, imported.name):
                    yield imported.name, reference
            elif imported.name == "*" and through > 0 and imported.visibility != "private":
                for other in self.locate(module, imported)[:1]:
                    yield from self.iterate_public(other, through=through - 1)

    def _find_submodules(self, modules: Sequence[Source], name: str) -> list[Reference]:
        """Return the module `name` in one of the packages `modules`; [] if there is none."""
        for module in modules:
            paths = self._files.paths.get(module.root)
            keys = module.rules.locate_submodule(module.relative, name, paths) if paths is not None else ()
            if loaded := self.load_all(keys[:1]):
                return [Reference(loaded[0])]
        return []

    def locate(self, source: Source, imported: ImportedName) -> list[Source]:
        """Return the files of an imported module; [] if it is in no known file.

        The root of `source` comes first, libraries come last, and a file of a library imports from libraries alone.
        """
        everywhere = self._files.paths
        for root in dict.fromkeys((source.root, *everywhere)):
            relative = source.relative if root == source.root else ""
            paths = everywhere.get(root)
            if paths is None or (source.is_library and not paths.is_installed):
                continue
            if keys := source.rules.locate_module(imported, relative, paths):
                return self.load_all(keys)
        return []

    def _find_by_star(self, source: Source, name: str) -> list[Reference]:
        """Return what `name` means by a star import; [] if none binds it.

        Those of modules called like `name` come first, as one file may export hundreds again; then the last one.
        """
        stars = [imported for imported in reversed(source.table.imports) if imported.name == "*"]
        for imported in sorted(stars, key=lambda each: name not in each.module):
            asked = type(imported)(name, imported.module, imported.level, "*", imported.offset)
            modules = self.locate(source, asked)
            for module in modules:
                exported = module.table.exported
                binds = name in exported if exported is not None else module.rules.is_public(name)
                if binds and module is not source and (found := self.find_in_module(module, name)):
                    return list(found)
            if not modules and not imported.module.startswith("."):
                for home in self._find_homes(source, imported):
                    if home.number >= 0 and (inside := self._find_inside(home, name)):
                        return list(inside)
        return []


def _find_declared(source: Source, number: int, name: str) -> Sequence[Reference]:
    """Return the members `name` that a class declares itself; [] if there is none."""
    return [Reference(source, each) for each in source.table.members.get(number, {}).get(name, ())]


def _reaches(definition: Definition, offset: int) -> bool:
    """Return whether a name of a function or a class, which is no attribute, can be used at `offset`."""
    return not definition.of_self and (definition.until < 0 or offset <= definition.until)


def _choose_assigned(source: Source, numbers: Sequence[int], offset: int) -> tuple[Reference, ...]:
    """Return the last of several definitions of a local name that begins before `offset`, else the first one.

    Where only the type was narrowed, the definition before that comes after it.
    """
    definitions = source.table.definitions
    before = [number for number in numbers if definitions[number].span.start < offset]
    chosen = before[-1] if before else numbers[0]
    return (Reference(source, chosen),)
