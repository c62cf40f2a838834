"""The order in which the readers of tables take the nodes that a query has captured. Start at `order_captures`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import tree_sitter


def order_captures(
    captures: Mapping[str, Sequence[tree_sitter.Node]], wanted: Collection[str]
) -> Iterator[tuple[str, tree_sitter.Node]]:
    """Yield the nodes of the captures in `wanted` with their names: by where they begin, outer nodes before inner ones.

    A node that several captures have comes once for each, in the order of `captures`.
    """
    nodes = [
        (node.start_byte, -node.end_byte, number, name, node)
        for number, (name, found) in enumerate(captures.items())
        if name in wanted
        for node in found
    ]
    for _, _, _, name, node in sorted(nodes, key=lambda item: item[:3]):
        yield name, node
