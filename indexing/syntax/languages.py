"""The languages Starling knows: one entry each, with everything that differs between them.

Knows names and kinds only; loads no grammar (that is `indexing.syntax.grammars`) and reads no file. To add a language:
add one `Language` to `LANGUAGES`, its query `queries/NAME.scm`, and the grammar wheel to the project's dependencies;
the tests then ask for a sample. Start at `LANGUAGES` and `of_path`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePath

TEXT = "text"  # name of the language of everything that has no entry here


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    Attributes:
        name: our name, also the query's file name.
        grammar: "module:function" that gives the tree-sitter language.
        extensions: lower case, with the dot.
        filenames: whole file names, as they are.
        shebangs: interpreters in a first line (`python3` counts as `python`).
        ids: LSP language ids.
        query: name of the query file when it is shared with another language.
        comments: node kinds of comments.
        strings: node kinds of string literals.
        blocks: node kinds of bodies.
        functions: node kinds of functions and other definitions that open a scope.
        identifiers: node kinds of names.
        indented: blocks are made by indentation, opened by a colon.
        docstrings: a string that stands first in a body documents it.
        deepest_column: the grammar's scanner crashes on code that begins farther right; 0 for no such column.
        imports_bind: what an import without names binds: the module's "first" or "last" component, or "" for none.
    """

    name: str
    grammar: str
    extensions: tuple[str, ...]
    filenames: tuple[str, ...] = ()
    shebangs: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    query: str = ""
    comments: frozenset[str] = frozenset({"comment"})
    strings: frozenset[str] = frozenset({"string"})
    blocks: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    identifiers: tuple[str, ...] = ("identifier",)
    indented: bool = False
    docstrings: bool = False
    deepest_column: int = 0
    imports_bind: str = "last"


def _kinds(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SLASH_COMMENTS = _kinds("line_comment block_comment comment")
_SCRIPT_BLOCKS = _kinds("statement_block class_body switch_body object")
_SCRIPT_FUNCTIONS = _kinds(
    "function_declaration function_expression arrow_function method_definition generator_function"
    " generator_function_declaration class_declaration class abstract_class_declaration interface_declaration"
    " internal_module"
)
_SCRIPT_STRINGS = _kinds("string template_string regex")

LANGUAGES: tuple[Language, ...] = (
    Language(
        "python",
        "tree_sitter_python:language",
        (".py", ".pyi", ".pyw"),
        filenames=("SConstruct", "SConscript", "wscript"),
        shebangs=("python", "pypy"),
        blocks=_kinds("block module"),
        functions=_kinds("function_definition class_definition lambda"),
        indented=True,
        docstrings=True,
        imports_bind="first",
    ),
    Language(
        "javascript",
        "tree_sitter_javascript:language",
        (".js", ".jsx", ".mjs", ".cjs"),
        shebangs=("node", "bun", "deno"),
        ids=("javascript", "javascriptreact"),
        strings=_SCRIPT_STRINGS,
        blocks=_SCRIPT_BLOCKS,
        functions=_SCRIPT_FUNCTIONS,
        identifiers=("identifier", "property_identifier", "shorthand_property_identifier_pattern"),
        imports_bind="",
    ),
    Language(
        "typescript",
        "tree_sitter_typescript:language_typescript",
        (".ts", ".mts", ".cts"),
        shebangs=("ts-node", "tsx"),
        strings=_SCRIPT_STRINGS,
        blocks=_SCRIPT_BLOCKS | _kinds("interface_body enum_body object_type"),
        functions=_SCRIPT_FUNCTIONS,
        identifiers=("identifier", "type_identifier", "property_identifier", "shorthand_property_identifier_pattern"),
        imports_bind="",
    ),
    Language(
        "tsx",
        "tree_sitter_typescript:language_tsx",
        (".tsx",),
        ids=("typescriptreact",),
        query="typescript",
        strings=_SCRIPT_STRINGS,
        blocks=_SCRIPT_BLOCKS | _kinds("interface_body enum_body object_type"),
        functions=_SCRIPT_FUNCTIONS,
        identifiers=("identifier", "type_identifier", "property_identifier", "shorthand_property_identifier_pattern"),
        imports_bind="",
    ),
    Language(
        "go",
        "tree_sitter_go:language",
        (".go",),
        strings=_kinds("interpreted_string_literal raw_string_literal rune_literal"),
        blocks=_kinds("block field_declaration_list literal_value interface_type"),
        functions=_kinds("function_declaration method_declaration func_literal type_declaration"),
        identifiers=("identifier", "type_identifier", "field_identifier", "package_identifier"),
    ),
    Language(
        "rust",
        "tree_sitter_rust:language",
        (".rs",),
        comments=_SLASH_COMMENTS,
        strings=_kinds("string_literal raw_string_literal char_literal"),
        blocks=_kinds("block declaration_list field_declaration_list enum_variant_list match_block"),
        functions=_kinds("function_item closure_expression impl_item trait_item struct_item enum_item mod_item"),
        identifiers=("identifier", "type_identifier", "field_identifier"),
    ),
    Language(
        "java",
        "tree_sitter_java:language",
        (".java",),
        comments=_SLASH_COMMENTS,
        strings=_kinds("string_literal character_literal"),
        blocks=_kinds("block class_body interface_body enum_body constructor_body switch_block annotation_type_body"),
        functions=_kinds(
            "method_declaration constructor_declaration lambda_expression class_declaration interface_declaration"
            " enum_declaration record_declaration"
        ),
        identifiers=("identifier", "type_identifier"),
    ),
    Language(
        "c",
        "tree_sitter_c:language",
        (".c", ".h"),
        strings=_kinds("string_literal char_literal system_lib_string"),
        blocks=_kinds("compound_statement field_declaration_list enumerator_list"),
        functions=_kinds("function_definition struct_specifier enum_specifier union_specifier"),
        identifiers=("identifier", "type_identifier", "field_identifier"),
        imports_bind="",
    ),
    Language(
        "cpp",
        "tree_sitter_cpp:language",
        (".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp", ".tpp", ".inl", ".cu", ".cuh", ".ino"),
        ids=("cpp", "cuda-cpp"),
        strings=_kinds("string_literal raw_string_literal char_literal system_lib_string"),
        blocks=_kinds("compound_statement field_declaration_list enumerator_list declaration_list"),
        functions=_kinds(
            "function_definition lambda_expression class_specifier struct_specifier enum_specifier union_specifier"
            " namespace_definition"
        ),
        identifiers=("identifier", "type_identifier", "field_identifier", "namespace_identifier"),
        imports_bind="",
    ),
    Language(
        "csharp",
        "tree_sitter_c_sharp:language",
        (".cs", ".csx"),
        strings=_kinds(
            "string_literal verbatim_string_literal raw_string_literal interpolated_string_expression character_literal"
        ),
        blocks=_kinds("block declaration_list accessor_list enum_member_declaration_list switch_body"),
        functions=_kinds(
            "method_declaration constructor_declaration local_function_statement lambda_expression class_declaration"
            " interface_declaration struct_declaration record_declaration enum_declaration namespace_declaration"
        ),
        imports_bind="",
    ),
    Language(
        "ruby",
        "tree_sitter_ruby:language",
        (".rb", ".rake", ".gemspec", ".ru"),
        filenames=("Rakefile", "Gemfile", "Guardfile", "Vagrantfile", "Podfile", "Brewfile"),
        shebangs=("ruby",),
        strings=_kinds("string heredoc_body regex string_array symbol_array"),
        blocks=_kinds("body_statement do_block block then else"),
        functions=_kinds("method singleton_method class module singleton_class lambda"),
        identifiers=("identifier", "constant", "instance_variable"),
        imports_bind="",
    ),
    Language(
        "php",
        "tree_sitter_php:language_php",
        (".php", ".phtml", ".php5"),
        shebangs=("php",),
        strings=_kinds("string encapsed_string heredoc nowdoc"),
        blocks=_kinds("compound_statement declaration_list enum_declaration_list switch_block"),
        functions=_kinds(
            "function_definition method_declaration anonymous_function arrow_function class_declaration"
            " interface_declaration trait_declaration enum_declaration"
        ),
        identifiers=("name", "variable_name"),
    ),
    Language(
        "bash",
        "tree_sitter_bash:language",
        (".sh", ".bash", ".zsh", ".ksh", ".bats", ".ebuild"),
        filenames=(".bashrc", ".bash_profile", ".bash_aliases", ".profile", ".zshrc", ".zprofile", "PKGBUILD"),
        shebangs=("sh", "bash", "zsh", "dash", "ksh"),
        ids=("shellscript", "sh", "bash", "zsh"),
        strings=_kinds("string raw_string ansi_c_string heredoc_body"),
        blocks=_kinds("compound_statement do_group subshell case_item"),
        functions=_kinds("function_definition"),
        identifiers=("variable_name", "word"),
        imports_bind="",
    ),
    Language(
        "lua",
        "tree_sitter_lua:language",
        (".lua", ".rockspec"),
        shebangs=("lua", "luajit"),
        blocks=_kinds("block table_constructor"),
        functions=_kinds("function_declaration function_definition"),
        imports_bind="",
    ),
    Language(
        "kotlin",
        "tree_sitter_kotlin:language",
        (".kt", ".kts"),
        comments=_SLASH_COMMENTS,
        strings=_kinds("string_literal multiline_string_literal character_literal"),
        blocks=_kinds("block function_body class_body enum_class_body"),
        functions=_kinds("function_declaration lambda_literal class_declaration object_declaration companion_object"),
    ),
    Language(
        "swift",
        "tree_sitter_swift:language",
        (".swift",),
        comments=_kinds("comment multiline_comment"),
        strings=_kinds("line_string_literal multi_line_string_literal raw_string_literal"),
        blocks=_kinds("function_body class_body protocol_body enum_class_body statements computed_property"),
        functions=_kinds("function_declaration init_declaration lambda_literal class_declaration protocol_declaration"),
        identifiers=("simple_identifier", "type_identifier"),
    ),
    Language(
        "scala",
        "tree_sitter_scala:language",
        (".scala", ".sc", ".sbt"),
        comments=_kinds("comment block_comment"),
        strings=_kinds("string interpolated_string character_literal"),
        blocks=_kinds("block template_body indented_block enum_body case_block"),
        functions=_kinds(
            "function_definition lambda_expression class_definition object_definition trait_definition enum_definition"
        ),
        identifiers=("identifier", "type_identifier"),
    ),
    Language(
        "dart",
        "tree_sitter_dart:language",
        (".dart",),
        comments=_kinds("comment documentation_comment"),
        strings=_kinds("string_literal"),
        blocks=_kinds("block class_body extension_body enum_body"),
        functions=_kinds(
            "function_signature method_signature function_body function_expression class_definition mixin_declaration"
            " extension_declaration enum_declaration"
        ),
        identifiers=("identifier", "type_identifier"),
        imports_bind="",
    ),
    Language(
        "sql",
        "tree_sitter_sql:language",
        (".sql", ".ddl", ".dml", ".psql"),
        ids=("sql", "mysql", "postgres", "plsql"),
        comments=_kinds("comment marginalia"),
        strings=_kinds("literal"),
        blocks=_kinds("column_definitions function_body"),
        functions=_kinds("create_function create_table create_view"),
        imports_bind="",
    ),
    Language(
        "html",
        "tree_sitter_html:language",
        (".html", ".htm", ".xhtml", ".vue", ".svelte"),
        ids=("html", "vue", "svelte", "django-html", "jinja-html"),
        strings=_kinds("quoted_attribute_value"),
        blocks=_kinds("element script_element style_element"),
        identifiers=("attribute_value", "tag_name"),
        imports_bind="",
    ),
    Language(
        "css",
        "tree_sitter_css:language",
        (".css", ".scss", ".less"),
        ids=("css", "scss", "less"),
        comments=_kinds("comment js_comment"),
        strings=_kinds("string_value"),
        blocks=_kinds("block keyframe_block_list"),
        functions=_kinds("rule_set media_statement keyframes_statement"),
        identifiers=("class_name", "id_name", "property_name", "tag_name"),
        imports_bind="",
    ),
    Language(
        "json",
        "tree_sitter_json:language",
        (".json", ".jsonc", ".json5", ".webmanifest", ".code-workspace", ".ipynb"),
        filenames=(".babelrc", ".eslintrc", ".prettierrc"),
        ids=("json", "jsonc"),
        blocks=_kinds("object array"),
        identifiers=(),
        imports_bind="",
    ),
    Language(
        "yaml",
        "tree_sitter_yaml:language",
        (".yaml", ".yml"),
        filenames=(".clang-format", ".clang-tidy"),
        ids=("yaml", "dockercompose", "github-actions-workflow"),
        deepest_column=120,  # up to two levels a column, and it keeps 255
        strings=_kinds("double_quote_scalar single_quote_scalar block_scalar"),
        blocks=_kinds("block_mapping block_sequence flow_mapping"),
        identifiers=(),
        imports_bind="",
    ),
    Language(
        "toml",
        "tree_sitter_toml:language",
        (".toml",),
        filenames=("Pipfile",),
        blocks=_kinds("table table_array_element inline_table"),
        identifiers=("bare_key",),
        imports_bind="",
    ),
    Language(
        "markdown",
        "tree_sitter_markdown:language",
        (".md", ".markdown", ".mdx", ".mkd"),
        ids=("markdown", "mdx"),
        comments=_kinds("html_block"),
        strings=_kinds("fenced_code_block"),
        blocks=_kinds("section"),
        identifiers=(),
        imports_bind="",
    ),
)


@dataclass(frozen=True, slots=True)
class _Tables:
    """What is looked up, made once."""

    by_name: dict[str, Language] = field(default_factory=lambda: {language.name: language for language in LANGUAGES})
    by_id: dict[str, str] = field(
        default_factory=lambda: {key: each.name for each in LANGUAGES for key in (each.name, *each.ids)}
    )
    by_extension: dict[str, str] = field(
        default_factory=lambda: {key: each.name for each in LANGUAGES for key in each.extensions}
    )
    by_filename: dict[str, str] = field(
        default_factory=lambda: {key: each.name for each in LANGUAGES for key in each.filenames}
    )
    by_shebang: dict[str, str] = field(
        default_factory=lambda: {key: each.name for each in LANGUAGES for key in each.shebangs}
    )


_TABLES = _Tables()
_SHEBANG = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*(?:\S*/)?)?([a-zA-Z][\w-]*?)[\d.]*(?:\s|$)")
_SHEBANG_LENGTH = 256  # what Linux reads of such a line


def get(name: str) -> Language | None:
    """The entry of our name `name`, None for "text" and all that is unknown."""
    return _TABLES.by_name.get(name)


def of_id(language_id: str) -> str:
    """Our name for an LSP language id; "text" when unknown."""
    return _TABLES.by_id.get(language_id, TEXT)


def of_name(filename: str) -> str:
    """Our name of the language by a file's name alone; "text" when unknown."""
    if known := _TABLES.by_filename.get(filename):
        return known
    dot = filename.rfind(".")
    return _TABLES.by_extension.get(filename[dot:].lower(), TEXT) if dot >= 0 else TEXT


def of_shebang(first_line: str) -> str:
    """Our name of the language that a first line `#!...` asks for; "text" when it does not."""
    match = _SHEBANG.match(first_line[:_SHEBANG_LENGTH])
    return _TABLES.by_shebang.get(match[1], TEXT) if match else TEXT


def of_path(path: PurePath, text: str = "") -> str:
    """Our name of the language by file name, else by the shebang of `text`; "text" when unknown."""
    known = of_name(path.name)
    return known if known != TEXT or not text.startswith("#!") else of_shebang(text[:200].split("\n", 1)[0])


def names() -> Iterable[str]:
    """All our names, in the order of `LANGUAGES`."""
    return _TABLES.by_name.keys()
