"""Rules about literals: duplicate keys, strings without a comma between them, shared mutable defaults."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import ByteEdit, ByteFix, Hit, Rule, make_hit
from agents.reviewer.scanning import nodes, testing_code
from indexing.syntax.languages import Kind, Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_PLAIN_KEYS = {
    *(
        "string",
        "integer",
        "number",
        "property_identifier",
        "simple_symbol",
        "hash_key_symbol",
        "true",
        "false",
        "none",
    ),
    *("interpreted_string_literal", "int_literal", "literal_element", "string_literal", "flow_node", "plain_scalar"),
    *("bare_key", "quoted_key", "dotted_key", "identifier", "encapsed_string", "double_quote_scalar"),
}
_INTERPOLATION_KINDS = {"interpolation", "template_substitution", "simple_expansion"}
_MUTABLE_TYPES = {"list", "dict", "set", "defaultdict", "OrderedDict", "Counter", "deque", "bytearray"}
_BUILTIN_TYPES = {"list", "dict", "set", "bytearray"}
_MUTATION = re.compile(
    r"(?:\.(?:append|add|extend|insert|update|setdefault|pop|popitem|remove|discard|clear|sort|reverse|appendleft)\s*\("
    r"|\[[^\]\n]*\]\s*[-+*/|&]?=(?!=))"
)
_MOST_PAIRS = 5000
_TEMPLATE_MARKS = re.compile(rb"\{\{|\{%|<%")
_REPEATABLE_KEYS = {b"<<", b"//", b"#", b"_comment", b"$comment", b"comment"}  # YAML's merge key; comments in JSON
_CACHE_NAMES = re.compile(r"^_|cache|memo", re.IGNORECASE)
_READ_ONLY_TYPES = re.compile(
    r"\b(?:Mapping|Sequence|Iterable|Collection|Iterator|AbstractSet|Container|tuple|frozenset)\b"
)


def find_duplicate_key(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a key that occurs earlier in the same literal, so that its earlier value is lost.

    Skips templates, destructuring patterns, computed keys, keys that serve as comments, and data for tests of parsers.
    """
    if _is_pattern(item.node) or (scan.has_trait(Trait.TEMPLATED) and _is_template(scan)):
        return
    in_test = scan.grammar.entry.kind is Kind.DATA and testing_code.is_test(scan, item)
    if in_test and scan.has_trait(Trait.SETTLED):
        return  # it tests a JSON parser
    seen: dict[bytes, tree_sitter.Node] = {}
    for key in _find_keys(item.node):
        if key.type.startswith("spread"):
            seen.clear()  # keys before the spread are defaults
        if key.type not in _PLAIN_KEYS or any(child.type in _INTERPOLATION_KINDS for child in key.named_children):
            continue
        text = _normalise_key(scan, key)
        if text.strip(b"\"'") in _REPEATABLE_KEYS:
            continue
        if text in seen:
            yield _make_duplicate_hit(scan, key, seen[text], in_test=in_test)
        seen[text] = key


def _make_duplicate_hit(scan: Scan, key: tree_sitter.Node, earlier: tree_sitter.Node, *, in_test: bool) -> Hit:
    """Return the hit on `key`, which repeats `earlier`; less severe in tests, and if both have the same value."""
    fact = f"The key {_quote_key(scan, key)} occurs in line {earlier.start_point[0] + 1} already"
    if _get_value(scan, key) == _get_value(scan, earlier):
        return make_hit(key, f"{fact}, with the same value. Delete one of the two.", severity=Severity.HINT)
    lost = f"{fact}. The last value is used, and the other one is lost. Rename or delete one of them."
    return make_hit(key, lost, severity=Severity.HINT if in_test else None)


def _get_value(scan: Scan, key: tree_sitter.Node) -> bytes:
    """Return the text of the value after `key` in its pair, without comments and with single spaces."""
    pair = key
    while pair.parent is not None and pair.parent.start_byte == pair.start_byte and pair.parent.named_child_count < 2:
        pair = pair.parent
    pair = pair.parent or pair
    text = scan.data[key.end_byte : pair.end_byte]
    return b" ".join(re.sub(rb"[ \t](?:#|//)[^\n]*", b"", text).split()).rstrip(b",; ")


def find_missing_comma(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report two strings without a comma between them, in a list that otherwise has one string in each element.

    Skips lists with a space in a string: sentences are split over lines on purpose.
    """
    parts = item.node.named_children
    elements = [child for child in parts if not scan.is_comment(child)]
    joined = [child for child in elements if child.type == "concatenated_string"]
    if (
        len(elements) < 3
        or len(joined) != 1
        or not all(child.type in {"string", "concatenated_string"} for child in elements)
    ):
        return
    strings = [child for child in joined[0].named_children if child.type == "string"]
    if len(strings) != 2 or strings[0].end_point[0] == strings[1].start_point[0]:
        return
    one, other = (scan.read_text(string) for string in strings)
    if (
        strings[0].start_point[1] != strings[1].start_point[1]
        or not one[-2:-1].isalnum()
        or not other.strip("\"'")[:1].isalnum()
    ):
        return
    if any(" " in scan.read_text(child) for child in (*strings, *elements) if child.type == "string"):
        return  # sentences are split over lines on purpose
    yield Hit(
        strings[0].start_byte,
        strings[1].end_byte,
        "These two strings have no comma between them, so they are one element, although each other line is a separate "
        "element. Add the comma.",
        ByteFix("Add a comma between them", (ByteEdit(strings[0].end_byte, strings[0].end_byte, ","),)),
    )


def find_mutable_default(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a mutable default that all calls share; a hint if the function does not change, store or return it.

    Skips unused parameters, and those that are named as caches or annotated as read-only.
    """
    value, function = item.node, item.function
    parameter = value.parent
    if value.type == "call" and not _creates_builtin(scan, value):
        return
    name = parameter.child_by_field_name("name") if parameter is not None else None
    body = function.node.child_by_field_name("body") if function is not None else None
    if parameter is None or name is None or body is None or nodes.does_nothing(scan, body):
        return
    word, kind = scan.read_text(name), parameter.child_by_field_name("type")
    if _CACHE_NAMES.search(word) or (kind is not None and _READ_ONLY_TYPES.search(scan.read_text(kind))):
        return  # shared on purpose, or declared as immutable
    if re.search(rf"\b{re.escape(word)}\b", scan.read_text(body)) is None:
        return  # never used
    changed = _changes_or_returns(word, scan.read_text(body))
    yield make_hit(
        value,
        f"This default is created once and shared by all calls, so what one call changes in `{word}` is there in the "
        + ("next. This function changes it or passes it on." if changed else "next. No change was found here."),
        _make_fix(scan, value, word, body) if kind is None else None,
        Severity.WARNING if changed else Severity.HINT,
    )


def _creates_builtin(scan: Scan, call: tree_sitter.Node) -> bool:
    """Return whether `call` creates a mutable collection of Python's; a `Counter` may be another library's."""
    called = call.child_by_field_name("function")
    name = scan.read_text(called).rpartition(".")[2] if called is not None else ""
    return name in _MUTABLE_TYPES and (name in _BUILTIN_TYPES or b"collections" in scan.data)


def _changes_or_returns(name: str, body: str) -> bool:
    """Return whether `body` changes the value of `name`, stores it in an attribute, or returns or yields it.

    Ignores the code after the first rebinding of the name.
    """
    bound = re.search(rf"^[ \t]*{re.escape(name)}\s*(?::[^=\n]+)?=(?!=)", body, re.MULTILINE)
    shared = body[: bound.start()] if bound is not None else body
    for match in re.finditer(rf"(?<![\w.]){re.escape(name)}\b", shared):
        if _MUTATION.match(shared, match.end()):
            return True
        before = shared[max(0, match.start() - 40) : match.start()].rpartition("\n")[2].rstrip()
        after = shared[match.end() : match.end() + 4].lstrip(" ")
        bare = not after or after[0] in "\r\n;#"
        if bare and (before.endswith(("return", "yield")) or re.search(r"\.\w+\s*=$", before)):
            return True
        if re.match(r"\s*(\+=|\|=)", shared[match.end() : match.end() + 4]) and not before:
            return True
    return False


def _make_fix(scan: Scan, value: tree_sitter.Node, name: str, body: tree_sitter.Node) -> ByteFix | None:
    """Return a fix that makes the default `None` and creates the value in the body; None if the layout prevents it."""
    statements = [child for child in body.named_children if not scan.is_comment(child)]
    first = statements[0] if statements else None
    if first is not None and first.type == "expression_statement":
        inner = nodes.get_first_child(first)
        if inner is not None and inner.type == "string":
            first = statements[1] if len(statements) > 1 else None
    if first is None or body.start_point[0] == value.start_point[0]:
        return None
    start = first.start_byte - first.start_point[1]
    indent = scan.data[start : first.start_byte].decode()
    ending = "\r\n" if b"\r\n" in scan.data[: first.start_byte] else "\n"
    if indent.strip():
        return None
    lines = (
        f"{indent}if {name} is None:{ending}{indent}{_get_indent_step(indent)}{name} = {scan.read_text(value)}{ending}"
    )
    return ByteFix(
        "Create a new value in each call",
        (ByteEdit(value.start_byte, value.end_byte, "None"), ByteEdit(start, start, lines)),
    )


def _get_indent_step(indent: str) -> str:
    """Return one more level of indentation, in the characters of `indent`."""
    return "\t" if indent.startswith("\t") else "    "


def _find_keys(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the keys of a literal, and the spreads between them, for at most `_MOST_PAIRS` pairs."""
    for pair in node.named_children[:_MOST_PAIRS]:
        key = pair.child_by_field_name("key") or (pair.child_by_field_name("name") if pair.type == "field" else None)
        if key is None and pair.type in {"pair", "array_element_initializer"} and pair.named_child_count == 2:
            key = pair.named_child(0)
        while key is not None and key.type in {"literal_element", "flow_node"} and key.named_child_count == 1:
            key = key.named_child(0)
        if key is not None:
            yield key
        elif "spread" in pair.type or "splat" in pair.type or "variadic" in pair.type:
            yield pair


def _is_template(scan: Scan) -> bool:
    """Return whether the YAML is a template, or a file whose keys may repeat (Cirrus CI)."""
    path = scan.document.path
    return _TEMPLATE_MARKS.search(scan.data) is not None or (path is not None and path.name == ".cirrus.yml")


def _is_pattern(node: tree_sitter.Node) -> bool:
    """Return whether the literal is a destructuring pattern: `['a' => $x] = $row`."""
    around = node.parent
    return (
        around is not None and around.type == "assignment_expression" and around.child_by_field_name("left") == node
    ) or (around is not None and around.type == "foreach_statement")


def _normalise_key(scan: Scan, key: tree_sitter.Node) -> bytes:
    """Return the text of a key for comparison; equal strings have equal texts, whichever quotes they have."""
    text = scan.read_bytes(key)
    if key.type in {"property_identifier", "bare_key", "plain_scalar", "hash_key_symbol"}:
        return text
    if scan.has_trait(Trait.SYMBOL_KEYS) and key.next_sibling is not None and key.next_sibling.type == ":":
        return text[1:-1]  # the key of `"a": 1` is a symbol
    if text[:1] in b"\"'" and text[-1:] == text[:1] and b"\\" not in text:
        return b"'" + text[1:-1] if scan.has_trait(Trait.KEYS_ARE_EXPRESSIONS) else text[1:-1]
    return text


def _quote_key(scan: Scan, key: tree_sitter.Node) -> str:
    """Return the source text of `key` in backquotes, at most 40 characters."""
    text = scan.read_text(key)
    return f"`{text}`" if len(text) <= 40 else f"`{text[:37]}...`"


RULES = (
    Rule(
        "duplicate-key", Severity.WARNING, ("map",), find_duplicate_key, equivalents=("F601", "no-dupe-keys", "W0109")
    ),
    Rule("missing-comma", Severity.WARNING, ("strings",), find_missing_comma, equivalents=("ISC004",)),
    Rule("mutable-default", Severity.WARNING, ("default",), find_mutable_default, equivalents=("B006", "W0102")),
)
