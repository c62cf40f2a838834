"""A parsed text with the syntax nodes that the rules ask about, each with its role and the items around it.

The tree-sitter queries in `queries/` give each node a role (`branch`, `loop`, `catch`, ...), so that rules are the same
for all grammars; `queries/README.md` lists them. Broken code gives fewer items. Never recurses. Start at `Scan.of`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from indexing.resolution.signatures import open_alone
from indexing.syntax import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import tree_sitter

    from indexing.resolution.signatures import NameOpener
    from indexing.syntax.documents import Document
    from indexing.syntax.grammars import Grammar
    from indexing.syntax.languages import Trait
    from indexing.syntax.syntax import Syntax

Result = TypeVar("Result")

QUERIES = Path(__file__).with_name("queries")
_queries: dict[str, tree_sitter.Query | None] = {}
_lock = threading.Lock()


class Item:
    """A syntax node with a role. A plain class with slots, because a text has thousands of them."""

    __slots__ = ("end", "node", "parent", "role", "start")

    def __init__(self, role: str, node: tree_sitter.Node, parent: Item | None) -> None:
        self.role = role
        self.node = node
        self.parent = parent
        self.start = node.start_byte
        self.end = node.end_byte

    def walk_ancestors(self) -> Iterator[Item]:
        """Yield the items that contain this one, innermost first."""
        around = self.parent
        while around is not None:
            yield around
            around = around.parent

    @property
    def function(self) -> Item | None:
        """The innermost function around this item; None outside of functions."""
        return next((each for each in self.walk_ancestors() if each.role == "function"), None)


@dataclass(frozen=True)
class Scan:
    """A parsed text with its items, by role."""

    document: Document
    grammar: Grammar
    data: bytes
    root: tree_sitter.Node
    items: dict[str, list[Item]]
    open_names: NameOpener = open_alone

    @classmethod
    def of(cls, document: Document, syntax: Syntax, open_names: NameOpener = open_alone) -> Scan | None:
        """Return the scan of `document`, with the items that its language's query captures.

        `open_names` resolves its names; by default, only those that the document itself defines. Returns None if the
        text was not parsed or its language has no query.
        """
        parsed = syntax.parsed
        query = _load_query(parsed.grammar) if parsed is not None else None
        if parsed is None or query is None:
            return None
        root = parsed.tree.root_node
        return cls(document, parsed.grammar, parsed.data, root, _collect_items(root, query), open_names)

    @property
    def language(self) -> str:
        """Starling's name of the language."""
        return self.grammar.entry.name

    def has_trait(self, trait: Trait) -> bool:
        """Return whether `trait` holds for the language."""
        return trait in self.grammar.entry.traits

    @cached_property
    def has_errors(self) -> bool:
        """Whether part of the text does not parse."""
        return self.root.has_error

    @cached_property
    def lines(self) -> texts.ByteLines:
        """Conversion of byte offsets into code points."""
        return texts.ByteLines(self.document.text, self.data)

    def compute_once(self, compute: Callable[[Scan], Result]) -> Result:
        """Return `compute(self)`; the first call computes the value, later calls reuse it."""
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        return cast("Result", self._computed[compute])

    @cached_property
    def _computed(self) -> dict[Callable[[Scan], object], object]:
        """The values of `compute_once`, by function."""
        return {}

    def get_items(self, role: str) -> list[Item]:
        """Return all items with `role`, in order of appearance."""
        return self.items.get(role, [])

    def read_text(self, node: tree_sitter.Node) -> str:
        """Return the source text of `node`."""
        return self.data[node.start_byte : node.end_byte].decode(errors="replace")

    def read_bytes(self, node: tree_sitter.Node) -> bytes:
        """Return the source bytes of `node`."""
        return self.data[node.start_byte : node.end_byte]

    def has_comment(self, node: tree_sitter.Node) -> bool:
        """Return whether a comment begins inside `node`."""
        return any(node.start_byte <= each.start < node.end_byte for each in self.get_items("comment"))

    def is_comment(self, node: tree_sitter.Node) -> bool:
        """Return whether `node` is a comment."""
        return node.type in self.grammar.entry.comments

    def is_reliable(self, item: Item) -> bool:
        """Return whether the syntax around `item` can be relied on.

        In a broken text this is so if the function around the item (outside of functions: its statement) parses.
        """
        if not self.has_errors:
            return True
        function = item if item.role == "function" else item.function
        if function is not None:
            return not function.node.has_error
        node = item.node
        while (
            node.parent is not None and node.parent.type not in self.grammar.entry.blocks and node.parent != self.root
        ):
            node = node.parent
        nearby = (node, node.prev_sibling, node.next_sibling)
        if node.has_error or any(each is not None and each.is_error for each in nearby):
            return False
        around = node.parent
        while around is not None and not around.is_error:
            around = around.parent
        return around is None


def _collect_items(root: tree_sitter.Node, query: tree_sitter.Query) -> dict[str, list[Item]]:
    """Return the nodes that `query` captures below `root`, by role, each linked to the item around it."""
    import tree_sitter  # noqa: PLC0415  # already loaded, because there is a tree

    captured = [
        (node.start_byte, -node.end_byte, role, node)
        for role, nodes in tree_sitter.QueryCursor(query).captures(root).items()
        if role[0] != "_"
        for node in nodes
    ]
    captured.sort(key=_get_sort_key)
    chained = {(start, end) for start, end, role, _ in captured if role == "chained"}
    items: dict[str, list[Item]] = {}
    around: Item | None = None
    for start, end, role, node in captured:
        if role == "branch" and (start, end) in chained:
            continue
        while around is not None and around.end <= start:
            around = around.parent
        around = Item(role, node, around)
        items.setdefault(role, []).append(around)
    return items


def _get_sort_key(captured: tuple[int, int, str, tree_sitter.Node]) -> tuple[int, int]:
    """Return a key that sorts by start, and the longest first at the same start."""
    return captured[:2]


def _load_query(grammar: Grammar) -> tree_sitter.Query | None:
    """Return the language's compiled query from a cache; None if there is none."""
    name = grammar.entry.name
    if name not in _queries:
        with _lock:
            if name not in _queries:
                _queries[name] = _compile_query(grammar)
    return _queries[name]


def _compile_query(grammar: Grammar) -> tree_sitter.Query | None:
    """Compile the language's query; return None if it has none, or if it does not fit the installed grammar."""
    import tree_sitter  # noqa: PLC0415  # see above

    names = (*grammar.entry.extends, grammar.entry.query or grammar.entry.name)
    paths = [QUERIES / f"{name}.scm" for name in names]
    if not all(path.is_file() for path in paths):
        return None
    try:
        return tree_sitter.Query(grammar.language, "\n".join(path.read_text(encoding="utf-8") for path in paths))
    except (tree_sitter.QueryError, OSError):
        return None
