"""The rule about swapped positional arguments, which are recognised by the names of the parameters."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import ByteEdit, ByteFix, Hit, Rule
from indexing.resolution.signatures import open_signatures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan
    from indexing.resolution.records import Parameter
    from indexing.resolution.signatures import Signatures

_LEAST_NAME = 2  # characters; names of one letter, such as those of coordinates, are exchanged on purpose
_RESOLUTION_S = 2.0  # after that, no more files are read to find signatures
# Functions that exchange their arguments on purpose.
_ON_PURPOSE = re.compile(
    r"swap|revers|invert|inverse|flip|mirror|rotat|transpos|exchang|reflect|__r\w+__", re.IGNORECASE
)
_CONDITIONS = ("branch", "ternary", "loop", "elif")
_POSITIONAL = ("positional", "any")


def find_exchanged_arguments(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report the first two positional arguments of a call that have the names of each other's parameter.

    Skips names of one letter, calls with meanings whose signatures disagree, and code that seems to exchange them on
    purpose: by a name, by a condition about both, or by assigning each to the other.
    """
    function, arguments = item.node.child_by_field_name("function"), item.node.child_by_field_name("arguments")
    if function is None or arguments is None:
        return
    given = _list_positional(arguments)
    candidates = [
        (one, other)
        for place, one in enumerate(given)
        for other in given[place + 1 :]
        if _has_exchangeable_names(scan, one, other)
    ]
    if not candidates or _ON_PURPOSE.search(scan.read_text(function)):
        return
    signatures = scan.compute_once(_open_signatures)
    if signatures is None:
        return
    offset = scan.lines.to_code_point(item.node.start_byte)
    found = signatures.find_parameters(scan.read_text(function), offset)
    for one, other in candidates:
        first, second = _read_name(scan, one), _read_name(scan, other)
        places = given.index(one), given.index(other)
        if found and all(_takes(each, places, (second, first)) for each in found):
            if not _is_on_purpose(scan, item, scan.read_text(one), scan.read_text(other)):
                yield _make_hit(scan, one, other, scan.read_text(function))
            return


def _list_positional(arguments: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the positional arguments before the first one that is unpacked."""
    given = []
    for each in arguments.named_children:
        if each.type in {"list_splat", "dictionary_splat"}:
            break
        if each.type not in {"keyword_argument", "comment"}:
            given.append(each)
    return given


def _has_exchangeable_names(scan: Scan, one: tree_sitter.Node, other: tree_sitter.Node) -> bool:
    """Return whether two arguments are different names, or different attributes of the same object."""
    if one.type != other.type or one.type not in {"identifier", "attribute"}:
        return False
    if one.type == "attribute":
        holders = [each.child_by_field_name("object") for each in (one, other)]
        if None in holders or len({scan.read_text(each) for each in holders if each is not None}) != 1:
            return False
    first, second = _read_name(scan, one), _read_name(scan, other)
    return first != second and min(len(first), len(second)) >= _LEAST_NAME


def _read_name(scan: Scan, argument: tree_sitter.Node) -> str:
    """Return the name that an argument ends with."""
    return scan.read_text(argument).rpartition(".")[2].strip()


def _takes(parameters: Sequence[Parameter], places: tuple[int, int], names: tuple[str, str]) -> bool:
    """Return whether the positional parameters at `places` have the names `names`."""
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    return all(
        place < len(positional) and positional[place].name == name for place, name in zip(places, names, strict=True)
    )


def _is_on_purpose(scan: Scan, item: Item, one: str, other: str) -> bool:
    """Return whether the code around a call seems to exchange its arguments `one` and `other` on purpose."""
    for around in item.walk_ancestors():
        if around.role == "function":
            name = around.node.child_by_field_name("name")
            body = scan.read_text(around.node)
            return (name is not None and _ON_PURPOSE.search(scan.read_text(name)) is not None) or any(
                re.search(
                    rf"(?<![\w.]){re.escape(a)}\s*,\s*{re.escape(b)}\s*=\s*{re.escape(b)}\s*,\s*{re.escape(a)}", body
                )
                for a, b in ((one, other), (other, one))
            )
        if around.role in _CONDITIONS:
            condition = around.node.child_by_field_name("condition")
            text = scan.read_text(condition if condition is not None else around.node)
            if all(re.search(rf"(?<![\w.]){re.escape(each)}(?!\w)", text) for each in (one, other)) and (
                condition is not None or around.role != "ternary" or text.count(one) > 1
            ):
                return True
    return False


def _make_hit(scan: Scan, one: tree_sitter.Node, other: tree_sitter.Node, callee: str) -> Hit:
    """Return the hit for two exchanged arguments, with the fix that exchanges them."""
    first, second = scan.read_text(one), scan.read_text(other)
    edits = ByteEdit(one.start_byte, one.end_byte, second), ByteEdit(other.start_byte, other.end_byte, first)
    return Hit(
        one.start_byte,
        other.end_byte,
        f"`{first}` and `{second}` are swapped: `{callee}` takes `{_read_name(scan, other)}` before "
        f"`{_read_name(scan, one)}`.",
        ByteFix(f"Exchange `{first}` and `{second}`", edits, safe=True),
    )


def _open_signatures(scan: Scan) -> Signatures | None:
    """Return the signatures that the calls of the scanned document mean; None if its names are not resolved."""
    return open_signatures(scan.document, scan.open_names, deadline=time.monotonic() + _RESOLUTION_S)


RULES = (Rule("argument-order", Severity.WARNING, ("passing",), find_exchanged_arguments),)
