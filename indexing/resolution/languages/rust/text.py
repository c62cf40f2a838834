"""Expressions and types of Rust, rewritten in the notation that `expressions.parse` reads.

A path `a::B` becomes `a.B`; a type `&mut Box<A>` becomes `A`, `Vec<A>` becomes `list[A]`, `HashMap<A, B>` becomes
`dict[A, B]`; an expression `A { b }` becomes `A()`. What no type can follow becomes `?`. Start at `Writer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.syntax.languages.language import parse_kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tree_sitter

UNKNOWN = "?"
CAST = "__cast"  # no name of a program: the first argument is the type of the result
GIVEN = "__given_"  # likewise, with two numbers after it: returns what its argument gives to a callback
LONGEST = 600  # characters of an expression or type that a table keeps
_DEEPEST = 20
_MOST_ARGUMENTS = 8
_MOST_ARMS = 4
_NAMES = parse_kinds(
    "identifier field_identifier type_identifier primitive_type self super crate shorthand_field_identifier"
)
_SAME = parse_kinds("parenthesized_expression reference_expression await_expression unsafe_block async_block")
_STRINGS = parse_kinds("string_literal raw_string_literal")
POINTERS = parse_kinds(
    "Box Rc Arc Cow Pin Ref RefMut MutexGuard RwLockReadGuard RwLockWriteGuard ManuallyDrop Reverse Wrapping"
    " OwnedMutexGuard CachePadded Saturating NonNull Lazy LazyLock LazyCell"
)
_LISTS = parse_kinds(
    "Vec VecDeque LinkedList HashSet BTreeSet BinaryHeap IndexSet SmallVec ArrayVec Iter IterMut IntoIter Iterator"
    " IntoIterator DoubleEndedIterator ExactSizeIterator ParallelIterator Peekable FusedIterator"
)
_MAPS = parse_kinds("HashMap BTreeMap IndexMap FxHashMap AHashMap DashMap")
_FUTURES = parse_kinds("Future IntoFuture BoxFuture")
_MAKING = parse_kinds("new clone pin from")  # functions of pointers that return their argument
_PASSING = parse_kinds("mem.take mem.replace std.mem.take std.mem.replace")
_CONVERTING = parse_kinds("collect into sum product")


class Writer:
    """Rewrites nodes of one file.

    Args:
        data: the file's text in UTF-8.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.generics: dict[str, str] = {}  # type parameters in force, each with its first bound

    def read(self, node: tree_sitter.Node | None) -> str:
        """Return the text of a node; "" for None."""
        return self._data[node.start_byte : node.end_byte].decode(errors="replace") if node is not None else ""

    def write(self, node: tree_sitter.Node | None) -> str:
        """Return the expression of `node`; "" for None, and where no type can follow or it is too long."""
        found = self._write(node, 0) if node is not None else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def write_type(self, node: tree_sitter.Node | None) -> str:
        """Return the type of `node`; "" as for an expression."""
        found = self._write_type(node, 0) if node is not None else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def write_path(self, node: tree_sitter.Node | None) -> str:
        """Return a path with dots, without type arguments; "" for None and for what is none."""
        if node is None:
            return ""
        if node.type in _NAMES:
            return self.read(node)
        if node.type in {"generic_type", "generic_type_with_turbofish"}:
            return self.write_path(node.child_by_field_name("type"))
        if node.type in {"scoped_identifier", "scoped_type_identifier"}:
            path, name = node.child_by_field_name("path"), self.read(node.child_by_field_name("name"))
            if path is None:  # `::a`
                return name
            before = self.write_path(path)
            return f"{before}.{name}" if before and name else ""
        return ""

    # Expressions

    def _write(self, node: tree_sitter.Node, depth: int) -> str:  # noqa: C901, PLR0911, PLR0912 - one for each kind
        """Return the expression of `node`, `UNKNOWN` if no type can follow it."""
        kind, children = node.type, node.named_children
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in _NAMES:
            return self.read(node)
        if kind in _STRINGS:
            return '""'
        if kind in _SAME:
            return self._write(children[-1], depth + 1) if children else UNKNOWN
        if kind == "scoped_identifier":
            return self._write_scoped(node, depth)
        if kind == "field_expression":
            base, name = node.child_by_field_name("value"), self.read(node.child_by_field_name("field"))
            written = self._write(base, depth + 1) if base is not None else UNKNOWN
            return f"{written}.{name}" if written != UNKNOWN and name else UNKNOWN
        if kind == "call_expression":
            return self._write_call(node, depth)
        if kind == "try_expression":
            written = self._write(children[0], depth + 1) if children else UNKNOWN
            return f"{written}?" if written != UNKNOWN else UNKNOWN
        if kind == "unary_expression":
            is_pointed = self._data[node.start_byte : node.start_byte + 1] == b"*"
            return self._write(children[0], depth + 1) if is_pointed and children else UNKNOWN
        if kind == "struct_expression":
            written = self.write_path(node.child_by_field_name("name"))
            return f"{written}()" if written else UNKNOWN
        if kind in {"type_cast_expression", "closure_expression"}:
            is_function = kind == "closure_expression"
            type_ = node if is_function else node.child_by_field_name("type")
            written = UNKNOWN if type_ is None else self._write_function(node, depth) if is_function else ""
            written = written or (self._write_type(type_, depth + 1) if type_ is not None else UNKNOWN)
            return f"{CAST}({written}, {UNKNOWN})" if written != UNKNOWN else UNKNOWN
        if kind == "index_expression" and len(children) == 2:
            written = self._write(children[0], depth + 1)
            is_range = children[1].type == "range_expression"
            return written if written == UNKNOWN or is_range else f"{written}[{UNKNOWN}]"
        if kind in {"array_expression", "tuple_expression"}:
            inside = ", ".join(self._write(each, depth + 1) for each in children[:_MOST_ARGUMENTS])
            return f"[{inside}]" if kind == "array_expression" else f"({inside},)"
        return self._join(_list_results(node), depth)

    def _write_scoped(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the expression of `a::b`; a path may begin with a type that has arguments."""
        path, name = node.child_by_field_name("path"), self.read(node.child_by_field_name("name"))
        if path is None:
            return name
        if path.type == "scoped_identifier":
            before = self._write_scoped(path, depth + 1) if depth < _DEEPEST else UNKNOWN
        elif path.type == "identifier" and self.read(path) in self.generics:
            before = self.generics[self.read(path)] or UNKNOWN
        else:
            before = self._write_type(path, depth + 1)
        return f"{before}.{name}" if before != UNKNOWN and name else UNKNOWN

    def _write_call(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the expression of a call."""
        function, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        given = listed.named_children if listed is not None else []
        if function is None:
            return UNKNOWN
        types: tree_sitter.Node | None = None
        if function.type == "generic_function":
            types, function = function.child_by_field_name("type_arguments"), function.child_by_field_name("function")
            if function is None:
                return UNKNOWN
        written = self._write(function, depth + 1)
        if given and (written in _PASSING or self._makes_pointer(function)):
            return self._write(given[0], depth + 1)
        name = written.rpartition(".")[2]
        if types is not None and types.named_children and name in {*_CONVERTING, "parse"}:
            asked = self._write_type(types.named_children[0], depth + 1)
            return f"{CAST}({f'Result[{asked}]' if name == 'parse' else asked}, {UNKNOWN})"
        return f"{written}()" if written != UNKNOWN and len(written) <= LONGEST else UNKNOWN

    def _makes_pointer(self, function: tree_sitter.Node) -> bool:
        """Return whether a function gives a pointer to its argument (`Arc::new`)."""
        if function.type != "scoped_identifier" or self.read(function.child_by_field_name("name")) not in _MAKING:
            return False
        return self.write_path(function.child_by_field_name("path")).rpartition(".")[2] in POINTERS

    def _join(self, nodes: Sequence[tree_sitter.Node], depth: int) -> str:
        """Return the alternatives of several expressions; `UNKNOWN` for none."""
        written = [text for node in nodes if (text := self._write(node, depth + 1)) != UNKNOWN]
        return written[0] if len(written) == 1 else f"({' or '.join(written)})" if written else UNKNOWN

    # Types

    def _write_type(self, node: tree_sitter.Node, depth: int) -> str:  # noqa: PLR0911 - one for each kind
        """Return the type of `node`, `UNKNOWN` if it says nothing."""
        kind, children = node.type, node.named_children
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in _NAMES:
            name = self.read(node)
            return self.generics.get(name) or name
        if kind in {"reference_type", "pointer_type"}:
            inner = node.child_by_field_name("type")
            return self._write_type(inner, depth + 1) if inner is not None else UNKNOWN
        if kind in {"scoped_type_identifier", "scoped_identifier"}:
            return self.write_path(node) or UNKNOWN
        if kind in {"generic_type", "generic_type_with_turbofish"}:
            return self._write_generic(node, depth)
        if kind in {"abstract_type", "dynamic_type", "higher_ranked_trait_bound"}:
            inner = node.child_by_field_name("trait") or node.child_by_field_name("type")
            return self._write_type(inner, depth + 1) if inner is not None else UNKNOWN
        if kind in {"bounded_type", "trait_bounds", "bracketed_type", "parenthesized_type"}:
            inner = next((each for each in children if each.type != "lifetime"), None)
            return self._write_type(inner, depth + 1) if inner is not None else UNKNOWN
        if kind == "array_type":
            element = node.child_by_field_name("element")
            return f"list[{self._write_type(element, depth + 1) if element is not None else UNKNOWN}]"
        if kind == "tuple_type":
            return f"tuple[{', '.join(self._write_type(each, depth + 1) for each in children[:_MOST_ARGUMENTS])}]"
        return self._write_function(node, depth) if kind == "function_type" else UNKNOWN

    def _write_generic(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the type of `A<B>`: pointers are what they point to, and containers have one name for each kind."""
        base, listed = self.write_path(node.child_by_field_name("type")), node.child_by_field_name("type_arguments")
        given = [each for each in (listed.named_children if listed is not None else ()) if each.type != "lifetime"]
        bound = next((each.child_by_field_name("type") for each in given if each.type == "type_binding"), None)
        written = [self._write_type(each, depth + 1) for each in given[:_MOST_ARGUMENTS] if each.type != "type_binding"]
        if bound is not None:
            written.insert(0, self._write_type(bound, depth + 1))
        last = base.rpartition(".")[2]
        if not written or not base:
            return base or UNKNOWN
        if last in POINTERS or last in _FUTURES:
            return written[0]
        if last in _LISTS:
            return f"list[{written[0]}]"
        if last in _MAPS:
            return f"dict[{', '.join(written[:2])}]"
        return f"{base}[{', '.join(written)}]"

    def _write_function(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the type of a function or a closure."""
        listed, result = node.child_by_field_name("parameters"), node.child_by_field_name("return_type")
        children = listed.named_children if listed is not None else []
        types = [child.child_by_field_name("type") if child.type == "parameter" else child for child in children]
        taken = [self._write_type(each, depth + 1) if each is not None else UNKNOWN for each in types]
        return f"Callable[{', '.join([*taken, self._write_type(result, depth + 1) if result else UNKNOWN])}]"


def _list_results(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the expressions, one of which a block, a condition or a match gives; [] for anything else."""
    children = node.named_children
    if node.type in {"block", "else_clause"} and children:
        last = children[-1]
        return [last] if not last.type.endswith(("_statement", "_declaration", "_item")) else []
    if node.type == "if_expression":
        branches = [node.child_by_field_name(field) for field in ("consequence", "alternative")]
        return [each for each in branches if each is not None]
    if node.type == "match_expression" and (body := node.child_by_field_name("body")) is not None:
        values = [arm.child_by_field_name("value") for arm in body.named_children[:_MOST_ARMS]]
        return [each for each in values if each is not None]
    return []
