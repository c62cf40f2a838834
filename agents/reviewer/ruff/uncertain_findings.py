"""What ruff says of a text, less what it cannot know: names of an earlier round, of another scope, of no run at all.

ruff reads a text once, from above to below. Where its finding depends on the order in which the text runs, the syntax
tree is asked. Start at `without_doubtful`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.ruff import ruff_scopes as scopes
from agents.reviewer.scanning import sameness
from indexing.syntax import texts
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tree_sitter

    from agents.findings import Finding
    from indexing.syntax.documents import Document

_UNBOUND = {"F821", "F823"}
_ASKED = {*_UNBOUND, "F811"}
_OF_NAMES = {"F841", "F842", "F401"}
STUB_CODES = ("F40", "F81", "F82", "E9", "invalid-syntax")  # what may be said of a text that never runs
_DEFINES = re.compile(r"^(?!import\b|from\b|#|__|try\b|except\b|if\b|else\b)[a-zA-Z_]", re.MULTILINE)
_INJECTED = {"_", "N_", "ngettext", "get_ipython", "display", "get_config", "reveal_type", "reveal_locals", "profile"}
_INJECTING = {"SConstruct", "SConscript", "wscript"}  # build programs hand these files their names
_OLD = {
    *("unicode", "basestring", "long", "xrange", "raw_input", "unichr", "reduce", "file", "cmp", "execfile", "reload"),
    *("buffer", "intern", "apply", "coerce"),
}
_OLD_PYTHON = re.compile(r"PY2|PY3|py2|py3|version_info|hexversion|\bsix\b|python2|python3")
_MAKES_NAMES = re.compile(
    r"\bglobals\(\)|\bvars\(\)\s*\[|\blocals\(\)\.update|\bexec(?:file)?\s*\(|setattr\(\s*(?:builtins|__builtin|sys\.mod)"
)
_PROBES = re.compile(r"^except\s*(?::|.*\b(?:NameError|Exception|BaseException)\b)")
_BINDS_CALLABLE = re.compile(
    r"^\s*(?:def|class)\s+callable\b|^[^#\n]*\bcallable\s*(?::[^=\n]+)?=(?!=)|\bimport\b[^\n]*\bcallable\b",
    re.MULTILINE,
)
_FUTURE = "from __future__ import annotations"
_NAME = re.compile(r"`([^`]+)`")
_LINE_ABOVE = 200  # characters
_FROM_LINE = re.compile(r"from line (\d+)")


@dataclass(frozen=True)
class _Text:
    """A text with its tree."""

    text: str
    name: str
    root: tree_sitter.Node
    lines: texts.ByteLines

    def node(self, finding: Finding) -> tree_sitter.Node | None:
        start = self.lines.to_byte(finding.span.start, self.text)
        end = self.lines.to_byte(finding.span.end, self.text)
        return self.root.descendant_for_byte_range(start, max(start, end - 1))


def without_doubtful(findings: Iterable[Finding], document: Document) -> tuple[Finding, ...]:
    """Return the findings that hold, each as grave as it is certain."""
    found = [each for each in findings if not _is_mistaken(each, document)]
    if document.path is not None and document.path.suffix == ".pyi":
        found = [each for each in found if each.code.startswith(STUB_CODES)]
    if not any(each.code in _ASKED for each in found):
        return tuple(found)
    parsed = Syntax.of(document).parsed
    if parsed is None:
        return tuple(found)
    lines = texts.ByteLines(document.text, parsed.data)
    name = document.path.name if document.path is not None else ""
    text = _Text(document.text, name, parsed.tree.root_node, lines)
    kept: list[Finding] = []
    cleared: set[str] = set()  # names that ruff was wrong about
    for finding in found:
        held = _held(finding, text) if finding.code in _ASKED else finding
        if held is None or finding.code in _UNBOUND:  # what is never read is the same fault
            cleared.add(_name_of(finding))
        if held is not None:
            kept.append(held)
    return tuple(each for each in kept if each.code not in _OF_NAMES or _name_of(each) not in cleared)


def _name_of(finding: Finding) -> str:
    match = _NAME.search(finding.message)
    return match[1].rpartition(".")[2] if match else ""


def _is_mistaken(finding: Finding, document: Document) -> bool:
    """Return whether the finding is a false alarm, judged by the text alone."""
    text, code = document.text, finding.code
    if code == "F821":  # a word in quotes may be a `Literal`
        return text[finding.span.start - 1 : finding.span.start] in {"'", '"'}
    if code == "F822":
        return "def __getattr__" in text or "globals()" in text or _is_submodule(finding, document)
    if code in _MEANT:
        return _MEANT[code](finding, document)
    if code != "F401":
        return False
    name = re.escape(_name_of(finding))
    return (
        _is_passed_on(finding, document)
        or _DEFINES.search(text) is None  # a module of imports is for importing
        or "find_spec" in finding.message  # imported to see whether it is there
        or name == "readline"  # imported for what it does
        or re.search(rf"#\s*type:[^\n]*\b{name}\b", text) is not None
    )


def _is_thrown_away(finding: Finding, document: Document) -> bool:
    """Return whether `[][1]` is a whole statement, which can only be there for the error it raises."""
    text, start = document.text, finding.span.start
    line = text[text.rfind("\n", 0, start) + 1 :].partition("\n")[0]
    return re.fullmatch(r"\s*[\[(][^=]*\]\s*", line) is not None


def _is_in_test(_finding: Finding, document: Document) -> bool:
    return document.path is not None and sameness.is_test_path(document.path)


def _defines_callable(_finding: Finding, document: Document) -> bool:
    """Return whether `callable`, which ruff advises to use, is the document's own."""
    return _BINDS_CALLABLE.search(document.text) is not None


# What is meant, by code: a test makes its certificates itself, and `callable` may be written here.
_MEANT = {"PLE0643": _is_thrown_away, "S501": _is_in_test, "B004": _defines_callable}


def _is_passed_on(finding: Finding, document: Document) -> bool:
    """Return whether an import may be there for others: from the own package, of a submodule, or with a comment."""
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
    tried = "raises" in text[max(0, first - _LINE_ABOVE) : first].rstrip("\n").rpartition("\n")[2]
    return submodule or tried or "#" in line or (own and not indented)


def _is_submodule(finding: Finding, document: Document) -> bool:
    path = document.path
    if path is None or path.name != "__init__.py":
        return False
    name = _name_of(finding)
    return name.isidentifier() and ((path.parent / f"{name}.py").is_file() or (path.parent / name).is_dir())


def _held(finding: Finding, text: _Text) -> Finding | None:
    """Return the finding, milder where it is less certain; None where it is wrong."""
    node = text.node(finding)
    if node is None:
        return finding
    if finding.code == "F811":
        return None if _is_parameter(node) or _was_registered(finding, text) else finding
    if _is_bound_after_all(node, _name_of(finding), text):
        return None
    if _MAKES_NAMES.search(text.text):
        return replace(finding, severity=Severity.HINT)
    return replace(finding, severity=Severity.INFORMATION) if _is_not_evaluated(node, text) else finding


def _is_bound_after_all(node: tree_sitter.Node, name: str, text: _Text) -> bool:
    """Return whether `name` is bound where `node` runs, or does not run."""
    return (
        name in _INJECTED
        or text.name in _INJECTING
        or scopes.is_bound_in_loop(node, name)
        or scopes.is_deleted_sometimes(node, name)
        or (_is_annotation(node) and scopes.is_bound_in_module(text.root, name))  # and deleted below
        or _is_probed(node)
        or _is_of_old_python(node, name)
    )


def _is_parameter(node: tree_sitter.Node) -> bool:
    """Return whether a parameter has the name of an import, as pytest's fixtures do."""
    return any(each.type in {"parameters", "lambda_parameters"} for each in scopes.ancestors(node))


def _was_registered(finding: Finding, text: _Text) -> bool:
    """Return whether the earlier definition was given to a decorator, which uses it."""
    match = _FROM_LINE.search(finding.message)
    if match is None:
        return False
    lines = text.text.split("\n")
    row = int(match[1]) - 1
    if not 0 <= row < len(lines):
        return False
    node = text.root.descendant_for_point_range((row, len(lines[row]) - len(lines[row].lstrip())), (row, 1 << 16))
    around = [node, *scopes.ancestors(node)] if node is not None else []
    first = next((each for each in around if each.type in {"function_definition", "class_definition"}), None)
    decorated = first is not None and first.parent is not None and first.parent.type == "decorated_definition"
    return decorated and first is not None and first.start_point[0] <= row <= first.start_point[0] + 1


def _is_probed(node: tree_sitter.Node) -> bool:
    """Return whether a `try` around asks just whether the name exists."""
    inner = node
    for around in scopes.ancestors(node):
        if around.type == "try_statement" and around.child_by_field_name("body") == inner:
            clauses = [child for child in around.named_children if child.type == "except_clause"]
            if any(_PROBES.match((each.text or b"").decode(errors="replace").partition("\n")[0]) for each in clauses):
                return True
        inner = around
    return False


def _is_of_old_python(node: tree_sitter.Node, name: str) -> bool:
    """Return whether a name of Python 2 stands behind a question for the version."""
    return name in _OLD and any(
        around.type in {"if_statement", "conditional_expression", "boolean_operator"}
        and _OLD_PYTHON.search((around.text or b"").decode(errors="replace")[:2000]) is not None
        for around in scopes.ancestors(node)
    )


def _is_annotation(node: tree_sitter.Node) -> bool:
    return any(each.type == "type" for each in scopes.ancestors(node))


def _is_not_evaluated(node: tree_sitter.Node, text: _Text) -> bool:
    """Return whether the name stands in an annotation that no run looks at."""
    around = list(scopes.ancestors(node))
    kinds = {each.type for each in around}
    if "type" not in kinds:
        return "string" in kinds and "interpolation" not in kinds
    if _FUTURE in text.text or "string" in kinds or node.type == "string_content":
        return True
    annotation = next(each for each in around if each.type == "type")
    local = annotation.parent is not None and annotation.parent.type == "assignment"
    return local and "function_definition" in {each.type for each in scopes.ancestors(annotation)}
