"""The record of one language: every fact about a language that the program uses, with its meaning.

Holds no language (those stand in the modules beside this one) and reads nothing. Start at `Language`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Literal, NamedTuple

TEXT = "text"  # name of the language of everything that has no entry


class Kind(Enum):
    """Purpose of the files of a language."""

    CODE = "code"  # programs and queries
    STYLE = "style"
    MARKUP = "markup"
    DATA = "data"
    PROSE = "prose"  # people write as they like: no strings, no comments, free indentation


class Trait(Flag):
    """A fact about a language that one rule, task or command asks for, and that holds for some languages only."""

    NONE = 0
    ASSIGNING_RUNS_CODE = auto()  # assigning to an attribute may call a property's setter
    ASSIGNING_DEFINES = auto()  # `a = a` at the top or in a class defines a name
    TYPE_TESTS_NARROW = auto()  # after a test of its type the same expression means something else to the compiler
    HOISTS = auto()  # a `var` exists in the whole function, undefined until it is reached
    VOLATILE = auto()  # a variable declared `volatile` may change between two reads
    MACROS = auto()  # a macro may contain a label or a `case`
    YIELD_MAKES_GENERATOR = auto()  # a `yield` anywhere in a function turns it into a generator
    RETURN_TAKES_NEXT_LINE = auto()  # a bare `return` returns the expression on the next line
    CAUGHT_NAME_FIRST = auto()  # a handler names its variable before the type
    CAUGHT_NAME_OUTLIVES = auto()  # the variable of a handler can be read after the handler
    IMPLICIT_RECEIVER = auto()  # a method calls another of its class without naming an object
    KEYS_ARE_EXPRESSIONS = auto()  # in a mapping, the key `a` is not the key `"a"`
    SYMBOL_KEYS = auto()  # in a mapping, `"a": 1` has a symbol as its key, not a string
    SETTLED = auto()  # gets no new syntax, so that an error of the grammar is an error of the text
    TEMPLATED = auto()  # files are often templates from which a program makes the real text
    TYPE_BEGINS_METHOD = auto()  # a method is declared by its type and its name, without a word for it
    SEMICOLONS = auto()  # a statement that is no block ends with a semicolon
    BLOCKS_HAVE_VALUES = auto()  # the last expression of a block, without a semicolon, is its value
    METHODS_ARE_CALLED = auto()  # a method's name is no expression without a call, and a field's is no statement
    TRAILING_SPACES = auto()  # spaces at the end of a line have a meaning
    SHELL = auto()  # people type it into a terminal, so answers of models show it beside the code


class DocComment(NamedTuple):
    """The comment that documents a function, for languages without docstrings.

    Attributes:
        line: text before each line.
        opening: first line, "" where each line is a comment by itself.
        closing: last line, likewise.
        parameter: line about a parameter, with places for `{name}` and `{said}`; "" where that is not the custom.
        returns: line about the result, with a place for `{said}`; likewise.
        begins: first words of the sentence, with a place for `{name}`; "" for any.
        around: lines before and after the sentence ("<summary>"), "" for none.
    """

    line: str
    opening: str = ""
    closing: str = ""
    parameter: str = ""
    returns: str = ""
    begins: str = ""
    around: tuple[str, str] = ("", "")


@dataclass(frozen=True, eq=False, repr=False, match_args=False)
class Language:
    """One language. A default holds for a language with braces, `//` comments and no peculiarities.

    Attributes:
        name: Starling's name, which is also the name of its query file.
        grammar: "module:function" that gives the tree-sitter language, "" for none.
        extensions: of its files, in lower case, with the dot.
        filenames: whole file names, in their own case.
        shebangs: interpreters in a first line, without version (`python` for `python3`).
        ids: LSP language ids, where they are not just `name`.
        fences: further names after the fence of a Markdown code block.
        kind: purpose of its files.
        family: name shared by languages whose code can serve as an example for each other; "" for none.
        query: name of the query file, if it is another language's.
        extends: languages whose review queries apply as well.
        comments: node kinds of comments.
        strings: node kinds of string literals.
        blocks: node kinds of bodies.
        functions: node kinds of functions and other definitions that open a scope.
        identifiers: node kinds of names.
        docstrings: the first string in a body documents its owner.
        doc_comment: the comment that documents a function; None for none, or for docstrings.
        deepest_column: the grammar's scanner crashes on code that begins farther right; 0 for no such column.
        imports_bind: component of the module's name that an import without names binds: "first", "last" or "" for none.
        line_comment: mark of a comment up to the end of the line, "" for none.
        block_comment: marks around a comment, both "" for none.
        apostrophe: what `'` begins: a string, one character, or also a name (a lifetime).
        openers: ends of a line that opens a body, by its text alone.
        word_opener: pattern of a line that opens a body which ends with a word; "" for none.
        word_closers: words that begin the line after such a body.
        finished: pattern found in a line to which nothing more belongs; "" for none.
        columns: meaning of the column a line begins in: it groups "statements" (Python) or "mappings" (YAML); "" if it
            has none.
        unit: one step of indentation, for a file that has none yet.
        blank_lines: between two definitions at the top of a file, by custom.
        test_file: pattern of the names of test files, "" for none.
        test_custom: the custom by which tests are placed and written ("python", "script", "go", "rust"), "" for none
            that Starling knows.
        ruff: ruff parses, checks and formats it.
        python_parser: the Python that runs Starling can parse it, so that everything built on that parser applies.
        resolution: module of `indexing/resolution/languages/` that knows what names mean; "" if they are not resolved.
        resolves_libraries: whether imports are followed into installed libraries.
        caught_name: pattern of the part of a handler's head that names its variable; the rest names types.
        bare_names: pattern of what makes `{0}` a variable, where a bare name may be a call; "" where it never is.
        traits: facts that hold for some languages only.
    """

    name: str
    grammar: str
    extensions: tuple[str, ...]
    filenames: tuple[str, ...] = ()
    shebangs: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    fences: tuple[str, ...] = ()
    kind: Kind = Kind.CODE
    family: str = ""
    query: str = ""
    extends: tuple[str, ...] = ()
    comments: frozenset[str] = frozenset({"comment"})
    strings: frozenset[str] = frozenset({"string"})
    blocks: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    identifiers: tuple[str, ...] = ("identifier",)
    docstrings: bool = False
    doc_comment: DocComment | None = None
    deepest_column: int = 0
    imports_bind: Literal["first", "last", ""] = "last"
    line_comment: str = "//"
    block_comment: tuple[str, str] = ("/*", "*/")
    apostrophe: Literal["string", "character", "name"] = "string"
    openers: tuple[str, ...] = ("{",)
    word_opener: str = ""
    word_closers: tuple[str, ...] = ()
    finished: str = r"[;}]$"
    columns: Literal["statements", "mappings", ""] = ""
    unit: str = "    "
    blank_lines: int = 1
    test_file: str = ""
    test_custom: Literal["python", "script", "go", "rust", ""] = ""
    ruff: bool = False
    python_parser: bool = False
    resolution: str = ""
    resolves_libraries: bool = False
    caught_name: str = ""
    bare_names: str = ""
    traits: Trait = Trait.NONE

    @property
    def is_prose(self) -> bool:
        """Whether its texts are prose: without strings, comments or a fixed indentation."""
        return self.kind is Kind.PROSE

    @property
    def accompanies_code(self) -> bool:
        """Whether models often show this language beside the requested code: commands, data or prose."""
        return self.kind in {Kind.DATA, Kind.PROSE} or Trait.SHELL in self.traits

    def is_like(self, other: Language) -> bool:
        """Return whether code in `other` can serve as an example for code in this language."""
        return self.name == other.name or (bool(self.family) and self.family == other.family)


JAVADOC = DocComment(" * ", "/**", " */", "@param {name} {said}", "@return {said}")
TYPED_VARIABLE = r"(?<=[\w>&*\]])\s*(?:[\s&*$])[\w$]+$"  # the `error` of `catch (const Error& error)`
NO_COMMENT = ("", "")
ANY_OPENERS = (":", "{")  # for languages of which no better is known
UNFINISHED = ""  # for languages in which no end of a line says that the statement is complete

PLAIN = Language(
    TEXT,
    "",
    (),
    ids=("plaintext",),
    fences=("txt",),
    kind=Kind.PROSE,
    openers=ANY_OPENERS,
    finished=UNFINISHED,
    line_comment="",
    block_comment=NO_COMMENT,
)


def parse_kinds(text: str) -> frozenset[str]:
    """Return the node kinds that `text` lists, separated by white space."""
    return frozenset(text.split())
