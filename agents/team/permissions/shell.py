"""A shell command line, parsed into its simple commands, with a reason wherever its meaning is only known when it runs.

Everything that is not literally there counts as unknown: variables, substitutions, patterns, functions, loops, other
shells. Runs nothing and reads no file. Start at `parse_line`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexing.syntax import grammars

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

LONGEST_LINE = 10_000
"""Characters of a command line; a longer one is not parsed."""

MOST_NODES = 5_000
"""Nodes of the syntax tree; a larger one is not judged."""

_STRUCTURE = frozenset({
    "program", "list", "pipeline", "redirected_statement", "negated_command", "subshell", "compound_statement",
})  # fmt: skip
_MARKS = frozenset({";", "&&", "||", "|", "|&", "&", "!", "(", ")", "{", "}", "\n", "comment"})
_UNKNOWN = {
    "simple_expansion": "a variable",
    "expansion": "a variable",
    "command_substitution": "the output of another command",
    "process_substitution": "the output of another command",
    "arithmetic_expansion": "a computed value",
    "ansi_c_string": "an escaped text",
    "translated_string": "an escaped text",
    "variable_assignment": "an assignment",
    "declaration_command": "an assignment",
    "function_definition": "a function",
    "if_statement": "a condition",
    "while_statement": "a loop",
    "for_statement": "a loop",
    "c_style_for_statement": "a loop",
    "case_statement": "a condition",
    "test_command": "a condition",
    "heredoc_redirect": "a text for its input",
    "herestring_redirect": "a text for its input",
}
_PATTERN = re.compile(r"(?<!\\)[*?\[{]|\A~")
_BRACES = re.compile(r"\{.*(,|\.\.).*\}", re.DOTALL)
_ESCAPE = re.compile(r"\\(\n|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """One command with its words, as far as these are literally there.

    Attributes:
        words: the program and its arguments, without quotes.
        pipes_in: whether its input comes from another command.
    """

    words: tuple[str, ...]
    pipes_in: bool = False

    @property
    def program(self) -> str:
        """The program's name without its folder."""
        return self.words[0].rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Redirection:
    """A file that is read or written by a redirection."""

    path: str
    writes: bool


@dataclass(slots=True)
class ParsedLine:
    """A parsed command line.

    Attributes:
        commands: all simple commands, also those inside of substitutions and loops.
        redirections: all redirections to files.
        unknowns: what is only known when the line runs, a few words each; empty where everything is literally there.
    """

    commands: list[SimpleCommand] = field(default_factory=list)
    redirections: list[Redirection] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)


def parse_line(line: str) -> ParsedLine:
    """Return the parts of `line`; where it cannot be parsed, that is one of the unknowns."""
    parsed = ParsedLine()
    grammar = grammars.load("bash")
    tree = grammar.parse_whole(line.encode("utf-8", "surrogatepass")) if grammar and len(line) <= LONGEST_LINE else None
    if tree is None or "\0" in line or tree.root_node.descendant_count > MOST_NODES:
        parsed.unknowns.append("a line that cannot be parsed")
        return parsed
    if tree.root_node.has_error:
        parsed.unknowns.append("a line that is not correct shell")
    _collect(tree.root_node, parsed, pipes_in=False)
    if not parsed.commands:
        parsed.unknowns.append("a line without a command")
    return parsed


def _collect(node: tree_sitter.Node, parsed: ParsedLine, *, pipes_in: bool) -> None:
    """Add the commands, redirections and unknowns in `node` to `parsed`."""
    if node.type == "command":
        _collect_command(node, parsed, pipes_in=pipes_in)
    elif node.type == "file_redirect":
        _collect_redirection(node, parsed)
    else:
        if node.type not in _STRUCTURE and node.is_named and node.type != "comment":
            parsed.unknowns.append(_UNKNOWN.get(node.type, "something that is not understood"))
        elif not node.is_named and node.type not in _MARKS:
            parsed.unknowns.append("something that is not understood")
        for at, child in enumerate(node.children):
            piped = pipes_in or (node.type == "pipeline" and at > 0)
            _collect(child, parsed, pipes_in=piped)


def _collect_command(node: tree_sitter.Node, parsed: ParsedLine, *, pipes_in: bool) -> None:
    """Add a command, its redirections and its unknowns to `parsed`.

    A word that is only known when the line runs becomes a null character, which a rule matches only by its "*".
    """
    words: list[str] = []
    for child in node.children:
        if child.type in {"file_redirect", "heredoc_redirect", "herestring_redirect"}:
            _collect(child, parsed, pipes_in=False)
            continue
        if child.type == "variable_assignment":
            parsed.unknowns.append("an assignment")
            _collect_inner(child, parsed)
            continue
        word = _read_word(child)
        if word is None:
            parsed.unknowns += _describe_unknowns(child)
            _collect_inner(child, parsed)
            words.append("\0")
        else:
            words.append(word)
    parsed.commands.append(SimpleCommand(tuple(words), pipes_in))


def _collect_redirection(node: tree_sitter.Node, parsed: ParsedLine) -> None:
    """Add the file of a redirection to `parsed`, or an unknown where the file is only known when the line runs.

    Adds nothing for `/dev/null` and for another descriptor.
    """
    target = node.children[-1]
    operator = next((child.type for child in node.children if not child.is_named), "")
    if target.type == "number" and operator in {">&", "<&"}:
        return  # another descriptor of the same command
    path = _read_word(target)
    if path is None:
        parsed.unknowns += _describe_unknowns(target)
        _collect_inner(target, parsed)
    elif path != "/dev/null":
        parsed.redirections.append(Redirection(path, writes=operator != "<"))


def _collect_inner(node: tree_sitter.Node, parsed: ParsedLine) -> None:
    """Add the commands inside of a word's substitutions, with their redirections and unknowns, to `parsed`."""
    for child in node.children:
        if child.type in {"command_substitution", "process_substitution"}:
            for inner in child.children:
                if inner.is_named:
                    _collect(inner, parsed, pipes_in=False)
        else:
            _collect_inner(child, parsed)
    if node.type in {"command_substitution", "process_substitution"}:
        for inner in node.children:
            if inner.is_named:
                _collect(inner, parsed, pipes_in=False)


def _read_word(node: tree_sitter.Node) -> str | None:
    """Return the text that a word stands for; None where that is only known when the line runs."""
    text = (node.text or b"").decode("utf-8", "surrogatepass")
    match node.type:
        case "word" | "number":
            return None if _PATTERN.search(text) else _ESCAPE.sub(lambda found: found[1].replace("\n", ""), text)
        case "raw_string":
            return text[1:-1]
        case "string":
            if any(child.type not in {'"', "string_content"} for child in node.children):
                return None
            return re.sub(r'\\([$`"\\]|\n)', lambda found: found[1].replace("\n", ""), text[1:-1])
        case "command_name" | "concatenation":
            parts = [_read_word(child) for child in node.children]
            joined = None if any(part is None for part in parts) else "".join(part or "" for part in parts)
            return None if _BRACES.search(text) else joined
        case _:
            return None


def _describe_unknowns(node: tree_sitter.Node) -> Iterator[str]:
    """Yield the kinds of unknown parts in a word, a few words each; "a pattern for file names" if no other is found."""
    found = [_UNKNOWN[inner.type] for inner in _iterate(node) if inner.type in _UNKNOWN]
    yield from found or ["a pattern for file names"]


def _iterate(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield `node` and all nodes in it."""
    yield node
    for child in node.children:
        yield from _iterate(child)
