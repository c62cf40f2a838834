"""Records of resolution: the table of a file's names, and the answers about a place in a document.

Offsets are code points, lines count from 0. Start at `NameTable`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from indexing.syntax.documents import Span

DefinitionKind = Literal["function", "class", "variable"]
ParameterKind = Literal["positional", "any", "keyword", "rest", "rest_keywords", "receiver", "class_receiver"]
How = Literal["value", "element", "entered", "narrowed"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function.

    Attributes:
        name: its name, without `*`.
        kind: how an argument is given: by position only, in any way, by name only; "rest" takes the other positional
            arguments, "rest_keywords" the other named ones; a "receiver" is the object whose method is called, a
            "class_receiver" its class.
        annotation: its type as written, "" for none.
        default: its default value as written, "" for none.
    """

    name: str
    kind: ParameterKind = "any"
    annotation: str = ""
    default: str = ""

    @property
    def is_required(self) -> bool:
        """Whether a call has to give it."""
        return not self.default and self.kind not in {"rest", "rest_keywords", "receiver", "class_receiver"}


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition in a file's table.

    Attributes:
        name: the identifier.
        kind: a variable is also an attribute, and a local name of a function.
        span: the whole definition.
        line: the line of its name.
        parent: number, in the table, of the definition that it belongs to; -1 at the top level. An attribute that a
            method assigns belongs to the class.
        scope: number of the innermost definition around it; -1 at the top level.
        parameters: of a function.
        annotation: type of a variable, or of a function's result, as written; "" for none.
        value: the expression that a variable gets, as written; "" for none.
        how: whether the variable gets the value itself, each element of it, or what entering it as a context gives;
            "narrowed" if only its type is known better from here on.
        component: number of the component of that value which the variable gets; -1 for all of it.
        returns: expressions that a function without annotation returns.
        bases: base classes as written.
        decorators: as written, without `@`.
        of_self: an attribute that a method assigns to its first parameter.
        part_of: of a part of a class, which adds members to it from outside (an `impl` block): the class as written; ""
            for anything else. A part has no name that a scope finds.
        generics: names of the type parameters of a class or a part, in the order of the arguments that a type gives.
        until: where the block ends in which a local variable can be used; -1 for the end of its function.
        is_open: a class whose names can be used inside it without naming it (an inline module).
        is_public: whether the definition says that files of other modules may use it.
        is_inherited: whether it says that subclasses in other modules may use it.
        has_bare_members: a class whose members are all inside it, and are used there without a receiver, also those of
            its base classes.
        documented: name of the type that a function without annotation returns, as its documentation gives it; "" for
            none.
    """

    name: str
    kind: DefinitionKind
    span: Span
    line: int
    parent: int = -1
    scope: int = -1
    parameters: tuple[Parameter, ...] = ()
    annotation: str = ""
    value: str = ""
    how: How = "value"
    component: int = -1
    returns: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()
    of_self: bool = False
    part_of: str = ""
    generics: tuple[str, ...] = ()
    until: int = -1
    is_open: bool = False
    is_public: bool = False
    is_inherited: bool = False
    has_bare_members: bool = False
    documented: str = ""


@dataclass(frozen=True, slots=True)
class ImportedName:
    """A name that an import binds.

    Attributes:
        name: the bound name; "*" for all public names of the module.
        module: the module as written, without leading dots.
        level: number of leading dots of a relative import.
        member: the name in the module; "" if the module itself is bound.
        offset: where the statement begins.
        visibility: whether others can use the name from here: "public" or "private" where the import says so, else as
            is usual in the language.
    """

    name: str
    module: str
    level: int = 0
    member: str = ""
    offset: int = 0
    visibility: Literal["usual", "public", "private"] = "usual"


@dataclass(frozen=True, slots=True)
class NameTable:
    """The names of one file.

    Attributes:
        definitions: in order of appearance.
        imports: likewise.
        exported: names that the file says it exports (`__all__`); None if it does not say so.
        members: numbers of the definitions inside each definition (-1: the top level), by name.
        package: name of the package that the file says it belongs to; "" where it does not say so.
        parts: numbers of the parts of classes, by the name of the class.
    """

    definitions: tuple[Definition, ...] = ()
    imports: tuple[ImportedName, ...] = ()
    exported: tuple[str, ...] | None = None
    members: dict[int, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    package: str = ""
    parts: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        definitions: list[Definition],
        imports: list[ImportedName],
        exported: tuple[str, ...] | None,
        package: str = "",
    ) -> NameTable:
        """Return the table of these names."""
        members: dict[int, dict[str, list[int]]] = {}
        parts: dict[str, list[int]] = {}
        for number, each in enumerate(definitions):
            members.setdefault(each.parent, {}).setdefault(each.name, []).append(number)
            if each.part_of:
                parts.setdefault(each.name, []).append(number)
        grouped = {parent: {name: tuple(all_) for name, all_ in names.items()} for parent, names in members.items()}
        by_class = {name: tuple(all_) for name, all_ in parts.items()}
        return cls(tuple(definitions), tuple(imports), exported, grouped, package, by_class)


@dataclass(frozen=True, slots=True)
class FoundDefinition:
    """A definition that a name can mean.

    Attributes:
        relative: workspace-relative path of its file, separated by "/".
        key: key of its file in the index; None for the document itself.
        name: the identifier; for a module, its last part.
        qualified: with the names of the definitions around it, separated by dots.
        kind: "function", "class", "variable" or "module".
        span: the whole definition, in its file.
        line: the line of its name.
        parameters: of a function, without the receiver; of a class, what creating an instance takes.
        is_library: whether its file is one of an installed library, so that `relative` is the path by which code
            imports it.
    """

    relative: str
    key: tuple[str, int] | None
    name: str
    qualified: str
    kind: str
    span: Span
    line: int
    parameters: tuple[Parameter, ...] = ()
    is_library: bool = False


@dataclass(frozen=True, slots=True)
class Receiver:
    """The receiver before a dot.

    Attributes:
        types: the names of its types.
        members: the members that it has, those of its own class first.
        is_complete: whether it surely has no other members.
    """

    types: tuple[str, ...]
    members: tuple[FoundDefinition, ...]
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class EnclosingCall:
    """The call around a place.

    Attributes:
        name: the called expression as written.
        callees: the definitions that it can mean.
        given: number of positional arguments that end before the place.
        named: names of the keyword arguments anywhere in the call.
        parameters: those of the first callee that can still be given.
    """

    name: str
    callees: tuple[FoundDefinition, ...]
    given: int
    named: tuple[str, ...]
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class LikelyDefinition:
    """A definition that the code at the cursor may use next, with its score (higher is likelier).

    Scores are comparable within one answer only.
    """

    definition: FoundDefinition
    score: float
