"""A filter that drops or downgrades findings of ruff which depend on more than one pass over the text.

ruff reads a text once from top to bottom. Here the syntax tree decides about names that an earlier iteration, another
scope or the environment binds. Start at `drop_uncertain`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.ruff import ruff_scopes as scopes
from agents.reviewer.scanning import testing_code
from indexing.syntax import texts
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tree_sitter

    from agents.findings import Finding
    from indexing.syntax.documents import Document

_UNDEFINED_NAME = {"F821", "F823"}
_CHECKED_CODES = {*_UNDEFINED_NAME, "F811"}
_UNUSED_NAME = {"F841", "F842", "F401"}
STUB_CODES = ("F40", "F81", "F82", "E9", "invalid-syntax")  # codes that are kept in a stub, which never runs
_DEFINITION = re.compile(r"^(?!import\b|from\b|#|__|try\b|except\b|if\b|else\b)[a-zA-Z_]", re.MULTILINE)
_INJECTED_NAMES = {
    "_",
    "N_",
    "ngettext",
    "get_ipython",
    "display",
    "get_config",
    "reveal_type",
    "reveal_locals",
    "profile",
}
_FILES_WITH_INJECTED_NAMES = {"SConstruct", "SConscript", "wscript"}  # build tools define names for these files
_PYTHON_2_NAMES = {
    *("unicode", "basestring", "long", "xrange", "raw_input", "unichr", "reduce", "file", "cmp", "execfile", "reload"),
    *("buffer", "intern", "apply", "coerce"),
}
_VERSION_TEST = re.compile(r"PY2|PY3|py2|py3|version_info|hexversion|\bsix\b|python2|python3")
_CREATES_NAMES = re.compile(
    r"\bglobals\(\)|\bvars\(\)\s*\[|\blocals\(\)\.update|\bexec(?:file)?\s*\(|setattr\(\s*(?:builtins|__builtin|sys\.mod)"
)
_PROBING_HANDLER = re.compile(r"^except\s*(?::|.*\b(?:NameError|Exception|BaseException)\b)")
_BINDS_CALLABLE = re.compile(
    r"^\s*(?:def|class)\s+callable\b|^[^#\n]*\bcallable\s*(?::[^=\n]+)?=(?!=)|\bimport\b[^\n]*\bcallable\b",
    re.MULTILINE,
)
_FUTURE = "from __future__ import annotations"
_NAME = re.compile(r"`([^`]+)`")
_LONGEST_LINE_ABOVE = 200  # characters
_FROM_LINE = re.compile(r"from line (\d+)")


@dataclass(frozen=True)
class _ParsedText:
    """A text with its syntax tree."""

    text: str
    name: str
    root: tree_sitter.Node
    lines: texts.ByteLines

    def find_node(self, finding: Finding) -> tree_sitter.Node | None:
        """Return the smallest node that contains the finding, None if there is none."""
        start = self.lines.to_byte(finding.span.start, self.text)
        end = self.lines.to_byte(finding.span.end, self.text)
        return self.root.descendant_for_byte_range(start, max(start, end - 1))


def drop_uncertain(findings: Iterable[Finding], document: Document) -> tuple[Finding, ...]:
    """Return the findings without false alarms, with a lower severity for less certain ones.

    In a stub, only the codes in `STUB_CODES` are kept. A finding of an unused name is also dropped if ruff was wrong
    about that name, or reports it as undefined.
    """
    found = [each for each in findings if not _is_false_alarm(each, document)]
    if document.path is not None and document.path.suffix == ".pyi":
        found = [each for each in found if each.code.startswith(STUB_CODES)]
    if not any(each.code in _CHECKED_CODES for each in found):
        return tuple(found)
    parsed = Syntax.of(document).parsed
    if parsed is None:
        return tuple(found)
    lines = texts.ByteLines(document.text, parsed.data)
    name = document.path.name if document.path is not None else ""
    text = _ParsedText(document.text, name, parsed.tree.root_node, lines)
    kept: list[Finding] = []
    false_names: set[str] = set()  # names that ruff was wrong about, or that are reported as undefined
    for finding in found:
        adjusted = _adjust(finding, text) if finding.code in _CHECKED_CODES else finding
        # a finding that the name is unused would be the same fault
        if adjusted is None or finding.code in _UNDEFINED_NAME:
            false_names.add(_get_name(finding))
        if adjusted is not None:
            kept.append(adjusted)
    return tuple(each for each in kept if each.code not in _UNUSED_NAME or _get_name(each) not in false_names)


def _get_name(finding: Finding) -> str:
    """Return the last part of the name that ruff's message quotes, "" if it quotes none."""
    match = _NAME.search(finding.message)
    return match[1].rpartition(".")[2] if match else ""


def _is_false_alarm(finding: Finding, document: Document) -> bool:
    """Return whether the finding is a false alarm, judged without the syntax tree."""
    text, code = document.text, finding.code
    if code == "F821":  # a quoted word may be part of a `Literal`
        return text[finding.span.start - 1 : finding.span.start] in {"'", '"'}
    if code == "F822":
        return "def __getattr__" in text or "globals()" in text or _is_submodule(finding, document)
    if code in _FALSE_ALARM_TESTS:
        return _FALSE_ALARM_TESTS[code](finding, document)
    if code != "F401":
        return False
    name = re.escape(_get_name(finding))
    return (
        _may_be_intended(finding, document)
        or _DEFINITION.search(text) is None  # a module with nothing but imports re-exports them
        or "find_spec" in finding.message  # imported to test whether it exists
        or name == "readline"  # imported for its side effect
        or re.search(rf"#\s*type:[^\n]*\b{name}\b", text) is not None
    )


def _is_bare_subscript(finding: Finding, document: Document) -> bool:
    """Return whether the line is only a subscript such as `[][1]`, which is written for the error that it raises."""
    text, start = document.text, finding.span.start
    line = text[text.rfind("\n", 0, start) + 1 :].partition("\n")[0]
    return re.fullmatch(r"\s*[\[(][^=]*\]\s*", line) is not None


def _is_in_test(_finding: Finding, document: Document) -> bool:
    """Return whether the document belongs to tests."""
    return document.path is not None and testing_code.is_test_path(document.path)


def _defines_callable(_finding: Finding, document: Document) -> bool:
    """Return whether the document binds the name `callable`, which ruff's finding recommends."""
    return _BINDS_CALLABLE.search(document.text) is not None


# By code, tests for false alarms; S501 is one in tests, which create their certificates themselves.
_FALSE_ALARM_TESTS = {"PLE0643": _is_bare_subscript, "S501": _is_in_test, "B004": _defines_callable}


def _may_be_intended(finding: Finding, document: Document) -> bool:
    """Return whether an unused import may be there on purpose.

    That is an import of a submodule, one with a comment or below a line with `raises`, and outside of functions one of
    the document's own package.
    """
    text, start = document.text, finding.span.start
    first = text.rfind("\n", 0, start) + 1
    end = text.find("\n", start)
    line = text[first : end if end >= 0 else len(text)]
    match = _NAME.search(finding.message)
    module = match[1] if match else ""
    path = document.path
    package = module.partition(".")[0]
    own = not package or (path is not None and package in path.parent.parts)
    indented = line[:1] in " \t" and text[:first].rpartition("\n\n")[2].lstrip().startswith(("def ", "async def "))
    submodule = "." in module.strip(".") and re.match(rf"\s*import\s[^#]*\b{re.escape(module)}", line) is not None
    tried = "raises" in text[max(0, first - _LONGEST_LINE_ABOVE) : first].rstrip("\n").rpartition("\n")[2]
    return submodule or tried or "#" in line or (own and not indented)


def _is_submodule(finding: Finding, document: Document) -> bool:
    """Return whether the finding's name, listed in `__all__` of a package, is a submodule on disk."""
    path = document.path
    if path is None or path.name != "__init__.py":
        return False
    name = _get_name(finding)
    return name.isidentifier() and ((path.parent / f"{name}.py").is_file() or (path.parent / name).is_dir())


def _adjust(finding: Finding, text: _ParsedText) -> Finding | None:
    """Return the finding, with a lower severity if it is less certain; None if it is wrong."""
    node = text.find_node(finding)
    if node is None:
        return finding
    if finding.code == "F811":
        return None if _is_parameter(node) or _is_decorated_before(finding, text) else finding
    if _may_exist_or_is_harmless(node, _get_name(finding), text):
        return None
    if _CREATES_NAMES.search(text.text):
        return replace(finding, severity=Severity.HINT)
    return replace(finding, severity=Severity.INFORMATION) if _is_unevaluated(node, text) else finding


def _may_exist_or_is_harmless(node: tree_sitter.Node, name: str, text: _ParsedText) -> bool:
    """Return whether `name` may exist when its use `node` runs, or does no harm if it is missing.

    A missing name does no harm in a `try` that tests for it, nor, for a name of Python 2, in a test of the version.
    """
    return (
        name in _INJECTED_NAMES
        or text.name in _FILES_WITH_INJECTED_NAMES
        or scopes.is_bound_in_loop(node, name)
        or scopes.is_deleted_sometimes(node, name)
        # a `del` at the end does not affect annotations
        or (_is_annotation(node) and scopes.is_bound_in_module(text.root, name))
        or _is_in_existence_test(node)
        or _is_guarded_python_2_name(node, name)
    )


def _is_parameter(node: tree_sitter.Node) -> bool:
    """Return whether the node is in a parameter list, where pytest's fixtures repeat names of imports."""
    return any(each.type in {"parameters", "lambda_parameters"} for each in scopes.walk_ancestors(node))


def _is_decorated_before(finding: Finding, text: _ParsedText) -> bool:
    """Return whether the earlier definition that the finding names has a decorator, which may have registered it."""
    match = _FROM_LINE.search(finding.message)
    if match is None:
        return False
    lines = text.text.split("\n")
    row = int(match[1]) - 1
    if not 0 <= row < len(lines):
        return False
    node = text.root.descendant_for_point_range((row, len(lines[row]) - len(lines[row].lstrip())), (row, 1 << 16))
    around = [node, *scopes.walk_ancestors(node)] if node is not None else []
    first = next((each for each in around if each.type in {"function_definition", "class_definition"}), None)
    decorated = first is not None and first.parent is not None and first.parent.type == "decorated_definition"
    return decorated and first is not None and first.start_point[0] <= row <= first.start_point[0] + 1


def _is_in_existence_test(node: tree_sitter.Node) -> bool:
    """Return whether `node` is in a `try` that tests whether the name exists."""
    inner = node
    for around in scopes.walk_ancestors(node):
        if around.type == "try_statement" and around.child_by_field_name("body") == inner:
            clauses = [child for child in around.named_children if child.type == "except_clause"]
            if any(
                _PROBING_HANDLER.match((each.text or b"").decode(errors="replace").partition("\n")[0])
                for each in clauses
            ):
                return True
        inner = around
    return False


def _is_guarded_python_2_name(node: tree_sitter.Node, name: str) -> bool:
    """Return whether the name is one of Python 2's, in a branch that tests the version."""
    return name in _PYTHON_2_NAMES and any(
        around.type in {"if_statement", "conditional_expression", "boolean_operator"}
        and _VERSION_TEST.search((around.text or b"").decode(errors="replace")[:2000]) is not None
        for around in scopes.walk_ancestors(node)
    )


def _is_annotation(node: tree_sitter.Node) -> bool:
    """Return whether the node is inside an annotation."""
    return any(each.type == "type" for each in scopes.walk_ancestors(node))


def _is_unevaluated(node: tree_sitter.Node, text: _ParsedText) -> bool:
    """Return whether the name is in an annotation or a string that is not evaluated."""
    around = list(scopes.walk_ancestors(node))
    kinds = {each.type for each in around}
    if "type" not in kinds:
        return "string" in kinds and "interpolation" not in kinds
    if _FUTURE in text.text or "string" in kinds or node.type == "string_content":
        return True
    annotation = next(each for each in around if each.type == "type")
    local = annotation.parent is not None and annotation.parent.type == "assignment"
    return local and "function_definition" in {each.type for each in scopes.walk_ancestors(annotation)}
