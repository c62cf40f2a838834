"""Resolution in Go: tables, packages, visibility, and the names of types that say something about others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.resolution.languages import braces
from indexing.resolution.languages.go import packages
from indexing.resolution.languages.go.tables import TableReader
from indexing.resolution.languages.go.text import CAST
from indexing.resolution.rules import TypeNames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution import rules
    from indexing.resolution.paths import Paths
    from indexing.resolution.records import Definition, ImportedName, NameTable

TYPES = TypeNames(
    callables=frozenset({"Callable"}),
    elements={"list": 0, "dict": 1, "tuple": 0},
    indexed={"list": 0, "dict": 1, "tuple": 0},
    results={"dict.__key": 0, "chan.__key": 0},
    casting=frozenset({CAST}),
    tried=frozenset({"chan"}),
)
_TEXT = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|`[^`]*(?:`|\Z)|"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z)|'(?:[^'\\\n]|\\.)*'""", re.DOTALL
)
_IMPORT = re.compile(r"^import[ \t]*\([^)]{0,4000}\)|^import[ \t]+[^\n]*", re.MULTILINE)
_BRACES = braces.Braces(
    head=re.compile(r"\{"),
    defining=re.compile(r"\b(?:func|type|struct|interface)\b"),
    block="if x {",
    function="func() {",
)


class GoRules:
    """The rules of Go."""

    constructor = ""
    whole = ""
    has_local_paths = False
    unnamed: frozenset[str] = frozenset()
    imports = _IMPORT
    weights: Mapping[str, float] = {}
    types = TYPES

    def read_table(self, text: str, data: bytes, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table of a parsed file; `data` is `text` in UTF-8."""
        return TableReader(text, data).read(captures)

    def locate_module(self, imported: ImportedName, relative: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the key of a file of an imported package; () if it is in no known folder."""
        return packages.locate(imported.module, relative, paths)

    def locate_named(self, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of a file of each package that a person calls `name`; () if there is none."""
        return packages.locate_named(name, paths)

    def locate_submodule(self, _relative: str, _name: str, _paths: Paths) -> Sequence[tuple[str, int]]:
        """Return (): a package contains no other."""
        return ()

    def locate_parts(
        self,
        relative: str,
        name: str,
        paths: Paths,
        *,
        of_class: bool,  # noqa: ARG002 - in Go these are the same files
    ) -> Sequence[tuple[str, int]]:
        """Return the keys of the files in the folder of `relative` that may define `name`; of all for ""."""
        return packages.locate_parts(relative, name, paths)

    def find_implicit(self, _name: str) -> ImportedName | None:
        """Return None: a package can be named only where it is imported."""
        return None

    def is_visible(self, definition: Definition, home: str, place: str | None) -> bool:
        """Return whether a member is exported, or both files are in the same package."""
        return definition.is_public or (place is not None and home.rpartition("/")[0] == place.rpartition("/")[0])

    def is_member(self, definition: Definition, *, of_class: bool) -> bool:
        """Return whether a value has such a member: a type has only methods."""
        return not of_class or definition.kind == "function"

    def is_property(self, _decorators: Sequence[str]) -> bool:
        """Return False: reading a method calls nothing."""
        return False

    def is_entered_as_element(self, _decorators: Sequence[str]) -> bool:
        """Return False: there are no contexts."""
        return False

    def takes_fields(self, _decorators: Sequence[str], _bases: Sequence[str]) -> bool:
        """Return False: a literal of a struct is no call."""
        return False

    def make_placeholder(self, line: str, column: int, following: str) -> tuple[str, int]:
        """Return what takes the place of the edited `line`, so that the lines around it parse, and the cursor in it."""
        if line.startswith(("package ", "import ", "import(")):
            return line, column
        return _BRACES.make_placeholder(line, _TEXT.sub(_blank, line), column, following)

    def close(self, text: str) -> str:
        """Return what has to follow `text` so that the brackets that it leaves open are closed; "" for nothing."""
        return braces.close(_TEXT.sub("", text))

    def simplify(self, text: str) -> str:
        """Return `text` with the same length: comments after `#`, strings in plain quotes."""
        return _TEXT.sub(_simplify, text)

    def is_public(self, name: str) -> bool:
        """Return whether a dot import binds `name`: whether it begins with a capital letter."""
        return name[:1].isupper()


def _blank(found: re.Match[str]) -> str:
    """Return underscores in place of a string or comment."""
    return "_" * len(found[0])


def _simplify(found: re.Match[str]) -> str:
    """Return what takes the place of a comment or a string; as long as it is."""
    text = found[0]
    if text.startswith("//"):
        return f"# {text[2:]}"
    if text.startswith("/*"):
        return re.sub(r"[^\n]", " ", text)
    if text.startswith("`"):
        return f"'{'_' * (len(text) - 2)}'" if len(text) > 1 else " "
    return text


RULES: rules.Rules = GoRules()
