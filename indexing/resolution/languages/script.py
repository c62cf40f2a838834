"""Resolution in TypeScript and JavaScript: tables, modules, and the names of types that say something about others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.resolution.languages import script_modules
from indexing.resolution.languages.script_exports import WHOLE
from indexing.resolution.languages.script_tables import CONSTRUCTOR, TableReader
from indexing.resolution.languages.script_text import CAST, GIVEN
from indexing.resolution.languages.script_weights import WEIGHTS
from indexing.resolution.rules import SimpleModules, TypeNames
from indexing.syntax.languages.language import parse_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution import rules
    from indexing.resolution.paths import Paths
    from indexing.resolution.records import ImportedName, NameTable

_ITERABLES = parse_kinds(
    "list set Set ReadonlySet WeakSet Iterable IterableIterator Iterator Generator AsyncIterable AsyncIterableIterator"
    " AsyncGenerator ArrayLike"
)
_MAPPINGS = parse_kinds("Map ReadonlyMap WeakMap")
_SAME_LIST = parse_kinds("filter slice concat sort reverse splice toSorted toReversed flat fill")
_OVER_ELEMENTS = parse_kinds("map forEach filter find findLast findIndex some every flatMap")
_ONE = parse_kinds("find findLast pop shift at")

TYPES = TypeNames(
    transparent=parse_kinds(
        "Partial Required Readonly NonNullable Awaited Pick Omit Exclude Extract DeepReadonly Ref WeakRef Nullable"
    ),
    classes=frozenset({"type"}),
    callables=frozenset({"Callable"}),
    awaited=parse_kinds("Promise PromiseLike Thenable"),
    elements={**dict.fromkeys(_ITERABLES, 0), "Record": 0},
    indexed={"list": 0, "Record": 1, "tuple": 0},
    results={
        **{f"{name}.get": 1 for name in _MAPPINGS},
        **{f"{name}.values": ("list", 1) for name in _MAPPINGS},
        **{f"{name}.keys": ("list", 0) for name in _MAPPINGS},
        **{f"list.{method}": ("list", 0) for method in _SAME_LIST},
        **{f"list.{method}": 0 for method in _ONE},
        **{f"{name}.values": ("list", 0) for name in ("Set", "ReadonlySet", "list")},
        "WeakRef.deref": 0,
    },
    own=frozenset({"this"}),
    parents=frozenset({"super"}),
    pairs=frozenset(f"{name}.entries" for name in _MAPPINGS),
    paired=_MAPPINGS,
    giving=GIVEN,
    given={
        **{f"{name}.{method}": (0,) for name in ("list", "Set", "ReadonlySet") for method in _OVER_ELEMENTS},
        **{f"list.{method}": (0, 0) for method in ("sort", "toSorted")},
        **{f"{name}.forEach": (1, 0) for name in _MAPPINGS},
        **{f"{name}.then": (0,) for name in ("Promise", "PromiseLike")},
    },
    casting=frozenset({CAST}),
)
_SIMPLIFIED = re.compile(
    r"""\\.|//[^\n]*|/\*.*?(?:\*/|\Z)|`(?:[^`\\]|\\.)*(?:`|\Z)|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'"""
    r"""|\?\.(?=[(\[])|[?!]\.|\#""",
    re.DOTALL,
)
_TEXT = re.compile(
    r"\\.|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|//.*|/\*.*?\*/|/(?![*/])(?:[^/\\\n]|\\.)+/"
)
_IMPORT = re.compile(
    r"^[ \t]*(?:import|export)\b[^;'\"()=]{0,4000}?(?:from\s*)?['\"][^'\"\n]*['\"]"
    r"|^[ \t]*(?:const|let|var|import)\b[^;()]{0,4000}?=\s*require\([^)]*\)",
    re.MULTILINE,
)
_HEAD = re.compile(r"=>(?: *\{)?|\{")  # before the cursor: the end of the head of a function or class
_DEFINING = re.compile(r"=>|\b(?:function|class|interface|constructor|get|set|async)\b|\)\s*(?::[^{}()]*)?\{")
_BRACKET = re.compile(r"[()\[\]{}]")
_OPENERS, _CLOSERS = "([{", ")]}"


class ScriptRules(SimpleModules):
    """The rules of TypeScript and JavaScript."""

    constructor = CONSTRUCTOR
    whole = WHOLE
    unnamed = frozenset({CONSTRUCTOR})
    imports = _IMPORT
    weights = WEIGHTS
    types = TYPES

    def read_table(self, text: str, data: bytes, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table of a parsed file; `data` is `text` in UTF-8."""
        return TableReader(text, data).read(captures)

    def locate_module(self, imported: ImportedName, relative: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of an imported module, source before declarations; () if it is in none."""
        return script_modules.locate(imported.module, relative, paths)

    def locate_named(self, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of the module that a person calls `name`; () if there is none."""
        return script_modules.locate(name, "", paths)

    def locate_submodule(self, _relative: str, _name: str, _paths: Paths) -> Sequence[tuple[str, int]]:
        """Return (): a folder is no module here."""
        return ()

    def is_property(self, decorators: Sequence[str]) -> bool:
        """Return whether reading a method with these decorators calls it."""
        return "get" in decorators

    def is_entered_as_element(self, _decorators: Sequence[str]) -> bool:
        """Return False: nothing is entered here."""
        return False

    def takes_fields(self, _decorators: Sequence[str], _bases: Sequence[str]) -> bool:
        """Return False: only a constructor takes arguments."""
        return False

    def make_placeholder(self, line: str, column: int, following: str) -> tuple[str, int]:
        """Return what takes the place of the edited `line`, so that the lines around it parse, and the cursor in it.

        That is the head of the innermost function or class before the cursor, and brackets that other lines close.
        """
        plain = _TEXT.sub(lambda found: "_" * len(found[0]), line)
        heads = list(_HEAD.finditer(plain, 0, column)) if _DEFINING.search(plain, 0, column) else []
        at = heads[-1].end() if heads else 0
        closed, opened = _list_brackets(plain[at:])
        head = line[:at] if heads else line[: len(line) - len(line.lstrip())]
        text = f"{head} _" if head.endswith("=>") else head
        place = len(text)
        text += "".join(closed)
        for number, mark in enumerate(opened):
            if mark != "{":
                text += "_(" if mark == "(" else "["
            elif number and opened[number - 1] == "(":
                text += "() => {" if "=>" in plain or "function" in plain else "{"
            else:
                text += "if (_) {"
        if not opened and not (heads and not closed and head.endswith("{")):
            text += "," if plain.rstrip().endswith(",") and (closed or following.strip()) else ";"
        return text, place if heads else len(text)

    def close(self, text: str) -> str:
        """Return what has to follow `text` so that the brackets that it leaves open are closed; "" for nothing."""
        _, opened = _list_brackets(_SIMPLIFIED.sub("", text))
        return "\n" + "".join(_CLOSERS[_OPENERS.index(mark)] for mark in reversed(opened)) if opened else ""

    def simplify(self, text: str) -> str:
        """Return `text` with the same length: members as `a.b`, comments after `#`, strings in plain quotes."""
        return _SIMPLIFIED.sub(_simplify, text)

    def is_public(self, name: str) -> bool:
        """Return whether `export *` passes `name` on, where the module does not say what it exports."""
        return name not in {"default", WHOLE}


def _simplify(found: re.Match[str]) -> str:
    """Return what takes the place of a comment, a string, or a mark of a member access; as long as it is."""
    text = found[0]
    if text.startswith("//"):
        return f"# {text[2:]}"
    if text.startswith("/*"):
        return re.sub(r"[^\n]", " ", text)
    if text.startswith("`"):
        return f"'{'_' * (len(text) - 2)}'" if len(text) > 1 else " "
    if text[0] in "\"'\\":
        return text
    if text == "#":  # of a private name
        return " "
    return "  " if found.string[found.end() : found.end() + 1] in {"(", "["} else " ."


def _list_brackets(plain: str) -> tuple[list[str], list[str]]:
    """Return the brackets in a line that close what is open before it, and those that it leaves open."""
    closed: list[str] = []
    opened: list[str] = []
    for mark in _BRACKET.findall(plain):
        if mark in _OPENERS:
            opened.append(mark)
        elif opened:
            opened.pop()
        else:
            closed.append(mark)
    return closed, opened


RULES: rules.Rules = ScriptRules()
