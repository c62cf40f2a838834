"""One parsed text, seen through its language's query: the nodes the rules ask about, in order, each with what holds it.

The queries in `queries/` give each node a role (`branch`, `loop`, `catch`, ...), so that the rules need not know the
grammars. One pass in tree-sitter, one over what it found, no recursion; broken code gives fewer items. Start at
`Scan.of`; `queries/README.md` lists the roles.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from indexing.syntax import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import tree_sitter

    from indexing.syntax.documents import Document
    from indexing.syntax.grammars import Grammar
    from indexing.syntax.languages import Trait
    from indexing.syntax.syntax import Syntax

Result = TypeVar("Result")

QUERIES = Path(__file__).with_name("queries")
_queries: dict[str, tree_sitter.Query | None] = {}
_lock = threading.Lock()


class Item:
    """One node with a role. A plain class: there are thousands in a text."""

    __slots__ = ("end", "node", "parent", "role", "start")

    def __init__(self, role: str, node: tree_sitter.Node, parent: Item | None) -> None:
        self.role = role
        self.node = node
        self.parent = parent
        self.start = node.start_byte
        self.end = node.end_byte

    def ancestors(self) -> Iterator[Item]:
        """What holds it, innermost first."""
        around = self.parent
        while around is not None:
            yield around
            around = around.parent

    @property
    def function(self) -> Item | None:
        """The innermost function that holds it."""
        return next((each for each in self.ancestors() if each.role == "function"), None)


@dataclass(frozen=True)
class Scan:
    """A text with its items."""

    document: Document
    grammar: Grammar
    data: bytes
    root: tree_sitter.Node
    items: dict[str, list[Item]]

    @classmethod
    def of(cls, document: Document, syntax: Syntax) -> Scan | None:
        """The items of `document`; None where it was not parsed or its language has no query."""
        parsed = syntax.parsed
        query = _query(parsed.grammar) if parsed is not None else None
        if parsed is None or query is None:
            return None
        root = parsed.tree.root_node
        return cls(document, parsed.grammar, parsed.data, root, _items(root, query))

    @property
    def language(self) -> str:
        """Our name of the language."""
        return self.grammar.entry.name

    def has(self, trait: Trait) -> bool:
        """Return whether `trait` holds for the language."""
        return trait in self.grammar.entry.traits

    @cached_property
    def broken(self) -> bool:
        """Whether some of the text does not parse."""
        return self.root.has_error

    @cached_property
    def lines(self) -> texts.ByteLines:
        """For going from bytes to code points."""
        return texts.ByteLines(self.document.text, self.data)

    def once(self, compute: Callable[[Scan], Result]) -> Result:
        """Return what `compute` says of this text; computed when it is first asked for, several rules ask."""
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        return cast("Result", self._computed[compute])

    @cached_property
    def _computed(self) -> dict[Callable[[Scan], object], object]:
        return {}

    def of_role(self, role: str) -> list[Item]:
        """All items of a role, in order of appearance."""
        return self.items.get(role, [])

    def text(self, node: tree_sitter.Node) -> str:
        """What is written there."""
        return self.data[node.start_byte : node.end_byte].decode(errors="replace")

    def bytes(self, node: tree_sitter.Node) -> bytes:
        """What is written there, undecoded."""
        return self.data[node.start_byte : node.end_byte]

    def has_comment(self, node: tree_sitter.Node) -> bool:
        """Return whether a comment stands inside of `node`."""
        return any(node.start_byte <= each.start < node.end_byte for each in self.of_role("comment"))

    def is_comment(self, node: tree_sitter.Node) -> bool:
        """Whether the node is a comment."""
        return node.type in self.grammar.entry.comments

    def trusted(self, item: Item) -> bool:
        """Return whether the syntax around `item` can be relied on: its function or its statement parses as a whole."""
        if not self.broken:
            return True
        function = item if item.role == "function" else item.function
        if function is not None:
            return not function.node.has_error
        node = item.node
        while (
            node.parent is not None and node.parent.type not in self.grammar.entry.blocks and node.parent != self.root
        ):
            node = node.parent
        if node.has_error or any(each is not None and each.is_error for each in (node, *_neighbours(node))):
            return False
        around = node.parent
        while around is not None and not around.is_error:
            around = around.parent
        return around is None


def _neighbours(node: tree_sitter.Node) -> tuple[tree_sitter.Node | None, tree_sitter.Node | None]:
    return node.prev_sibling, node.next_sibling


def _items(root: tree_sitter.Node, query: tree_sitter.Query) -> dict[str, list[Item]]:
    import tree_sitter  # noqa: PLC0415  # loaded long ago: there is a tree

    found = [
        (node.start_byte, -node.end_byte, role, node)
        for role, nodes in tree_sitter.QueryCursor(query).captures(root).items()
        if role[0] != "_"
        for node in nodes
    ]
    found.sort(key=_by_place)
    chained = {(start, end) for start, end, role, _ in found if role == "chained"}
    items: dict[str, list[Item]] = {}
    around: Item | None = None
    for start, end, role, node in found:
        if role == "branch" and (start, end) in chained:
            continue
        while around is not None and around.end <= start:
            around = around.parent
        around = Item(role, node, around)
        items.setdefault(role, []).append(around)
    return items


def _by_place(found: tuple[int, int, str, tree_sitter.Node]) -> tuple[int, int]:
    return found[:2]


def _query(grammar: Grammar) -> tree_sitter.Query | None:
    name = grammar.entry.name
    if name not in _queries:
        with _lock:
            if name not in _queries:
                _queries[name] = _compiled(grammar)
    return _queries[name]


def _compiled(grammar: Grammar) -> tree_sitter.Query | None:
    """The language's query; None when it has none or it does not fit this version of the grammar."""
    import tree_sitter  # noqa: PLC0415  # see above

    names = (*grammar.entry.extends, grammar.entry.query or grammar.entry.name)
    paths = [QUERIES / f"{name}.scm" for name in names]
    if not all(path.is_file() for path in paths):
        return None
    try:
        return tree_sitter.Query(grammar.language, "\n".join(path.read_text(encoding="utf-8") for path in paths))
    except (tree_sitter.QueryError, OSError):
        return None
