"""The port between resolution and what differs by language, and the loader of the languages' rules.

A language with resolution names its module in its entry (`Language.resolution`). Start at `load`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from indexing.syntax import grammars, languages

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution.paths import Paths
    from indexing.resolution.records import Definition, ImportedName, NameTable

QUERIES = Path(__file__).with_name("queries")


@dataclass(frozen=True, slots=True)
class TypeNames:
    """Names of types and functions whose meaning resolution knows; of a dotted name the last part.

    Attributes:
        transparent: types that count as their first argument (`Optional`, `Annotated`).
        alternatives: types that are one of their arguments (`Union`).
        classes: the class of their argument (`type[A]`).
        callables: their last argument is what calling them returns (`Callable[[int], A]`).
        awaited: what awaiting them gives is their last argument (`Awaitable[A]`).
        elements: number of the argument that a loop gives, for each container.
        indexed: number of the argument that an index gives, for each container.
        results: number of the argument that a method of the container returns, by "container.method"; a pair of the
            name of another container and the number if it returns that container of it.
        own: names that mean the class around them (`Self`).
        parents: names of functions that return the object as its base class (`super`).
        constructing: names that call a constructor of the class around them, or of its base class if they are among
            `parents`.
        pairs: methods that give the two arguments of a container in pairs, by "container.method".
        counting: functions that give pairs of a number and an element of their argument.
        passing: functions that give the elements of their argument.
        picking: functions that return one element of their argument.
        casting: functions whose first argument is the type of the result.
        unpacked: types whose argument lists the keywords that a parameter takes (`**options: Unpack[A]`).
        paired: containers whose loop gives their two arguments in pairs.
        giving: beginning of the names of functions that return what their argument gives to a callback; the numbers of
            the callback among its arguments, and of the callback's parameter, follow ("__given_0_1"); "" for none.
        given: numbers of the arguments that a method of the container gives to a callback, by "container.method".
        own_class: names that mean the class around them in an expression (`Self`).
        tried: containers of which the mark `?` after an expression takes the first argument.
        numbered: methods that give pairs of a number and an element, by "container.method".
        same: methods that return the object itself where its class has no such method (`clone`).
    """

    transparent: frozenset[str] = frozenset()
    alternatives: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    callables: frozenset[str] = frozenset()
    awaited: frozenset[str] = frozenset()
    elements: dict[str, int] = field(default_factory=dict)
    indexed: dict[str, int] = field(default_factory=dict)
    results: dict[str, int | tuple[str, int]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    parents: frozenset[str] = frozenset()
    constructing: frozenset[str] = frozenset()
    pairs: frozenset[str] = frozenset()
    counting: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()
    picking: frozenset[str] = frozenset()
    casting: frozenset[str] = frozenset()
    unpacked: frozenset[str] = frozenset()
    paired: frozenset[str] = frozenset()
    giving: str = ""
    given: dict[str, tuple[int, ...]] = field(default_factory=dict)
    own_class: frozenset[str] = frozenset()
    tried: frozenset[str] = frozenset()
    numbered: frozenset[str] = frozenset()
    same: frozenset[str] = frozenset()


class Rules(Protocol):
    """The facts about a language that resolution needs."""

    @property
    def types(self) -> TypeNames:
        """Names of types with a meaning of their own."""

    @property
    def constructor(self) -> str:
        """Name of the method whose parameters creating an instance takes; "" if a language has none."""

    @property
    def imports(self) -> re.Pattern[str]:
        """Pattern that finds import statements in a text in the notation of `simplify`."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Weights of the features in `likelihood`; {} for those fitted on Python."""

    @property
    def unnamed(self) -> frozenset[str]:
        """Names of methods that no expression calls by name."""

    @property
    def has_local_paths(self) -> bool:
        """Whether the path of an import may begin with a name of the importing file."""

    @property
    def whole(self) -> str:
        """Name, in a module's table, of the one value that such a module is as a whole; "" if there are none."""

    def read_table(self, text: str, data: bytes, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table of a parsed file; `data` is `text` in UTF-8."""

    def locate_module(self, imported: ImportedName, relative: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of an imported module, source before stub; () if it is in no known file.

        Args:
            imported: the import.
            relative: path of the importing file in the root of `paths`; "" if it is in another root.
            paths: the files of one root.
        """

    def locate_submodule(self, relative: str, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of the module `name` in the package whose file is `relative`; () for none."""

    def locate_named(self, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of the module that a person calls `name` ("a.b"); () if there is none."""

    def locate_parts(self, relative: str, name: str, paths: Paths, *, of_class: bool) -> Sequence[tuple[str, int]]:
        """Return the keys of the other files of a module that is made of several files; () if each is one by itself.

        Args:
            relative: path of a file of the module.
            name: only files whose text may define this name; "" for all.
            paths: the files of its root.
            of_class: return the files, also of other modules, whose text may define members of a class `name` instead.
        """

    def find_implicit(self, name: str) -> ImportedName | None:
        """Return the import that `name` stands for where nothing binds it (`crate`); None if it stands for none."""

    def is_visible(self, definition: Definition, home: str, place: str | None) -> bool:
        """Return whether code in the file `place` may use a member that the file `home` defines.

        `place` is None if that file is in another root.
        """

    def is_member(self, definition: Definition, *, of_class: bool) -> bool:
        """Return whether a value has such a member of its class; `of_class` if the value is the class itself."""

    def is_property(self, decorators: Sequence[str]) -> bool:
        """Return whether reading a method with these decorators calls it."""

    def is_entered_as_element(self, decorators: Sequence[str]) -> bool:
        """Return whether a function with these decorators makes a context of the element that it yields."""

    def takes_fields(self, decorators: Sequence[str], bases: Sequence[str]) -> bool:
        """Return whether creating an instance of such a class takes its annotated attributes."""

    def make_placeholder(self, line: str, column: int, following: str) -> tuple[str, int]:
        """Return what takes the place of the edited `line`, so that the lines around it parse, and the cursor in it.

        Args:
            line: the line.
            column: the cursor in it, in code points.
            following: the next line that is not blank; "" for none.
        """

    def close(self, text: str) -> str:
        """Return what has to follow `text` so that the brackets that it leaves open are closed; "" for nothing."""

    def simplify(self, text: str) -> str:
        """Return `text` with the same length: members as `a.b`, comments after `#`, strings in plain quotes."""

    def is_public(self, name: str) -> bool:
        """Return whether a star import binds `name`, where the module does not say what it exports."""


class SimpleModules:
    """Rules of languages in which a file is a module by itself, and anything may use all members of a class."""

    has_local_paths = False

    def locate_parts(
        self,
        _relative: str,
        _name: str,
        _paths: Paths,
        *,
        of_class: bool,  # noqa: ARG002 - part of the port
    ) -> Sequence[tuple[str, int]]:
        """Return (): a module has no other files."""
        return ()

    def find_implicit(self, _name: str) -> ImportedName | None:
        """Return None: a module can be named only where something binds it."""
        return None

    def is_visible(self, _definition: Definition, _home: str, _place: str | None) -> bool:
        """Return True."""
        return True

    def is_member(self, _definition: Definition, *, of_class: bool) -> bool:  # noqa: ARG002 - part of the port
        """Return True: class and instance share their members."""
        return True


@lru_cache(maxsize=64)
def load(language: str) -> Rules | None:
    """Return the rules of a language; None if names are not resolved in it."""
    module = languages.get(language).resolution
    if not module:
        return None
    return cast("Rules", importlib.import_module(f"indexing.resolution.languages.{module}").RULES)


def load_all(*, libraries: bool = False) -> list[Rules]:
    """Return the rules of all languages in which names are resolved, each once; with `libraries`, into libraries."""
    found = (
        load(each.name)
        for each in languages.LANGUAGES
        if each.resolution and (each.resolves_libraries or not libraries)
    )
    return list({id(each): each for each in found if each is not None}.values())


@lru_cache(maxsize=64)
def load_query(language: str) -> tree_sitter.Query | None:
    """Return the query whose captures a table is made of; None if there is no grammar, or no query that fits it."""
    grammar = grammars.load(language)
    if grammar is None:
        return None
    import tree_sitter  # noqa: PLC0415  # loaded with the grammar

    try:
        return tree_sitter.Query(
            grammar.language, (QUERIES / f"{grammar.entry.query or language}.scm").read_text(encoding="utf-8")
        )
    except (tree_sitter.QueryError, OSError):
        return None
