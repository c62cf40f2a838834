"""The places of a name in a parsed text: which of them bind it, and in which scope each of them lies.

Works for all languages by the names of fields and kinds that tree-sitter's grammars share; what it does not recognise
counts as a plain use. Never fails on broken code. Start at `find_places`.
"""

from __future__ import annotations

import builtins
import keyword
import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import tree_sitter

    from indexing.syntax.languages import Language
    from indexing.syntax.syntax import Syntax

PLACES = 400  # a name with more places than this is not searched
BUILT_IN = frozenset(dir(builtins)) | frozenset(keyword.kwlist)  # names that Python knows by itself
_LEVELS = 200  # most nodes above a name that are searched

_IN_NAME = re.compile(rb"[\w\x80-\xff]")
_MEMBERS = re.compile(r"attribute$|member|selector_expression|field_expression|field_access|navigation_suffix")
_CALLED_MEMBER = re.compile(r"method_invocation|method_call")
_KEYS = re.compile(r"keyword_argument|named_argument|^pair$|field_initializer|keyed_element|keyword_pattern|labeled")
_IMPORTS = re.compile(r"import|^use_")
_DECLARES = re.compile(r"def|decl|spec|item|param|alias|named_expression|signature")
_ASSIGNS = re.compile(r"^assignment|^short_var|^for|^range_clause|for_in|for_each")
_PATTERNS = re.compile(
    r"pattern_list|tuple_pattern|list_pattern|splat_pattern|array_pattern|object_pattern|pair_pattern"
    r"|^tuple$|^expression_list$|as_pattern_target"
)
_PARAMETERS = re.compile(r"parameters$|parameter_list$")
_OUTER_FIELDS = frozenset({"name", "superclasses", "return_type", "decorator", "superclass", "interfaces"})
_INNER_SCOPES = re.compile(r"comprehension$|^generator_expression$")
_CLASSES = re.compile(r"class|interface|struct|enum|record|trait|object_|protocol|impl_|module$|namespace")
_THIS = frozenset({"self", "cls", "this"})


class Role(Enum):
    """The role of a name at a place."""

    USE = auto()
    BINDING = auto()
    MEMBER = auto()  # `x` of `a.x`
    MEMBER_BINDING = auto()  # `x` of `a.x = 1`
    KEY = auto()  # a keyword argument, or a key
    PATH = auto()  # a part of an imported module's name, or a foreign name that gets an alias


@dataclass(frozen=True, slots=True)
class Scope:
    """A function, class or comprehension that a place is in; `start` and `end` are byte offsets."""

    start: int
    end: int
    is_class: bool
    is_function: bool


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a name.

    Attributes:
        start: offset in the text, code points.
        end: its end.
        role: what the name does there.
        scopes: the scopes around it, innermost first, without the whole file.
        receiver: text of the object for a member, "" if it is not a single name.
        imported: whether an import binds it.
    """

    start: int
    end: int
    role: Role
    scopes: tuple[Scope, ...]
    receiver: str = ""
    imported: bool = False

    @property
    def is_own_member(self) -> bool:
        """Whether it is a member of the object that a method belongs to."""
        return self.role in {Role.MEMBER, Role.MEMBER_BINDING} and self.receiver in _THIS

    @property
    def own_class(self) -> Scope | None:
        """The innermost class around it, None outside of classes."""
        return next((scope for scope in self.scopes if scope.is_class), None)


def find_places(syntax: Syntax, name: str) -> tuple[Place, ...] | None:
    """Return the places of `name` in the text by their starts; None if it was not parsed or the name is too common."""
    parsed = syntax.parsed
    if parsed is None:
        return None
    entry, data, root = parsed.grammar.entry, parsed.data, parsed.tree.root_node
    kinds = frozenset(entry.identifiers)
    parts = root.children  # a search that begins in one of them is many times faster than one from the root
    starts = [part.start_byte for part in parts]
    word = name.encode(errors="replace")
    found = []
    whole = (match for match in re.finditer(re.escape(word), data) if not _splits_name(data, *match.span()))
    for count, match in enumerate(whole):  # a pattern that looks around itself is many times slower
        if count >= PLACES:
            return None
        part = parts[max(bisect_right(starts, match.start()) - 1, 0)]
        node = part.descendant_for_byte_range(match.start(), match.end())
        if node is not None and node.type in kinds and (node.start_byte, node.end_byte) == match.span():
            start = syntax.to_code_point(match.start())
            found.append(_describe(node, start, start + len(name), entry))
    return tuple(found)


def _splits_name(data: bytes, start: int, end: int) -> bool:
    """Return whether [start, end) is only a part of a name."""
    return (start > 0 and _IN_NAME.match(data, start - 1) is not None) or _IN_NAME.match(data, end) is not None


def resolve(place: Place, bindings: Iterable[Place], *, sees_classes: bool) -> tuple[Scope | None, list[Place]]:
    """Return the scope that binds the name at `place`, None for the whole file, and the bindings in it.

    Without a binding in sight, the list is empty. `sees_classes` tells whether a method sees names of its class.
    """
    by_scope: dict[Scope | None, list[Place]] = {}
    for binding in bindings:
        by_scope.setdefault(binding.scopes[0] if binding.scopes else None, []).append(binding)
    for depth, scope in enumerate(place.scopes):
        if scope in by_scope and (not scope.is_class or not depth or sees_classes):
            return scope, by_scope[scope]
    return None, by_scope.get(None, [])


def has_implicit_receiver(entry: Language) -> bool:
    """Return whether a method in this language sees the members of its class without naming an object."""
    return Trait.IMPLICIT_RECEIVER in entry.traits


def _describe(node: tree_sitter.Node, start: int, end: int, entry: Language) -> Place:
    """Return the place of the name `node`, which has the code points [start, end)."""
    role, receiver, imported = _find_role(node)
    return Place(start, end, role, tuple(_list_scopes(node, entry.functions)), receiver, imported)


def _find_role(node: tree_sitter.Node) -> tuple[Role, str, bool]:
    """Return the role of the name `node`, the object of a member, and whether an import binds it."""
    parent = node.parent
    if parent is None:
        return Role.USE, "", False
    field = _get_field(node, parent)
    importing = _find_import(node)
    if importing is not None:
        return _find_import_role(node, importing)
    if (_MEMBERS.search(parent.type) and not _is_first(node, parent)) or (
        _CALLED_MEMBER.search(parent.type) and field == "name" and parent.child_by_field_name("object") is not None
    ):
        return Role.MEMBER_BINDING if _is_assigned(parent) else Role.MEMBER, _read_receiver(parent), False
    if _KEYS.search(parent.type) and field in {"name", "key"}:
        return Role.KEY, "", False
    if _KEYS.search(parent.type) and field is None and _is_first(node, parent):
        return Role.KEY, "", False
    return Role.BINDING if _binds(node) else Role.USE, "", False


def _binds(node: tree_sitter.Node) -> bool:
    """Return whether the name `node`, which is no member and not in an import, is bound at its place."""
    current, parent = node, node.parent
    while parent is not None and _PATTERNS.search(parent.type):
        if parent.type == "as_pattern_target":
            return True
        current, parent = parent, parent.parent
    if parent is None:
        return False
    field = _get_field(current, parent)
    if field == "name":
        return _DECLARES.search(parent.type) is not None
    if field in {"left", "pattern", "declarator", "alias"}:
        return _ASSIGNS.search(parent.type) is not None or _DECLARES.search(parent.type) is not None
    if _PARAMETERS.search(parent.type):
        return True
    return parent.type == "typed_parameter" and field != "type"


def _is_assigned(member: tree_sitter.Node) -> bool:
    """Return whether an assignment sets the `member` of an object."""
    current, parent = member, member.parent
    while parent is not None and _PATTERNS.search(parent.type):
        current, parent = parent, parent.parent
    return parent is not None and _ASSIGNS.search(parent.type) is not None and _get_field(current, parent) == "left"


def _find_import(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the import statement at most five levels above `node`, None if there is none."""
    found = None
    current = node.parent
    for _ in range(5):
        if current is None:
            break
        if _IMPORTS.search(current.type):
            found = current
        current = current.parent
    return found


def _find_import_role(node: tree_sitter.Node, importing: tree_sitter.Node) -> tuple[Role, str, bool]:
    """Return the role of the name `node` in the import `importing`, no object (""), and whether it is bound there."""
    current, parent = node, node.parent
    while parent is not None:
        field = _get_field(current, parent)
        if field in {"module_name", "source", "path"}:
            return Role.PATH, "", False
        if parent.child_by_field_name("alias") is not None and field != "alias":
            return Role.PATH, "", False
        if parent.type == "dotted_name" and not (parent.named_child_count == 1 or _is_first(node, parent)):
            return Role.PATH, "", False
        if parent == importing:
            break
        current, parent = parent, parent.parent
    return Role.BINDING, "", True


def _list_scopes(node: tree_sitter.Node, kinds: frozenset[str]) -> Iterator[Scope]:
    """Yield the scopes around the name `node`, innermost first."""
    current, parent = node, node.parent
    outside = False  # it is a default or an annotation of a parameter, which belongs to the scope around the function
    for _ in range(_LEVELS):
        if parent is None:
            return
        field = _get_field(current, parent)
        if "parameter" in parent.type and field in {"value", "type"}:
            outside = True
        if parent.type in kinds:
            if field not in _OUTER_FIELDS and not (outside and field == "parameters"):
                is_class = _CLASSES.search(parent.type) is not None
                yield Scope(parent.start_byte, parent.end_byte, is_class, not is_class)
            outside = False
        elif _INNER_SCOPES.search(parent.type):
            yield Scope(parent.start_byte, parent.end_byte, is_class=False, is_function=False)
        current, parent = parent, parent.parent


def _read_receiver(member: tree_sitter.Node) -> str:
    """Return the object of a member access if it is a single name, else ""."""
    first = member.named_child(0)
    return "" if first is None or first.child_count or first.text is None else first.text.decode(errors="replace")


def _is_first(node: tree_sitter.Node, parent: tree_sitter.Node) -> bool:
    """Return whether `node` is the first named part of `parent`."""
    return parent.named_child(0) == node


def _get_field(node: tree_sitter.Node, parent: tree_sitter.Node) -> str | None:
    """Return the name of the field of `parent` that holds `node`, None if it is in no field."""
    cursor = parent.walk()
    if cursor.goto_first_child_for_byte(node.start_byte) is None:
        return None
    while cursor.node != node:
        if not cursor.goto_next_sibling():
            return None
    return cursor.field_name
