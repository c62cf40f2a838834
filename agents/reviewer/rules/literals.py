"""Rules about literals: keys that stand twice, strings that run together, defaults that are shared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Mend, Replacement, Rule, at
from agents.reviewer.scanning import nodes, sameness
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
_INTERPOLATES = {"interpolation", "template_substitution", "simple_expansion"}
_NEW = {"list", "dict", "set", "defaultdict", "OrderedDict", "Counter", "deque", "bytearray"}
_BUILTIN = {"list", "dict", "set", "bytearray"}
_MUTATES = re.compile(
    r"(?:\.(?:append|add|extend|insert|update|setdefault|pop|popitem|remove|discard|clear|sort|reverse|appendleft)\s*\("
    r"|\[[^\]\n]*\]\s*[-+*/|&]?=(?!=))"
)
_MOST_PAIRS = 5000
_TEMPLATE = re.compile(rb"\{\{|\{%|<%")
_REPEATED_ON_PURPOSE = {b"<<", b"//", b"#", b"_comment", b"$comment", b"comment"}  # YAML merges; JSON has no comments
_MEMORY = re.compile(r"^_|cache|memo", re.IGNORECASE)
_READ_ONLY = re.compile(r"\b(?:Mapping|Sequence|Iterable|Collection|Iterator|AbstractSet|Container|tuple|frozenset)\b")


def duplicate_key(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """The same key twice in one literal: the later value wins without a word."""
    if _is_pattern(item.node) or (scan.has(Trait.TEMPLATED) and _is_template(scan)):
        return
    in_test = scan.grammar.entry.kind is Kind.DATA and sameness.is_test(scan, item)
    if in_test and scan.has(Trait.SETTLED):
        return  # it is given to a parser, to see what that does
    seen: dict[bytes, tree_sitter.Node] = {}
    for key in _keys(item.node):
        if key.type.startswith("spread"):
            seen.clear()  # what stood before is a default for what is spread
        if key.type not in _PLAIN_KEYS or any(child.type in _INTERPOLATES for child in key.named_children):
            continue
        text = _key_text(scan, key)
        if text.strip(b"\"'") in _REPEATED_ON_PURPOSE:
            continue
        if text in seen:
            yield _twice(scan, key, seen[text], in_test=in_test)
        seen[text] = key


def _twice(scan: Scan, key: tree_sitter.Node, earlier: tree_sitter.Node, *, in_test: bool) -> Hit:
    """Say what becomes of a key's two values; equal ones lose nothing."""
    said = f"The key {_shown(scan, key)} is given in line {earlier.start_point[0] + 1} already"
    if _value(scan, key) == _value(scan, earlier):
        return at(key, f"{said}, with the same value; one of the two can go.", severity=Severity.HINT)
    lost = f"{said}; only the last value stays, and nobody is told that the other one is lost."
    return at(key, lost, severity=Severity.HINT if in_test else None)


def _value(scan: Scan, key: tree_sitter.Node) -> bytes:
    """Return what stands behind `key` in its pair."""
    pair = key
    while pair.parent is not None and pair.parent.start_byte == pair.start_byte and pair.parent.named_child_count < 2:
        pair = pair.parent
    pair = pair.parent or pair
    text = scan.data[key.end_byte : pair.end_byte]
    return b" ".join(re.sub(rb"[ \t](?:#|//)[^\n]*", b"", text).split()).rstrip(b",; ")


def missing_comma(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Two strings run together in a list of strings, one a line."""
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
    one, other = (scan.text(string) for string in strings)
    if (
        strings[0].start_point[1] != strings[1].start_point[1]
        or not one[-2:-1].isalnum()
        or not other.strip("\"'")[:1].isalnum()
    ):
        return
    if any(" " in scan.text(child) for child in (*strings, *elements) if child.type == "string"):
        return  # sentences are broken over lines on purpose
    yield Hit(
        strings[0].start_byte,
        strings[1].end_byte,
        "There is no comma between these two strings, so they are one element of the list; each line around them is "
        "an element of its own.",
        Mend("Put a comma between them", (Replacement(strings[0].end_byte, strings[0].end_byte, ","),)),
    )


def mutable_default(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield a default that all calls share, in a function that changes it or hands it on."""
    value, function = item.node, item.function
    parameter = value.parent
    if value.type == "call" and not _makes_builtin(scan, value):
        return
    name = parameter.child_by_field_name("name") if parameter is not None else None
    body = function.node.child_by_field_name("body") if function is not None else None
    if parameter is None or name is None or body is None or nodes.does_nothing(scan, body):
        return
    word, kind = scan.text(name), parameter.child_by_field_name("type")
    if _MEMORY.search(word) or (kind is not None and _READ_ONLY.search(scan.text(kind))):
        return  # shared on purpose, or nothing that can be changed
    if re.search(rf"\b{re.escape(word)}\b", scan.text(body)) is None:
        return  # never looked at
    changed = _changes(word, scan.text(body))
    yield at(
        value,
        f"This default is made once and shared by all calls: what one call does to `{word}` is there in the next one"
        + (". This function changes it or hands it on." if changed else ", once somebody changes it."),
        _fresh(scan, value, word, body) if kind is None else None,
        Severity.WARNING if changed else Severity.HINT,
    )


def _makes_builtin(scan: Scan, call: tree_sitter.Node) -> bool:
    """Return whether a call makes a list, set or dict; a `Counter` may be another library's."""
    called = call.child_by_field_name("function")
    name = scan.text(called).rpartition(".")[2] if called is not None else ""
    return name in _NEW and (name in _BUILTIN or b"collections" in scan.data)


def _changes(name: str, body: str) -> bool:
    """Return whether the value by this name is changed, kept or returned, before the name means another one."""
    bound = re.search(rf"^[ \t]*{re.escape(name)}\s*(?::[^=\n]+)?=(?!=)", body, re.MULTILINE)
    shared = body[: bound.start()] if bound is not None else body
    for match in re.finditer(rf"(?<![\w.]){re.escape(name)}\b", shared):
        if _MUTATES.match(shared, match.end()):
            return True
        before = shared[max(0, match.start() - 40) : match.start()].rpartition("\n")[2].rstrip()
        after = shared[match.end() : match.end() + 4].lstrip(" ")
        bare = not after or after[0] in "\r\n;#"
        if bare and (before.endswith(("return", "yield")) or re.search(r"\.\w+\s*=$", before)):
            return True
        if re.match(r"\s*(\+=|\|=)", shared[match.end() : match.end() + 4]) and not before:
            return True
    return False


def _fresh(scan: Scan, value: tree_sitter.Node, name: str, body: tree_sitter.Node) -> Mend | None:
    """`None` as the default, and a fresh value at the start of the body."""
    statements = [child for child in body.named_children if not scan.is_comment(child)]
    first = statements[0] if statements else None
    if first is not None and first.type == "expression_statement":
        inner = nodes.first(first)
        if inner is not None and inner.type == "string":
            first = statements[1] if len(statements) > 1 else None
    if first is None or body.start_point[0] == value.start_point[0]:
        return None
    start = first.start_byte - first.start_point[1]
    indent = scan.data[start : first.start_byte].decode()
    ending = "\r\n" if b"\r\n" in scan.data[: first.start_byte] else "\n"
    if indent.strip():
        return None
    lines = f"{indent}if {name} is None:{ending}{indent}{_step(indent)}{name} = {scan.text(value)}{ending}"
    return Mend(
        "Make a fresh value in each call",
        (Replacement(value.start_byte, value.end_byte, "None"), Replacement(start, start, lines)),
    )


def _step(indent: str) -> str:
    return "\t" if indent.startswith("\t") else "    "


def _keys(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
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
    """Return whether a program makes YAML of the text first, or reads keys that are given twice (Cirrus)."""
    path = scan.document.path
    return _TEMPLATE.search(scan.data) is not None or (path is not None and path.name == ".cirrus.yml")


def _is_pattern(node: tree_sitter.Node) -> bool:
    """Return whether the literal takes a value apart: `['a' => $x] = $row`."""
    around = node.parent
    return (
        around is not None and around.type == "assignment_expression" and around.child_by_field_name("left") == node
    ) or (around is not None and around.type == "foreach_statement")


def _key_text(scan: Scan, key: tree_sitter.Node) -> bytes:
    """A key as it is compared: a string by what it holds, whatever its quotes."""
    text = scan.bytes(key)
    if key.type in {"property_identifier", "bare_key", "plain_scalar", "hash_key_symbol"}:
        return text
    if scan.has(Trait.SYMBOL_KEYS) and key.next_sibling is not None and key.next_sibling.type == ":":
        return text[1:-1]  # `"a": 1` has a symbol for its key
    if text[:1] in b"\"'" and text[-1:] == text[:1] and b"\\" not in text:
        return b"'" + text[1:-1] if scan.has(Trait.KEYS_ARE_EXPRESSIONS) else text[1:-1]
    return text


def _shown(scan: Scan, key: tree_sitter.Node) -> str:
    text = scan.text(key)
    return f"`{text}`" if len(text) <= 40 else f"`{text[:37]}...`"


RULES = (
    Rule("duplicate-key", Severity.WARNING, ("map",), duplicate_key, equals=("F601", "no-dupe-keys", "W0109")),
    Rule("missing-comma", Severity.WARNING, ("strings",), missing_comma, equals=("ISC004",)),
    Rule("mutable-default", Severity.WARNING, ("default",), mutable_default, equals=("B006", "W0102")),
)
