"""Resolution in Rust: tables, modules, visibility, and the notation of the text around a cursor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.resolution.languages import braces
from indexing.resolution.languages.rust import macros, modules
from indexing.resolution.languages.rust.building import FIELD
from indexing.resolution.languages.rust.tables import TableReader
from indexing.resolution.languages.rust.types import TYPES
from indexing.resolution.records import ImportedName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution import rules
    from indexing.resolution.paths import Paths
    from indexing.resolution.records import Definition, NameTable

_COMMENTS_AND_STRINGS = (
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|r(?P<fence>#*)".*?(?:"(?P=fence)|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z)"""
    r"""|'(?:[^'\\\n]|\\[^\n]{1,10}?)'|'(?=\w)"""
)
_TEXT = re.compile(_COMMENTS_AND_STRINGS, re.DOTALL)
_SIMPLIFIED = re.compile(
    rf"{_COMMENTS_AND_STRINGS}|::<[^;{{}}()=]{{0,200}}>(?=\s*(?:\(|::))|::|\.await\b|!(?=\s*[(\[{{])", re.DOTALL
)
_MARKS = {"::": " .", ".await": " " * 6, "'": " ", "!": "_"}
_ROOTS = frozenset({"crate", "self", "super"})
_IMPORT = re.compile(r"^[ \t]*(?:pub(?:\([^)\n]*\))?[ \t]+)?(?:use|extern[ \t]+crate)\b[^;]{0,4000};", re.MULTILINE)
_BRACES = braces.Braces(
    head=re.compile(r"\{|=>(?: *\{)?|\|[^|\n]*\|(?: *\{)?"),
    defining=re.compile(r"\b(?:fn|struct|enum|trait|impl|mod)\b|=>|\|"),
    block="if x {",
    function="|| {",
    arm="x => {",
)


class RustRules:
    """The rules of Rust."""

    constructor = ""
    whole = ""
    has_local_paths = True
    unnamed: frozenset[str] = frozenset()
    imports = _IMPORT
    weights: Mapping[str, float] = {}
    types = TYPES

    def read_table(self, text: str, data: bytes, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table of a parsed file; `data` is `text` in UTF-8."""
        plain, found = macros.read_captures(data, captures)
        return TableReader(text, plain).read(found)

    def locate_module(self, imported: ImportedName, relative: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the key of the file of a module; () if it is in no known file."""
        return modules.locate(imported.module, relative, paths)

    def locate_named(self, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of the modules that a person calls `name` ("a.b"); () if there is none."""
        return modules.locate_named(name, paths)

    def locate_submodule(self, _relative: str, _name: str, _paths: Paths) -> Sequence[tuple[str, int]]:
        """Return (): a module names the modules inside it."""
        return ()

    def locate_parts(self, relative: str, name: str, paths: Paths, *, of_class: bool) -> Sequence[tuple[str, int]]:
        """Return the keys of the files near `relative` with an `impl` block of a class; () if not `of_class`."""
        return modules.locate_parts(relative, name, paths) if of_class else ()

    def find_implicit(self, name: str) -> ImportedName | None:
        """Return the import of the module that `name` can be: a crate, or `crate`, `super`; None for a type's name."""
        return ImportedName(name, name) if name[:1].islower() else None

    def is_visible(self, definition: Definition, home: str, place: str | None) -> bool:
        """Return whether a definition is marked as visible, or `place` is in the module that defines it."""
        inside = modules.find_folder(home)
        return definition.is_public or (place is not None and (place.startswith(f"{inside}/") or home == place))

    def is_member(self, definition: Definition, *, of_class: bool) -> bool:
        """Return whether a value has such a member: fields and methods, and a type all others."""
        if definition.kind == "function":
            takes_self = bool(definition.parameters) and definition.parameters[0].kind == "receiver"
            return takes_self != of_class
        return (FIELD in definition.decorators) != of_class

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
        return _BRACES.make_placeholder(line, _TEXT.sub(_blank, line), column, following)

    def close(self, text: str) -> str:
        """Return what has to follow `text` so that the brackets that it leaves open are closed; "" for nothing."""
        return braces.close(_TEXT.sub("", text))

    def simplify(self, text: str) -> str:
        """Return `text` with the same length: paths as `a.b`, comments after `#`, strings in plain quotes."""
        return _SIMPLIFIED.sub(_simplify, text)

    def is_public(self, name: str) -> bool:
        """Return whether `use a::*` binds `name`: any, as inner modules may use those without a mark, too."""
        return name not in _ROOTS


def _blank(found: re.Match[str]) -> str:
    """Return underscores in place of a string or comment."""
    return "_" * len(found[0])


def _simplify(found: re.Match[str]) -> str:
    """Return what takes the place of a comment, a string or a mark; as long as it is."""
    text = found[0]
    if text in _MARKS:
        return _MARKS[text]
    if text.startswith("//"):
        return f"# {text[2:]}"
    if text.startswith("/*"):
        return re.sub(r"[^\n]", " ", text)
    if text.startswith("::<"):
        return f"[  {text[3:-1].replace('::', ' .').replace('<', '[').replace('>', ']')}]"
    if "\n" in text or len(text) < 2:
        return re.sub(r"[^\n]", "_", text)
    return text if text.startswith('"') else f"'{'_' * (len(text) - 2)}'"


RULES: rules.Rules = RustRules()
